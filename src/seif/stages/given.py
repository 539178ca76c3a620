"""[2] Generate, where the instructions are given: they are taken in place of generated ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from seif.atomic import write_json
from seif.constraints.taxonomy import type_of
from seif.errors import UsageError
from seif.evaluation.held_out import describe_instructions
from seif.evaluation.results import GenerationNumbers
from seif.instructions import iter_instructions, write_instructions
from seif.seeds import Fingerprints
from seif.types import Instruction


def take(
    instructions: Path, seeds: Sequence[str], out: Path, stats: Path, held_out_types: frozenset[str] = frozenset()
) -> int:
    """The user's instructions in place of generated ones, less those whose question is not among `seeds` and those with
    a constraint of `held_out_types`, of which the number is returned; `stats` and `out` as `generate` writes them.

    Raises UsageError when none is left.
    """
    taken = _Taken(instructions, Fingerprints(seeds), held_out_types)
    pool = describe_instructions(taken)
    if not pool.instructions:
        raise UsageError(
            f"no instruction of {instructions} is left to train on; give "
            "it questions and types that the held-out and benchmark files don't have"
        )
    write_json(stats, GenerationNumbers.of(pool, pool.conflict_share, pool.instructions).to_json())
    write_instructions(out, taken)
    return sum(map(taken.holds_out, taken.asked()))


@dataclass(frozen=True)
class _Taken:
    """The instructions of a file whose question is wanted and that have no held-out type."""

    file: Path
    wanted: Fingerprints
    held_out_types: frozenset[str]

    def __iter__(self) -> Iterator[Instruction]:
        return (x for x in self.asked() if not self.holds_out(x))

    def asked(self) -> Iterator[Instruction]:
        """Those whose question is wanted."""
        return (x for x in iter_instructions(self.file) if x.seed in self.wanted)

    def holds_out(self, instruction: Instruction) -> bool:
        """Whether the instruction has a constraint of a held-out type."""
        return any(type_of(constraint) in self.held_out_types for constraint in instruction.constraints)
