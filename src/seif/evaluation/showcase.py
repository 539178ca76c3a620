"""The seeds that the report shows turn by turn, the same in memory and in JSON: a turn's `showcase.json`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from seif.atomic import damaged, read_json, write_json


@dataclass(frozen=True)
class ShownConstraint:
    """A constraint of a shown instruction."""

    text: str
    holds: bool | None
    """What the verifier says of the answer; None where there is no verifier or no answer."""


@dataclass(frozen=True)
class ShownSeed:
    """A seed, the instruction that the turn's Instructor made of it, and the Follower's greedy answer."""

    seed: str
    constraints: tuple[ShownConstraint, ...] = ()
    """Empty where no usable instruction was written."""
    answer: str | None = None
    """None where there is none in the required format."""
    conflict: str | None = None
    """Why the constraints exclude each other, where rules prove that they do."""


def write_showcase(path: Path, seeds: Sequence[ShownSeed]) -> None:
    """Write a turn's showcase atomically."""
    write_json(path, [asdict(shown) for shown in seeds])


def read_showcase(path: Path) -> list[ShownSeed]:
    """What `write_showcase` wrote; empty where there is no file. Raises DamagedFile for a file that is damaged."""
    if not path.exists():
        return []
    try:
        return [
            ShownSeed(
                seed=entry["seed"],
                constraints=tuple(ShownConstraint(c["text"], c["holds"]) for c in entry["constraints"]),
                answer=entry["answer"],
                conflict=entry["conflict"],
            )
            for entry in read_json(path)
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(path, f"{type(error).__name__}: {error}") from error
