"""[2] Generate, where the instructions are given: they are taken in place of generated ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from seif.atomic import write_json
from seif.errors import UsageError
from seif.evaluation.held_out import describe_instructions
from seif.evaluation.results import GenerationNumbers
from seif.instructions import iter_instructions, write_instructions
from seif.seeds import Fingerprints
from seif.types import Instruction


def take(instructions: Path, seeds: Sequence[str], out: Path, stats: Path) -> None:
    """The user's instructions in place of generated ones, less those whose question is not among `seeds`; `stats` and
    `out` as `generate` writes them.

    Raises UsageError when none is left.
    """
    taken = _Taken(instructions, Fingerprints(seeds))
    pool = describe_instructions(taken)
    if not pool.instructions:
        raise UsageError(
            f"no instruction of {instructions} is left to train on; give "
            "it questions that the held-out and benchmark files don't have"
        )
    write_json(stats, GenerationNumbers.of(pool, pool.conflict_share, pool.instructions).to_json())
    write_instructions(out, taken)


@dataclass(frozen=True)
class _Taken:
    """The instructions of a file whose question is wanted."""

    file: Path
    wanted: Fingerprints

    def __iter__(self) -> Iterator[Instruction]:
        return (x for x in iter_instructions(self.file) if x.seed in self.wanted)
