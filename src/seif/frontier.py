"""The frontier gate in arithmetic: what answers to a candidate show, its score, and which candidates stay.

p of a constraint is the probability that the Follower satisfies it. With s of n judged answers satisfying it, and the
mean p' of its type over all probes of the generation, it is estimated as (s + 2p') / (n + 2). A constraint teaches the
more, the nearer p is to 1/2, so its score is 4p(1 - p), and a candidate's score is the mean over its constraints.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from seif.rewards import all_or_nothing
from seif.types import Verdict

_PRIOR = 2.0
"""How many answers the mean of the type counts for."""


@dataclass(frozen=True)
class Tally:
    """What the answers to one candidate showed."""

    types: tuple[str, ...]
    """Of its constraints."""
    satisfied: tuple[int, ...]
    """By constraint, how many answers satisfied it."""
    judged: tuple[int, ...]
    """By constraint, of how many answers that is known."""
    whole: int
    """Answers that satisfied all constraints."""
    decided: int
    """Answers of which it is known whether they did."""

    @classmethod
    def of(cls, types: Sequence[str], answers: Sequence[Sequence[Verdict]]) -> Tally:
        """Count `answers`, each a verdict per constraint."""
        columns = list(zip(*answers, strict=True)) or [()] * len(types)
        followed = [all_or_nothing(verdicts, ()) for verdicts in answers]
        return cls(
            tuple(types),
            tuple(column.count(Verdict.SATISFIED) for column in columns),
            tuple(len(column) - column.count(Verdict.UNJUDGED) for column in columns),
            followed.count(1.0),
            len(followed) - followed.count(None),
        )

    @property
    def always(self) -> bool:
        """Whether every judged verdict is satisfied."""
        return self.satisfied == self.judged

    @property
    def never(self) -> bool:
        """Whether every judged verdict is violated."""
        return not any(self.satisfied)


class TypeMeans:
    """How often each type's constraints are satisfied, over all tallies that were added."""

    def __init__(self) -> None:
        self._satisfied, self._judged = Counter[str](), Counter[str]()

    def add(self, tally: Tally) -> None:
        """Count one more candidate."""
        for kind, satisfied, judged in zip(tally.types, tally.satisfied, tally.judged, strict=True):
            self._satisfied[kind] += satisfied
            self._judged[kind] += judged

    def __getitem__(self, kind: str) -> float:
        """The smoothed mean (s + 1) / (n + 2), which is 1/2 for a type without verdicts."""
        return (self._satisfied[kind] + 1) / (self._judged[kind] + 2)

    @property
    def overall(self) -> float | None:
        """The share of all verdicts that are satisfied; None without verdicts."""
        judged = self._judged.total()
        return self._satisfied.total() / judged if judged else None


def smoothed(satisfied: int, judged: int, prior: float) -> float:
    """p of something of which `satisfied` out of `judged` are known, where p is `prior` without any."""
    return (satisfied + _PRIOR * prior) / (judged + _PRIOR)


def score(tally: Tally, means: TypeMeans, whole: bool = False) -> float:
    """From 0 to 1: the mean of 4p(1 - p) over the judged constraints; `whole`: 4P(1 - P).

    P is for all constraints together, as an all-or-nothing reward sees them; its prior is the product of the types'
    means. Without any verdict the score is 0.
    """
    if whole:
        p = smoothed(tally.whole, tally.decided, math.prod(means[kind] for kind in tally.types))
        return 4 * p * (1 - p) if any(tally.judged) else 0.0
    known = [
        smoothed(satisfied, judged, means[kind])
        for kind, satisfied, judged in zip(tally.types, tally.satisfied, tally.judged, strict=True)
        if judged
    ]
    return sum(4 * p * (1 - p) for p in known) / len(known) if known else 0.0


@dataclass(frozen=True)
class Selection:
    """Which candidates stay."""

    chosen: bytearray
    """By candidate, 1 for those that stay: at most one of each seed."""
    over_quota: int
    """Candidates that were passed over because of the quota, while their seed had none."""


def select(
    scores: array[float], width: int, types_of: Callable[[int], Sequence[str]], quota: float, constraints: float
) -> Selection:
    """The best candidate of each seed, by descending score over all seeds, under a quota per type.

    Candidate i is one of seed i // `width`; one whose score is NaN never stays. A candidate is taken if its seed has
    none yet and no type then has more than `quota` * M constraints in the pool, at least one. M is the expected size of
    the pool: the number of seeds with a candidate that can stay, times `constraints`, their mean number in a candidate.
    Equal scores are taken in order.
    """
    chosen, taken = bytearray(len(scores)), bytearray(len(scores) // width)
    expected = sum(any(s == s for s in scores[i : i + width]) for i in range(0, len(scores), width)) * constraints
    # A product such as 0.2 * 15 must not fall below 3 by rounding.
    limit = max(1, math.floor(quota * expected + 1e-9))
    pool, over_quota = Counter[str](), 0
    for i in _descending(scores):
        if scores[i] != scores[i]:
            break
        if taken[i // width]:
            continue
        own = Counter(types_of(i))
        if any(pool[kind] + count > limit for kind, count in own.items()):
            over_quota += 1
            continue
        pool += own
        chosen[i] = taken[i // width] = 1
    return Selection(chosen, over_quota)


def _descending(scores: array[float]) -> Any:
    """The places of the scores from the highest to the lowest, equal ones in order, NaN last: 8 bytes each."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = pa.Array.from_buffers(pa.float64(), len(scores), [None, pa.py_buffer(scores)])
    places = pc.array_sort_indices(column, order="descending")
    return memoryview(places.buffers()[1]).cast("Q")[: len(scores)]
