"""What a Follower's rollouts showed, by instruction: made from a step's scores, read back in later turns."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from seif.atomic import JsonLines
from seif.errors import RunError
from seif.scoring import Score
from seif.stage_log import Outcome
from seif.types import Instruction, Verdict


def outcomes_of(
    rows: Sequence[int],
    scores: Sequence[Score],
    instructions: Mapping[int, Instruction],
    returned: Collection[int] = frozenset(),
) -> list[Outcome]:
    """One outcome for each instruction of a step, in the order in which they first come.

    Rollout i answers row `rows[i]`; rows that are no instruction are left out. Instructions of the rows in `returned`
    are not the turn's own. A reply of bad format judges nothing.
    """
    groups: dict[int, list[Score]] = {}
    for row, score in zip(rows, scores, strict=True):
        if row in instructions:
            groups.setdefault(row, []).append(score)
    return [_outcome(instructions[row], group, row not in returned) for row, group in groups.items()]


def _outcome(instruction: Instruction, scores: Sequence[Score], own: bool) -> Outcome:
    rollouts = [score.verdicts for score in scores if score.verdicts]
    places = range(len(instruction.constraints))
    best = max(rollouts, key=lambda verdicts: verdicts.count(Verdict.SATISFIED), default=())
    return Outcome(
        instruction.seed,
        tuple(constraint.text for constraint in instruction.constraints),
        tuple(sum(verdicts[i] is Verdict.SATISFIED for verdicts in rollouts) for i in places),
        tuple(sum(verdicts[i] is not Verdict.UNJUDGED for verdicts in rollouts) for i in places),
        tuple(bool(best) and best[i] is Verdict.SATISFIED for i in places),
        own,
    )


def iter_outcomes(path: Path) -> Iterator[Outcome]:
    """The outcomes of a turn as its steps saw them, oldest first. Raises RunError where there is no file, DamagedFile
    for a line that is no outcome."""
    if not path.exists():
        raise RunError(f"{path} is gone, which later turns read; remove {path.parent} to make it again")
    return map(Outcome.from_json, JsonLines(path, Outcome.from_json).read())


def read_outcomes(path: Path) -> list[Outcome]:
    """The outcomes of a turn, one per instruction: those of one that several steps read are added up. Raises as
    `iter_outcomes` does."""
    found: dict[tuple[str, tuple[str, ...]], Outcome] = {}
    for outcome in iter_outcomes(path):
        key = (outcome.seed, outcome.constraints)
        found[key] = _together(found[key], outcome) if key in found else outcome
    return list(found.values())


def _together(a: Outcome, b: Outcome) -> Outcome:
    return Outcome(
        a.seed,
        a.constraints,
        tuple(map(sum, zip(a.satisfied, b.satisfied, strict=True))),
        tuple(map(sum, zip(a.judged, b.judged, strict=True))),
        max(a.best, b.best, key=sum),
        a.own and b.own,
    )


def in_between(outcome: Outcome) -> bool:
    """Whether some verdicts of an instruction are satisfied and some violated: 0 < p < 1."""
    return 0 < sum(outcome.satisfied) < sum(outcome.judged)
