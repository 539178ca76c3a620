"""Instructions that come back among a turn's own: some of earlier turns' pools (replay), and those that the turn before
failed, with the constraints that their best rollout satisfied (hindsight).

Both take places of the turn's own instructions, evenly over the batches, so the number of steps stays.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from seif.config import Follower
from seif.constraints.compiler import compile_text
from seif.instructions import iter_instructions
from seif.outcomes import in_between, read_outcomes
from seif.types import Instruction

HINDSIGHT_SHARE = 0.25
"""At most this share of a turn's instructions is relabelled."""
Fits = Callable[[Sequence[Instruction]], Iterable[bool]]
"""Of each instruction, in order, whether its prompt is short enough."""


@dataclass(frozen=True)
class EarlierTurn:
    """Files of a turn that is done."""

    instructions: Path
    outcomes: Path


@dataclass(frozen=True)
class Returned:
    """The instructions that come back in a turn."""

    replayed: Sequence[Instruction] = ()
    relabelled: Sequence[Instruction] = ()


def returned(settings: Follower, earlier: Sequence[EarlierTurn], places: int, seed: int, fits: Fits) -> Returned:
    """What comes back into `places` of a turn after the `earlier` ones, oldest first."""
    replayed: Sequence[Instruction] = ()
    relabelled: Sequence[Instruction] = ()
    if settings.replay and earlier:
        replayed = replay(earlier, round(settings.replay * places), random.Random(f"replay/{seed}"), fits)
    if settings.hindsight and earlier:
        limit = min(int(HINDSIGHT_SHARE * places), places - len(replayed))
        relabelled = hindsight(earlier[-1].outcomes, limit, random.Random(f"hindsight/{seed}"), fits)
    return Returned(replayed, relabelled)


def replay(earlier: Sequence[EarlierTurn], count: int, rng: random.Random, fits: Fits) -> list[Instruction]:
    """`count` instructions of earlier pools, drawn first from those with 0 < p < 1 in their turn; where there are
    fewer, they repeat. None where no pool has one that `fits`."""
    between: list[tuple[int, int]] = []
    others: list[tuple[int, int]] = []
    for number, turn in enumerate(earlier):
        wanted = {_key(o.seed, o.constraints) for o in read_outcomes(turn.outcomes) if in_between(o)}
        for place, x in enumerate(iter_instructions(turn.instructions)):
            preferred = _key(x.seed, [c.text for c in x.constraints]) in wanted
            (between if preferred else others).append((number, place))
    rng.shuffle(between)
    rng.shuffle(others)
    drawn = [*between, *others][:count]
    found: dict[tuple[int, int], Instruction] = {}
    for number, turn in enumerate(earlier):
        places = sorted(place for pool, place in drawn if pool == number)
        read = iter_instructions(turn.instructions, set(places))
        found.update(((number, place), x) for place, x in zip(places, read, strict=True))
    fitting = _fitting([found[place] for place in drawn], fits)
    return list(islice(cycle(fitting), count))


def hindsight(outcomes: Path, limit: int, rng: random.Random, fits: Fits) -> list[Instruction]:
    """At most `limit` instructions that no rollout followed whole, each with the constraints that the rollout with the
    most satisfied ones did satisfy, of which there is at least one.

    After HiR (arXiv 2512.23457). HiR also trains on the old answer, under the instruction that it does follow; here the
    instruction alone is relabelled, and the Follower answers it anew, so that training stays on-policy.
    """
    failed = [o for o in read_outcomes(outcomes) if any(o.best) and not all(o.best) and all(o.judged)]
    drawn = rng.sample(failed, min(limit, len(failed)))
    found = [
        Instruction(o.seed, tuple(compile_text(text) for text, kept in zip(o.constraints, o.best, strict=True) if kept))
        for o in drawn
    ]
    return _fitting(found, fits)


def substituted(rows: Sequence[int], own: int, others: Sequence[int]) -> list[int]:
    """`rows`, with `others` in place of as many of those below `own`, at even distances."""
    places = [i for i, row in enumerate(rows) if row < own]
    found = list(rows)
    for number, row in enumerate(others):
        found[places[(2 * number + 1) * len(places) // (2 * len(others))]] = row
    return found


def _fitting(instructions: Sequence[Instruction], fits: Fits) -> list[Instruction]:
    return [x for x, short in zip(instructions, fits(instructions), strict=True) if short] if instructions else []


def _key(seed: str, constraints: Sequence[str]) -> bytes:
    """Stands for an instruction in little memory."""
    return hashlib.blake2b("\0".join((seed, *constraints)).encode(errors="replace"), digest_size=16).digest()
