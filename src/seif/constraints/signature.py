"""What a constraint is counted as: its type with its values in buckets, and the shares of either in a collection."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from seif.constraints.parameters import AT_LEAST, LESS_THAN
from seif.constraints.taxonomy import type_of
from seif.types import Constraint, KwargValue


class Signature(NamedTuple):
    """Constraints with the same signature ask for about the same thing: at least 12 and at least 15 sentences."""

    kind: str
    """The type, as `type_of` gives it."""
    values: tuple[str, ...] = ()
    """One per kwarg that is given, in the order of the names: `num_sentences=10-19`, `relation=at least`, or `keyword`
    for a text, whose wording does not count.
    """


def signature_of(constraint: Constraint) -> Signature:
    """The signature of a constraint; of one that no rule checks, the type alone."""
    given = sorted((name, value) for name, value in constraint.kwargs.items() if value is not None)
    return Signature(type_of(constraint), tuple(_labelled(name, value) for name, value in given))


class Shares:
    """How much of a collection of constraints is like a given one."""

    def __init__(self, signatures: Iterable[Signature]) -> None:
        self._signatures = Counter(signatures)
        self._types = Counter[str]()
        for signature, count in self._signatures.items():
            self._types[signature.kind] += count
        self._total = self._types.total()

    def of(self, signature: Signature) -> float:
        """The mean of two shares of the collection, from 0 to 1: of the signature's type and of the signature itself.

        The type's share sees a favourite type whose values vary; the signature's sees a favourite value within a type.
        In an empty collection every share is 0.
        """
        if not self._total:
            return 0.0
        return (self._types[signature.kind] + self._signatures[signature]) / (2 * self._total)


_BOUNDS = (0, 1, 2, 3, 4, 5, 6, 10, 20, 50, 100, 200, 500, 1000)
"""Where the buckets of numbers begin; what is below the first, or not below the last, has one bucket each."""


def _labelled(name: str, value: KwargValue) -> str:
    if isinstance(value, str | list):
        return f"{name}={value}" if value in (AT_LEAST, LESS_THAN) else name
    return f"{name}={value if isinstance(value, bool) else _bucket(value)}"


def _bucket(number: float) -> str:
    place = bisect_right(_BOUNDS, number)
    if place == 0:
        return f"<{_BOUNDS[0]}"
    low = _BOUNDS[place - 1]
    if place == len(_BOUNDS):
        return f"{low}+"
    high = _BOUNDS[place] - 1
    return str(low) if low == high else f"{low}-{high}"
