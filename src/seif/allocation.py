"""What the Instructor is asked to write for a seed question: how many constraints, and of which types.

With `instructor.allocation: none` only the number is asked for, as in the paper; with `even` or `bandit` the types are
named in the prompt too.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from seif.config import Config, Instructor, Template
from seif.constraints import TYPES
from seif.constraints.compiler import compile_text
from seif.constraints.conflicts import find_conflict
from seif.constraints.taxonomy import type_of
from seif.instructions import types_in
from seif.outcomes import iter_outcomes
from seif.roles.instructor import choose_template
from seif.stage_log import Outcome

Arm = tuple[str, int]
"""What the bandit chooses among: a constraint type, and how many constraints the instruction has."""
DISCOUNT = 0.1
"""What an observation counts in comparison with one of a turn later; within a turn the weight rises evenly on this
scale, because what a Follower can learn by a type changes while it learns."""
PRIOR = 8
"""Observations that the value of an arm's type counts for in the arm's own."""


@dataclass(frozen=True)
class Ask:
    """What the Instructor is asked for one seed question."""

    template: Template
    types: tuple[str, ...] = ()
    """Ids of the types that the constraints shall have; empty: the Instructor chooses."""


@dataclass(frozen=True)
class ArmValues:
    """How much a Follower can learn by each arm: the mean of 4p(1 - p) over what was observed."""

    types: Mapping[str, float]
    arms: Mapping[Arm, float]

    def of(self, kind: str, count: int) -> float:
        """The value of an arm; of one without observations its type's, and of such a type the highest that was seen."""
        return self.arms.get((kind, count), self.types.get(kind, max(self.arms.values())))


def allocation_values(turns: Sequence[Sequence[Outcome]]) -> ArmValues | None:
    """The values after these turns, oldest first; None where nothing was judged.

    An observation is a constraint of an instruction that n > 1 verdicts of one step judge and s find satisfied. Its
    value, 4s(n - s)/(n(n - 1)), is an unbiased estimate of 4p(1 - p), so a type of which each instruction is always or
    never followed has 0. Steps are not added up: p changes between them. An arm with few of them is drawn towards its
    type.
    """
    weights: dict[str | Arm, float] = defaultdict(float)
    sums: dict[str | Arm, float] = defaultdict(float)
    for turns_ago, outcomes in enumerate(reversed(turns)):
        for place, outcome in enumerate(outcomes, 1):
            weight = DISCOUNT ** (turns_ago + 1 - place / len(outcomes))
            for arm, value in _observations(outcome):
                for key in (arm, arm[0]):
                    weights[key] += weight
                    sums[key] += weight * value
    if not sums:
        return None
    types = {key: total / weights[key] for key, total in sums.items() if isinstance(key, str)}
    arms = {
        key: (total + PRIOR * types[key[0]]) / (weights[key] + PRIOR)
        for key, total in sums.items()
        if not isinstance(key, str)
    }
    return ArmValues(types, arms)


def _observations(outcome: Outcome) -> Iterator[tuple[Arm, float]]:
    for text, s, n in zip(outcome.constraints, outcome.satisfied, outcome.judged, strict=True):
        if n > 1:
            yield (_type(text), len(outcome.constraints)), 4 * s * (n - s) / (n * (n - 1))


class Allocation:
    """Draws asks; each is seeded by its place, so that a resumed run draws the same ones."""

    def __init__(self, config: Config, turn: int, values: ArmValues | None = None) -> None:
        """`values`, for `bandit`: what the turns before have shown; without them its draws are even."""
        self.settings, self.seed, self.turn, self.values = config.instructor, config.seed, turn, values
        forbidden = types_in(config.held_out_types)
        self._types = [kind for kind in types_of(config.instructor) if kind not in forbidden]

    @classmethod
    def after(cls, config: Config, turn: int, outcomes: Sequence[Path]) -> Self:
        """The allocation of a turn after those with these files of outcomes, oldest first.

        Raises RunError for one that `bandit` would read and that is not there.
        """
        if config.instructor.allocation != "bandit":
            return cls(config, turn)
        return cls(config, turn, allocation_values([list(iter_outcomes(path)) for path in outcomes]))

    def ask(self, index: int, *draw: int) -> Ask:
        """The ask for seed question `index`; `draw` tells several asks for one question apart.

        It names fewer types than constraints where too few go together, and none in turn 0, which measures the base.
        """
        settings, values = self.settings, self.values
        if settings.allocation == "none" or not self.turn:
            return Ask(choose_template(settings.templates, self.seed, self.turn, index))
        rng = random.Random("/".join(map(str, ("ask", self.seed, self.turn, index, *draw))))
        if values is None:
            template = choose_template(settings.templates, self.seed, self.turn, index)
            return Ask(template, _draw(rng, dict.fromkeys(self._types, 1.0), template.constraints))
        of_templates = [sum(values.of(kind, t.constraints) for kind in self._types) for t in settings.templates]
        (template,) = rng.choices(settings.templates, self._explored(of_templates))
        of_types = self._explored([values.of(kind, template.constraints) for kind in self._types])
        return Ask(template, _draw(rng, dict(zip(self._types, of_types, strict=True)), template.constraints))

    def _explored(self, values: Sequence[float]) -> list[float]:
        """Probabilities: even with that of `explore`, else in proportion to the values."""
        even, total = self.settings.explore / len(values), sum(values)
        return [even + (1 - self.settings.explore) * (value / total if total else 1 / len(values)) for value in values]


def types_of(settings: Instructor) -> Sequence[str]:
    """The types that may be asked for."""
    return settings.types or tuple(kind.id for kind in TYPES.values() if kind.hard and kind.asked)


def _draw(rng: random.Random, weights: Mapping[str, float], count: int) -> tuple[str, ...]:
    """At most `count` different types that go together."""
    chosen: list[str] = []
    left = dict(weights)
    while left and len(chosen) < count:
        known = list(left.values()) if any(left.values()) else None
        (kind,) = rng.choices(list(left), known)
        chosen.append(kind)
        left = {other: w for other, w in left.items() if other != kind and not _exclude(kind, other)}
    return tuple(chosen)


@TYPES.cached(maxsize=None)
def _exclude(first: str, second: str) -> bool:
    """Whether rules find that the examples of two types contradict each other."""
    return find_conflict(tuple(compile_text(TYPES.get(name).example) for name in (first, second))) is not None


@TYPES.cached(maxsize=10_000)
def _type(text: str) -> str:
    return type_of(compile_text(text))
