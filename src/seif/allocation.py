"""What the Instructor is asked to write for a seed question: how many constraints, and of which types.

With `instructor.allocation: none` only the number is asked for, as in the paper; with `even` or `bandit` the types are
named in the prompt too.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from seif.config import Config, Instructor, Template
from seif.constraints import TYPES
from seif.roles.instructor import choose_template


@dataclass(frozen=True)
class Ask:
    """What the Instructor is asked for one seed question."""

    template: Template
    types: tuple[str, ...] = ()
    """Ids of the types that the constraints shall have; empty: the Instructor chooses."""


class Allocation:
    """Draws asks; each is seeded by its place, so that a resumed run draws the same ones."""

    def __init__(self, config: Config, turn: int) -> None:
        self.settings, self.seed, self.turn = config.instructor, config.seed, turn
        self._types = types_of(config.instructor)

    def ask(self, index: int, *draw: int) -> Ask:
        """The ask for seed question `index`; `draw` tells several asks for one question apart."""
        template = choose_template(self.settings.templates, self.seed, self.turn, index)
        if self.settings.allocation == "none":
            return Ask(template)
        rng = random.Random("/".join(map(str, ("ask", self.seed, self.turn, index, *draw))))
        return Ask(template, tuple(rng.sample(self._types, min(template.constraints, len(self._types)))))


def types_of(settings: Instructor) -> Sequence[str]:
    """The types that may be asked for."""
    return settings.types or tuple(kind.id for kind in TYPES.values() if kind.hard and kind.asked)
