"""What calls to a paid API cost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

from seif.errors import UsageError


@dataclass(frozen=True)
class Price:
    """Of a million tokens, in any currency."""

    read: float
    written: float

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `IN` or `IN,OUT`. Raises UsageError for anything else."""
        try:
            values = [float(part) for part in text.split(",")]
        except ValueError:
            values = []
        if len(values) not in (1, 2) or not all(math.isfinite(value) and value >= 0 for value in values):
            raise UsageError(
                f"--price-per-mtok {text}: give the price of a million tokens, IN or IN,OUT, e.g. 0.15,0.60"
            )
        return cls(values[0], values[-1])

    def of(self, read: float, written: float) -> float:
        """The price of so many tokens."""
        return (read * self.read + written * self.written) / 1e6
