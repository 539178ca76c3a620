"""An Instructor reward of one's own: instructions that the Follower follows in some of its answers, and not in all.

plugins: [../examples/instructor_reward.py]          # in a config
instructor: {reward: mixed_outcomes, answers: 4}
"""

from collections.abc import Sequence

from seif.rewards import instructor_reward


@instructor_reward("mixed_outcomes")
def mixed_outcomes(adherences: Sequence[float | None]) -> float | None:
    """1 where some answer satisfies every constraint and some answer does not; None where nothing was judged."""
    judged = [adherence for adherence in adherences if adherence is not None]
    if not judged:
        return None
    return float(max(judged) == 1.0 and min(judged) < 1.0)
