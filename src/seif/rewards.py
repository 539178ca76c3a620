"""Rewards as arithmetic over verdicts, in two registries.

A reward of None: nothing could be judged, and the sample leaves its group.

A plugin adds its own, and the config names it:

    from seif.rewards import instructor_reward

    @instructor_reward("squared")
    def squared(adherences): ...
"""

from __future__ import annotations

import inspect
import math
import random
from collections.abc import Callable, Sequence
from itertools import zip_longest
from numbers import Real
from typing import Protocol

from seif.constraints.signature import Signature
from seif.errors import RunError
from seif.registry import Registry
from seif.types import Verdict

FollowerReward = Callable[..., float | None]
"""(verdicts of one answer, soft scores) -> reward from 0 to 1.

A soft score, where known, stands for the verdict's 1 or 0. With `judger.weights: anchored` it is a corrected verdict,
from -1 to 2, and so may the reward be. A function with a parameter `seed` also gets that, see `call`.
"""
InstructorReward = Callable[..., float | None]
"""(adherence of each answer to one instruction, None where nothing was judged) -> reward from 0 to 1.

With `instructor.per_constraint`, each answer's value for one constraint stands in place of its adherence. With
`judger.weights: anchored` both are means of corrected verdicts, from -1 to 2. A function with a parameter `seed` also
gets that, see `call`.
"""
FOLLOWER_REWARDS: Registry[FollowerReward] = Registry("Follower reward")
INSTRUCTOR_REWARDS: Registry[InstructorReward] = Registry("Instructor reward")
follower_reward = FOLLOWER_REWARDS.register
instructor_reward = INSTRUCTOR_REWARDS.register


def call(reward: Callable[..., float | None], *inputs: object, seed: int) -> float | None:
    """The reward of `inputs`; a reward with a parameter `seed` gets the sample's.

    The seed depends on the run's seed, the turn, the role, the step and the sample's place in it, so a resumed run has
    the same one. Raises what the reward raises, and RunError where it returns anything but a finite number or None.
    """
    seeded = "seed" in inspect.signature(reward).parameters
    found = reward(*inputs, seed=seed) if seeded else reward(*inputs)
    if found is None or (isinstance(found, Real) and math.isfinite(found)):
        return found
    name = getattr(reward, "__name__", "reward")
    raise RunError(f"the reward {name} returned {found!r:.60}; return a finite number, or None")


# --- of the Follower --------------------------------------------------------------------------------------------------


def values_of(verdicts: Sequence[Verdict], soft_scores: Sequence[float | None]) -> list[float | None]:
    """1, 0 or the soft score, where known, of each constraint of an answer; None where it is unjudged."""
    return [
        None if verdict is Verdict.UNJUDGED else float(verdict is Verdict.SATISFIED) if soft is None else soft
        for verdict, soft in zip(verdicts, soft_scores, strict=True)
    ]


@follower_reward("constraint_mean")
def constraint_mean(verdicts: Sequence[Verdict], soft_scores: Sequence[float | None]) -> float | None:
    """R_F = A(x, y): the mean over judged constraints (SEIF, arXiv 2605.07465), of soft scores where known (arXiv
    2510.14420).
    """
    return _mean(values_of(verdicts, soft_scores))


@follower_reward("all_or_nothing")
def all_or_nothing(verdicts: Sequence[Verdict], soft_scores: Sequence[float | None]) -> float | None:
    """1 when every constraint is satisfied, 0 when one is violated; None when that hangs on an unjudged one."""
    if Verdict.VIOLATED in verdicts:
        return 0.0
    return None if Verdict.UNJUDGED in verdicts or not verdicts else 1.0


@follower_reward("random")
def random_follower(verdicts: Sequence[Verdict], soft_scores: Sequence[float | None], *, seed: int) -> float | None:
    """A control: uniform from 0 to 1, whatever the verdicts are.

    None where `constraint_mean` is, so that the same samples leave their groups; and as under any reward, an answer of
    bad format never gets here and has 0. What the control lacks is the verdicts, and nothing else.
    """
    return None if constraint_mean(verdicts, soft_scores) is None else random.Random(seed).random()


# --- of the Instructor ------------------------------------------------------------------------------------------------


@instructor_reward("adversarial")
def adversarial(adherences: Sequence[float | None]) -> float | None:
    """R_I = 1 - A(x, y), averaged over the answers that could be judged (the paper takes one answer)."""
    p = _mean(adherences)
    return None if p is None else 1 - p


@instructor_reward("learnability")
def learnability(adherences: Sequence[float | None]) -> float | None:
    """4p(1 - p) with p the mean adherence: highest for an instruction that the Follower follows half of the time.

    Means of corrected verdicts are kept within 0 and 1.
    """
    p = _share(adherences)
    return None if p is None else 4 * p * (1 - p)


INSTRUCTOR_REWARDS.add("frontier", learnability)  # what it was called first


@instructor_reward("solvable")
def solvable(adherences: Sequence[float | None]) -> float | None:
    """1 - p with p the mean adherence, but 0 where p is 0: as hard as can be, and never out of reach.

    Means of corrected verdicts are kept within 0 and 1.
    """
    p = _share(adherences)
    return None if p is None else 1 - p if p > 0 else 0.0


@instructor_reward("random")
def random_instructor(adherences: Sequence[float | None], *, seed: int) -> float | None:
    """A control: uniform from 0 to 1, whatever the adherences are; None where nothing was judged, as in any reward."""
    return None if _mean(adherences) is None else random.Random(seed).random()


def per_constraint(
    reward: Callable[[Sequence[float | None]], float | None], answers: Sequence[Sequence[float | None]]
) -> float | None:
    """The mean over constraints of `reward`, which gets each answer's value for the constraint.

    `answers` holds a row of `values_of` per answer; one that could not be judged as a whole may have a shorter row. A
    constraint that no answer was judged on leaves the mean; None where all do.
    """
    columns = zip_longest(*answers)
    return _mean([reward(column) for column in columns if any(value is not None for value in column)])


class SharesOf(Protocol):
    """What says how common a signature is, from 0 to 1: `Shares` of a batch, or an `Archive` of earlier pools."""

    def of(self, signature: Signature) -> float:
        """The share of a signature."""
        ...


def share_penalty(signatures: Sequence[Signature], shares: SharesOf, weight: float) -> float:
    """`weight` times the mean share of an instruction's constraints; 0 for an instruction without any.

        penalty = weight * mean over constraints c of (share of c's type + share of c's signature) / 2

    With equal rewards the penalty is equal for all only where types are equally frequent, and values within each type
    are too: a policy gains by moving from what is more frequent to what is less. Two types of unequal reward come to
    rest where their shares (of type and signature, averaged) differ by the difference of rewards over the weight, so
    collapse onto one needs a lead in reward larger than the weight.
    """
    return weight * sum(map(shares.of, signatures)) / len(signatures) if signatures else 0.0


def _share(adherences: Sequence[float | None]) -> float | None:
    """The mean adherence, kept within 0 and 1 where verdicts are corrected."""
    p = _mean(adherences)
    return None if p is None else min(1.0, max(0.0, p))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
