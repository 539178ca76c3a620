"""How good a Follower and a Judger are, by exact checks."""
