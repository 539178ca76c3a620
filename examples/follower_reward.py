"""A Follower reward of one's own: the later constraints of an instruction count more.

plugins: [../examples/follower_reward.py]            # in a config
follower: {reward: later_counts_more}
"""

from collections.abc import Sequence

from seif.rewards import follower_reward
from seif.types import Verdict


@follower_reward("later_counts_more")
def later_counts_more(verdicts: Sequence[Verdict], soft_scores: Sequence[float | None]) -> float | None:
    """The mean of 1 (satisfied) and 0 (violated) with weights 1, 2, 3, ...; what is unjudged is left out of it."""
    judged = [(weight, verdict) for weight, verdict in enumerate(verdicts, 1) if verdict is not Verdict.UNJUDGED]
    if not judged:
        return None
    satisfied = sum(weight for weight, verdict in judged if verdict is Verdict.SATISFIED)
    return satisfied / sum(weight for weight, _ in judged)
