"""Which turn of a run is meant: the best by its audit, the last, or a number."""

from __future__ import annotations

from pathlib import Path

from seif.artifacts import RunDir
from seif.errors import UsageError
from seif.results import Run, read_run

BEST, LAST = "best", "last"


def check_turn(turn: str) -> None:
    """Raises UsageError for what names no turn."""
    if turn not in (BEST, LAST) and not (turn.isascii() and turn.isdigit()):
        raise UsageError(f"--turn is best, last or a number, not {turn!r}")


def evaluated_turn(run: Run, turn: str) -> int | None:
    """The evaluated turn of `run` that `turn` names; None where it is not evaluated (yet).

    Raises UsageError for `best` of a run without an audit.
    """
    check_turn(turn)
    evaluated = [evaluation.turn for evaluation in run.evaluations]
    if turn == LAST:
        return max(evaluated, default=None)
    wanted = _best(run) if turn == BEST else int(turn)
    return wanted if wanted in evaluated else None


def trained_follower(path: Path, turn: str | None = None) -> tuple[int, Path]:
    """The turn, and the directory of the Follower that it trained; None: the best one, or the last without an audit.

    Raises UsageError when `path` is no run directory, and for a turn that trained none (yet).
    """
    run = read_run(RunDir(path))
    there = [n for n in range(1, RunDir(path).config().turns + 1) if run.follower(n).is_dir()]
    if turn is None:
        turn = LAST if run.best is None or run.best not in there else BEST
    check_turn(turn)
    if not there:
        raise UsageError(f"{path} has no trained Follower yet; the same `seif run` continues it")
    wanted = there[-1] if turn == LAST else _best(run) if turn == BEST else int(turn)
    if wanted not in there:
        which = f"the base ({RunDir(path).config().model})" if wanted == 0 else f"turn {wanted}"
        raise UsageError(f"{path} has no Follower of {which}; it has those of turns {', '.join(map(str, there))}")
    return wanted, run.follower(wanted)


def _best(run: Run) -> int:
    if run.best is None:
        raise UsageError(f"{run.path} has no audit, so no turn is known to be the best; use --turn last or a number")
    return run.best
