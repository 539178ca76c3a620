"""User-defined metrics: numbers about the scored rollouts of a training step, beside the built-in ones.

@metrics.register("mean_words")
def mean_words(rollouts: Sequence[ScoredRollout]) -> float: ...
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from seif.errors import RunError, named
from seif.registry import Registry
from seif.scoring import Score

Role = Literal["instructor", "follower"]


@dataclass(frozen=True)
class ScoredRollout:
    """One rollout with its reward and what led to it."""

    role: Role
    """Who wrote it."""
    prompt: str
    """The seed question (Instructor), or the instruction or general question (Follower)."""
    text: str
    finished: bool
    """Whether it wrote its end token."""
    score: Score


Metric = Callable[[Sequence[ScoredRollout]], float | None]
"""A number for a step's rollouts; None where it has none.

It goes to metrics.jsonl and to the trackers under its name.
"""
metrics: Registry[Metric] = Registry("metric")


def measure(rollouts: Sequence[ScoredRollout]) -> dict[str, float]:
    """Every registered metric of a step.

    Raises RunError for one that fails, or returns anything but a finite number or None.
    """
    found = {}
    for name in metrics:
        with named(f"the metric {name!r}"):
            value = metrics.get(name)(rollouts)
        if value is None:
            continue
        if not isinstance(value, int | float) or not math.isfinite(value):
            raise RunError(f"the metric {name!r} returned {value!r}; return a finite number, or None")
        found[name] = float(value)
    return found
