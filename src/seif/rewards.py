"""Rewards as arithmetic over verdicts, in two registries.

A reward of None: nothing could be judged, and the sample leaves its group.

A plugin adds its own, and the config names it:

    from seif.rewards import instructor_reward

    @instructor_reward("solvable")
    def solvable(adherences): ...
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from seif.registry import Registry
from seif.types import Verdict

FollowerReward = Callable[[Sequence[Verdict], Sequence[float | None]], float | None]
"""(verdicts of one answer, soft scores) -> reward from 0 to 1.

A soft score, where known, stands for the verdict's 1 or 0. With `judger.weights: anchored` it is a corrected verdict,
from -1 to 2, and so may the reward be.
"""
InstructorReward = Callable[[Sequence[float | None]], float | None]
"""(adherence of each answer to one instruction, None where nothing was judged) -> reward from 0 to 1.

With `judger.weights: anchored` an adherence is a mean of corrected verdicts, from -1 to 2.
"""
FOLLOWER_REWARDS: Registry[FollowerReward] = Registry("Follower reward")
INSTRUCTOR_REWARDS: Registry[InstructorReward] = Registry("Instructor reward")
follower_reward = FOLLOWER_REWARDS.register
instructor_reward = INSTRUCTOR_REWARDS.register


@follower_reward("constraint_mean")
def constraint_mean(verdicts: Sequence[Verdict], soft_scores: Sequence[float | None]) -> float | None:
    """R_F = A(x, y): the mean over judged constraints (SEIF, arXiv 2605.07465), of soft scores where known (arXiv
    2510.14420).
    """
    known = [
        float(verdict is Verdict.SATISFIED) if soft is None else soft
        for verdict, soft in zip(verdicts, soft_scores, strict=True)
        if verdict is not Verdict.UNJUDGED
    ]
    return sum(known) / len(known) if known else None


@follower_reward("all_or_nothing")
def all_or_nothing(verdicts: Sequence[Verdict], soft_scores: Sequence[float | None]) -> float | None:
    """1 when every constraint is satisfied, 0 when one is violated; None when that hangs on an unjudged one."""
    if Verdict.VIOLATED in verdicts:
        return 0.0
    return None if Verdict.UNJUDGED in verdicts or not verdicts else 1.0


@instructor_reward("adversarial")
def adversarial(adherences: Sequence[float | None]) -> float | None:
    """R_I = 1 - A(x, y), averaged over the answers that could be judged (the paper takes one answer)."""
    judged = [a for a in adherences if a is not None]
    return 1 - sum(judged) / len(judged) if judged else None


@instructor_reward("learnability")
def learnability(adherences: Sequence[float | None]) -> float | None:
    """4p(1 - p) with p the mean adherence: highest for an instruction that the Follower follows half of the time."""
    judged = [a for a in adherences if a is not None]
    if not judged:
        return None
    p = sum(judged) / len(judged)
    return 4 * p * (1 - p)


INSTRUCTOR_REWARDS.add("frontier", learnability)  # what it was called first


def share_penalties(types: Sequence[Sequence[str]], weight: float) -> list[float]:
    """Per instruction: `weight` times the mean share that its constraint types have among all constraints of the batch.

    It is highest for an instruction made of the batch's favourite type, and 0 for an empty one.
    """
    counts = Counter(t for row in types for t in row)
    total = counts.total()
    return [weight * sum(counts[t] / total for t in row) / len(row) if row else 0.0 for row in types]
