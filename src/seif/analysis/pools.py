"""What each turn's pool of instructions is made of, and how it differs from the one before: from the files alone."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

from pydantic import Field

from seif.artifacts import RunDir
from seif.constraints.signature import Signature, signature_of
from seif.constraints.taxonomy import type_of
from seif.evaluation.results import Result
from seif.instructions import read_instructions
from seif.outcomes import read_outcomes
from seif.types import Instruction

T = TypeVar("T")
WORDS = 5000
"""Words of a pool over which its distinct ones are counted: the share falls with the length of a text, so all pools are
counted over as many."""
MOST_CHANGED = 6
"""Types that are named as grown or shrunk, as in the paper's figure."""


class Change(Result):
    """One constraint type in two pools, as shares of all constraints."""

    type: str
    before: float
    after: float


class PoolShape(Result):
    """The instructions of one turn; turn 0 is what the base wrote."""

    turn: int
    instructions: int
    constraints: int
    types: dict[str, float]
    """Share of all constraints, by type, the commonest first."""
    grown: list[Change] = Field(default=[])
    """The types whose share grew most since the turn before, the most first."""
    shrunk: list[Change] = Field(default=[])
    type_entropy: float
    """Over types, in bits."""
    mean_constraints: float
    mean_words: float
    """Of the constraints of an instruction, without its seed."""
    lexical_diversity: float
    """Distinct words per word over the first `WORDS` words of the constraints' texts."""
    rarity: float
    """Mean surprise of a constraint, in bits: -log2 of the share that its type and values have in turn 0, add-one
    smoothed."""
    satisfied: list[float] = Field(default=[])
    """For each instruction that the Follower trained on, the share of its verdicts that were satisfied; empty for turn
    0, and where no outcomes were written."""


class Point(Result):
    """An instruction in the plane of the two main components of all turns' embeddings."""

    turn: int
    seed: str
    x: float
    y: float


class Map(Result):
    """The instructions of all turns in one plane."""

    points: list[Point]
    explained: tuple[float, float]
    """Share of the embeddings' variance along x and along y."""


class Adherence(Result):
    """How many of a pool's checkable constraints one model satisfies, by verifiers."""

    turn: int
    instructions: int
    constraints: int
    accuracy: float | None
    stderr: float | None


def read_pools(run: RunDir) -> list[PoolShape]:
    """The pools of all turns that have instructions, the base's first. Raises UsageError for a damaged file."""
    turns = [turn for turn in range(run.config().turns + 1) if run.instructions(turn).exists()]
    pools = [read_instructions(run.instructions(turn)) for turn in turns]
    if not pools:
        return []
    known = Counter(_signatures(pools[0]))
    shapes: list[PoolShape] = []
    for turn, pool in zip(turns, pools, strict=True):
        shape = shape_of(turn, pool, known, shapes[-1].types if shapes else None)
        shapes.append(shape.model_copy(update={"satisfied": _satisfied(run, turn)}))
    return shapes


def shape_of(
    turn: int, pool: Sequence[Instruction], known: Counter[Signature], before: dict[str, float] | None = None
) -> PoolShape:
    """The numbers of a pool. `known` counts the constraints of turn 0, `before` has the types' shares one turn ago."""
    types = Counter(type_of(c) for instruction in pool for c in instruction.constraints)
    shares = {kind: count / types.total() for kind, count in types.most_common()}
    texts = [" ".join(c.text for c in instruction.constraints) for instruction in pool]
    words = [text.split() for text in texts]
    first = [word.casefold() for text in words for word in text][:WORDS]
    grown, shrunk = changes(before, shares) if before is not None else ([], [])
    return PoolShape(
        turn=turn,
        instructions=len(pool),
        constraints=types.total(),
        types=shares,
        grown=grown,
        shrunk=shrunk,
        type_entropy=-sum(share * math.log2(share) for share in shares.values()),
        mean_constraints=_mean([len(instruction.constraints) for instruction in pool]),
        mean_words=_mean([len(text) for text in words]),
        lexical_diversity=len(set(first)) / len(first) if first else 0.0,
        rarity=_mean([_surprise(signature, known) for signature in _signatures(pool)]),
    )


def changes(before: dict[str, float], after: dict[str, float]) -> tuple[list[Change], list[Change]]:
    """The types that grew and those that shrank most, at most `MOST_CHANGED` each, the largest change first."""
    found = [
        Change(type=kind, before=before.get(kind, 0.0), after=after.get(kind, 0.0))
        for kind in dict.fromkeys([*after, *before])
    ]
    by_change = sorted(found, key=lambda change: change.after - change.before)
    grown = [change for change in reversed(by_change) if change.after > change.before]
    shrunk = [change for change in by_change if change.after < change.before]
    return grown[:MOST_CHANGED], shrunk[:MOST_CHANGED]


def spread(values: Sequence[T], most: int) -> list[T]:
    """At most `most` of the values, evenly from the first to the last."""
    return list(values) if len(values) <= most else [values[i * len(values) // most] for i in range(most)]


def _signatures(pool: Sequence[Instruction]) -> list[Signature]:
    return [signature_of(c) for instruction in pool for c in instruction.constraints]


def _surprise(signature: Signature, known: Counter[Signature]) -> float:
    return -math.log2((known[signature] + 1) / (known.total() + len(known) + 1))


def _satisfied(run: RunDir, turn: int) -> list[float]:
    file = run.outcomes(turn)
    if turn == 0 or not file.path.exists():
        return []
    outcomes = [outcome for outcome in read_outcomes(file.path) if outcome.own]
    return [sum(o.satisfied) / sum(o.judged) for o in outcomes if any(o.judged)]


def _mean(values: Sequence[float]) -> float:
    return statistics.fmean(values) if values else 0.0
