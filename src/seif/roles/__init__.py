"""How each role is asked, and how its words are read."""
