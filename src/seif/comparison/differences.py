"""Differences of shares between two runs, with 95% intervals."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from seif.evaluation.audit import Audit, Share, Z, newcombe, ratio, wilson
from seif.evaluation.results import Accuracy

Method = Literal["paired", "unpaired", "none"]
"""`paired`: task by task; `unpaired`: by the numbers of tasks or constraints alone; `none`: without an interval."""


@dataclass(frozen=True)
class Difference:
    """One run minus the first, as a share from -1 to 1, with its 95% interval where it has one."""

    value: float
    low: float | None = None
    high: float | None = None
    method: Method = "none"

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low is not None and self.high is not None and not self.low <= 0.0 <= self.high


def whole(ours: Accuracy, theirs: Accuracy, same_tasks: bool) -> Difference | None:
    """The difference of constraint accuracy; tasks, not constraints, count as independent. None: not measured."""
    if ours.constraint_accuracy is None or theirs.constraint_accuracy is None:
        return None
    if same_tasks and ours.holds and list(map(len, ours.holds)) == list(map(len, theirs.holds)):
        pairs = zip(ours.holds, theirs.holds, strict=True)
        return _normal("paired", *ratio((a.count("1") - b.count("1"), len(a)) for a, b in pairs))
    value = ours.constraint_accuracy - theirs.constraint_accuracy
    if ours.stderr is None or theirs.stderr is None:
        return Difference(value)
    return _normal("unpaired", value, math.hypot(ours.stderr, theirs.stderr))


def by_type(ours: Accuracy, theirs: Accuracy, same_tasks: bool) -> dict[str, Difference]:
    """The difference of each type that both runs measured."""
    found = {}
    for kind in sorted(ours.per_type.keys() & theirs.per_type.keys()):
        a, b = ours.per_type[kind], theirs.per_type[kind]
        if a is None or b is None:
            continue
        holds = ours.per_type_holds.get(kind, ""), theirs.per_type_holds.get(kind, "")
        if same_tasks and holds[0] and len(holds[0]) == len(holds[1]):
            found[kind] = _of("paired", paired_interval(*holds))
            continue
        counts = ours.per_type_n.get(kind, 0), theirs.per_type_n.get(kind, 0)
        shares = [wilson(round(share * n), n) for share, n in zip((a, b), counts, strict=True)]
        found[kind] = _of("unpaired", newcombe(*shares)) if all(counts) else Difference(a - b)
    return found


def audited(ours: Audit | None, theirs: Audit | None, same_tasks: bool) -> Difference | None:
    """The difference of audit accuracy, over the tasks that both runs answered. None: not both were audited."""
    if ours is None or theirs is None or ours.accuracy is None or theirs.accuracy is None:
        return None
    if same_tasks and len(ours.satisfied) == len(theirs.satisfied):
        both = zip(ours.satisfied, ours.constraints, theirs.satisfied, theirs.constraints, strict=True)
        known = [(a - b, size) for a, size, b, other in both if size and other]
        if known:
            return _normal("paired", *ratio(known))
    value = ours.accuracy - theirs.accuracy
    if ours.stderr is None or theirs.stderr is None:
        return Difference(value)
    return _normal("unpaired", value, math.hypot(ours.stderr, theirs.stderr))


def paired_interval(ours: str, theirs: str) -> Share:
    """The difference of two shares over the same tasks, marked 1 and 0 in the same order, with Newcombe's hybrid score
    interval for paired data (method 10 of Newcombe 1998, Statistics in Medicine 17:2635)."""
    n = len(ours)
    a, b = wilson(ours.count("1"), n), wilson(theirs.count("1"), n)
    if a.value is None or a.low is None or a.high is None or b.value is None or b.low is None or b.high is None:
        return Share()
    both, only_ours, only_theirs, neither = (
        sum((x, y) == cell for x, y in zip(ours, theirs, strict=True))
        for cell in (("1", "1"), ("1", "0"), ("0", "1"), ("0", "0"))
    )
    phi = _correlation(both, only_ours, only_theirs, neither)
    difference = a.value - b.value
    below = _length(a.value - a.low, b.high - b.value, phi)
    above = _length(a.high - a.value, b.value - b.low, phi)
    return Share(value=difference, low=difference - below, high=difference + above)


def methods(found: Iterable[Difference]) -> set[Method]:
    """By which methods the intervals were made."""
    return {one.method for one in found}


def _correlation(both: int, only_ours: int, only_theirs: int, neither: int) -> float:
    """Newcombe's phi, with his correction for continuity of a positive one."""
    margins = (both + only_ours) * (only_theirs + neither) * (both + only_theirs) * (only_ours + neither)
    if not margins:
        return 0.0
    product: float = both * neither - only_ours * only_theirs
    if product > 0:
        product = max(0.0, product - (both + only_ours + only_theirs + neither) / 2)
    return product / math.sqrt(margins)


def _length(a: float, b: float, phi: float) -> float:
    return math.sqrt(max(0.0, a * a - 2 * phi * a * b + b * b))


def _normal(method: Method, value: float, stderr: float) -> Difference:
    return Difference(value, value - Z * stderr, value + Z * stderr, method)


def _of(method: Method, share: Share) -> Difference:
    return Difference(share.value or 0.0, share.low, share.high, method)
