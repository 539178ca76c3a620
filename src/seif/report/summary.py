"""The run in one sentence, and the facts under its name."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from seif.evaluation.results import Accuracy
from seif.report.data import RunNumbers, Turn
from seif.report.text import NOTHING, duration, percent_error, points


@dataclass(frozen=True)
class Result:
    """The run in one sentence, and what qualifies it."""

    sentence: str
    note: str


def key_result(run: RunNumbers) -> Result:
    """Base against last turn, greedy, by constraints; a change of less than two standard errors is none."""
    measured = measured_turns(run)
    if not measured:
        why = "this run has no held-out tasks" if run.config.held_out is None else "no turn is evaluated yet"
        return Result(f"Nothing can be said about held-out accuracy: {why}.", "")
    base, last = measured[0], measured[-1]
    value, error = _greedy(last)
    if base.number != 0:
        return Result(
            f"Turn {last.number} satisfies {_accuracy(last)} of the held-out constraints; the base was not measured.",
            "± is one standard error.",
        )
    if last is base:
        return Result(
            f"The base satisfies {_accuracy(base)} of the held-out constraints; no turn is evaluated yet.",
            "± is one standard error.",
        )
    before, before_error = _greedy(base)
    change = value - before
    uncertainty = math.hypot(error, before_error)
    so_far = "" if last.number == run.config.turns else f"So far, after {last.number} of {run.config.turns} turns: "
    ends = f"from {_accuracy(base)} with the base to {_accuracy(last)} after turn {last.number}"
    if abs(change) < 2 * uncertainty or not change:
        sentence = (
            f"held-out constraint accuracy went {ends}: a change of {points(change)} points, which is within error"
        )
    elif change > 0:
        sentence = f"held-out constraint accuracy rose {ends}: {points(change)} points"
    else:
        sentence = (
            f"held-out constraint accuracy fell {ends}: {points(change)} points; training made the Follower worse"
        )
    sentence = so_far + (sentence if so_far else sentence[0].upper() + sentence[1:])
    note = (
        f"Greedy decoding. ± is one standard error; that of the change is {100 * uncertainty:.1f} points, and "
        "less than two of them count as within error."
    )
    best = max(measured, key=lambda t: _greedy(t)[0])
    if best is not last and best is not base:
        note += f" The highest was turn {best.number} with {_accuracy(best)}."
    return Result(sentence + ".", note)


def measured_turns(run: RunNumbers) -> list[Turn]:
    """The turns with greedy held-out accuracy, the base first."""
    return [t for t in run.evaluated if t.evaluation and t.evaluation.greedy.constraint_accuracy is not None]


def _greedy(turn: Turn) -> tuple[float, float]:
    found = turn.evaluation.greedy if turn.evaluation else Accuracy()
    return found.constraint_accuracy or 0.0, found.stderr or 0.0


def _accuracy(turn: Turn) -> str:
    # A line break must not part a number from its error.
    return percent_error(*_greedy(turn)).replace(" ", "\N{NO-BREAK SPACE}")


def facts(run: RunNumbers) -> list[tuple[str, str]]:
    """What the page says about the run right under its name."""
    done = sum(t.number > 0 for t in run.evaluated)
    seeds = "" if run.seeds is None else f"{run.seeds:,}"
    tasks = next((t.evaluation.greedy.n for t in run.evaluated if t.evaluation and t.evaluation.greedy.n), None)
    return [
        ("State", run.state),
        ("Model", "/".join(Path(run.config.model).parts[-2:])),
        ("Seeds", seeds or (Path(run.config.seeds).name if run.config.seeds else NOTHING)),
        ("Turns", f"{run.config.turns}" if done == run.config.turns else f"{done} of {run.config.turns}"),
        ("Held-out tasks", f"{tasks:,}" if tasks else NOTHING),
        ("Time in stages", duration(run.seconds) + (f" ({run.seconds:,.0f} s)" if run.seconds >= 60 else "")),
    ]
