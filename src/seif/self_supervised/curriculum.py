"""The incremental curriculum: an instruction with k constraints becomes levels 1 to k; level j asks for the first j
(arXiv 2510.14420).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from seif.config import Config
from seif.constraints import TYPES
from seif.errors import UsageError
from seif.quantities import quantity
from seif.training.data import permuted
from seif.types import Constraint, Instruction


@dataclass(frozen=True)
class Level:
    """What one level holds: the instructions cut to `number` constraints, and which ones of the file they are."""

    number: int
    instructions: tuple[Instruction, ...]
    indices: tuple[int, ...]


def cut(instruction: Instruction, level: int) -> Instruction:
    """The instruction with its first `level` constraints; level 0 is the question alone."""
    return Instruction(instruction.seed, instruction.constraints[:level])


def levels(instructions: Sequence[Instruction], highest: int | None = None) -> list[Level]:
    """Levels 1 to `highest`, by default to the most constraints that any instruction has.

    Raises UsageError for a level without an instruction.
    """
    longest = max((len(x.constraints) for x in instructions), default=0)
    if longest < (highest or 1):
        fewer = " or ask for fewer levels" if highest else ""
        raise empty_level(len(instructions), longest, fewer)
    found = []
    for number in range(1, (highest or longest) + 1):
        indices = tuple(i for i, x in enumerate(instructions) if len(x.constraints) >= number)
        found.append(Level(number, tuple(cut(instructions[i], number) for i in indices), indices))
    return found


def empty_level(instructions: int, longest: int, fewer: str = "") -> UsageError:
    """What to say where one more level than the `longest` instruction has constraints is wanted."""
    has = f"the longest of {quantity(instructions, 'instruction')} has {longest:,}"
    return UsageError(f"level {longest + 1} is empty: {has}; add instructions with more constraints{fewer}")


def stretch(groups: Sequence[Sequence[int]], places: int, rng: random.Random) -> list[int]:
    """`places` rows, group after group.

    Each gets places by its size, and fills them with one permutation of itself after another.
    """
    total = sum(map(len, groups))
    rows: list[int] = []
    passed = 0
    for group in groups:
        passed += len(group)
        end = places * passed // total
        while len(rows) < end:
            rows += [group[place] for place in permuted(len(group), min(len(group), end - len(rows)), rng)]
    return rows


def data_order(
    groups: Sequence[Sequence[int]], general: Sequence[int], share: float, per_step: int, steps: int, seed: int
) -> list[int]:
    """Row numbers for `steps` batches of `per_step`: the groups in order, and in every batch its part of `general`
    rows.

    Over the steps the general rows fill `share` of the places as exactly as whole rows can.
    """
    rng = random.Random(f"curriculum/{seed}")
    ends = [round(share * per_step * step) if general else 0 for step in range(steps + 1)]
    own = stretch(groups, per_step * steps - ends[-1], rng)
    others = stretch([general], ends[-1], rng) if general else []
    rows: list[int] = []
    for step in range(steps):
        rows += own[step * per_step - ends[step] : (step + 1) * per_step - ends[step + 1]]
        rows += others[ends[step] : ends[step + 1]]
    return rows


# --- soft constraints -------------------------------------------------------------------------------------------------


def check_soft_types(soft_types: Iterable[str]) -> None:
    """Raises UsageError for an id that no entry of the taxonomy has."""
    for name in soft_types:
        if name not in TYPES or not TYPES.get(name).hard:
            raise UsageError(
                f"self_supervised.soft_types: {name!r} is no type that a rule checks; docs/types.md lists them"
            )


def check_some_are_soft(instructions: Iterable[Instruction], is_soft: Callable[[Constraint], bool]) -> None:
    """Raises UsageError when no constraint is soft."""
    if not any(is_soft(c) for x in instructions for c in x.constraints):
        raise UsageError(
            "no constraint is soft: rules check them all, so there is "
            "nothing to learn; name types in self_supervised.soft_types"
        )


def soft(config: Config) -> Callable[[Constraint], bool]:
    """Which constraints no rule judges in training: all for a Judger without rules, else those of soft types and those
    that no rule checks.
    """
    if config.judger.kind not in ("rules", "hybrid"):
        return lambda constraint: True
    return lambda constraint: not constraint.checkable or constraint.instruction_id in config.self_supervised.soft_types
