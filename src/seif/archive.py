"""What earlier turns asked for, so that the Instructor does not come back to it.

The share penalty looks at one batch, so an Instructor could still go in circles: to a new favourite every turn, and
back to the first. The archive remembers the pools of all earlier turns. It is read from the run directory, so a resumed
run has the same one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

from seif.constraints.signature import Shares, Signature, signature_of
from seif.instructions import iter_instructions


class Archive:
    """Shares of types and signatures in the pools of earlier turns; each turn counts twice as much as the one before.

    With pools 1 to n, the share of a signature is the mean of `Shares.of` over them with weights 2^1 to 2^n.
    """

    def __init__(self, pools: Iterable[Iterable[Signature]] = ()) -> None:
        """`pools`: the signatures of each pool's constraints, the oldest pool first."""
        self._pools = [Shares(pool) for pool in pools]

    @classmethod
    def read(cls, pools: Sequence[Path]) -> Self:
        """From instruction files, the oldest first. Raises UsageError for one that can't be read."""
        return cls(_signatures(pool) for pool in pools)

    def of(self, signature: Signature) -> float:
        """The share of a signature, from 0 to 1; 0 before there is a pool."""
        share = 0.0
        weight = 0.0
        for pool in self._pools:
            share, weight = share / 2 + pool.of(signature), weight / 2 + 1
        return share / weight if weight else 0.0


def _signatures(pool: Path) -> Iterable[Signature]:
    return (signature_of(c) for instruction in iter_instructions(pool) for c in instruction.constraints)
