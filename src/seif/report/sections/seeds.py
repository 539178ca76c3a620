"""A few seeds through the turns: the instruction made of each, the answer, and what holds."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

from seif.evaluation.showcase import ShownSeed
from seif.report.blocks import Block, Fragment, Text
from seif.report.data import RunNumbers, Turn
from seif.report.section import section


@dataclass(frozen=True)
class Case:
    """One seed in one turn. `tally` sums the marks up."""

    turn: str
    constraints: tuple[tuple[str, str, str], ...]
    """(class, mark, text) each."""
    answer: str | None
    conflict: str | None
    tally: str
    missing: str


_MARKS = {True: ("holds", "✓ holds"), False: ("violated", "✗ violated"), None: ("open", "? not checkable")}


@section("seeds", "The same seeds, turn after turn", order=90, link="Seeds side by side")
def seeds(run: RunNumbers) -> list[Block]:
    """The instruction that each turn made of a few seeds, and its answers."""
    shown = _showcase(run)
    if not shown:
        return []
    how = (
        "What the Instructor of each turn makes of a seed, and how that turn’s Follower answers, greedily. "
        "Marks come from the verifiers."
    )
    template = files("seif.report").joinpath("seeds.html.jinja").read_text(encoding="utf-8")
    return [Text(how), Fragment(template, {"showcase": shown})]


def _showcase(run: RunNumbers) -> list[tuple[str, list[Case]]]:
    """The shown seeds, each with its instruction and answer in every turn."""
    turns = [t for t in run.turns if t.showcase]
    seeds = dict.fromkeys(shown.seed for t in turns for shown in t.showcase)
    return [(seed, [_case(t, next((s for s in t.showcase if s.seed == seed), None)) for t in turns]) for seed in seeds]


def _case(turn: Turn, shown: ShownSeed | None) -> Case:
    head = "Base" if turn.number == 0 else f"Turn {turn.number}"
    if shown is None or not shown.constraints:
        return Case(head, (), None, None, "", "No usable instruction was written for this seed.")
    known = [c.holds for c in shown.constraints if c.holds is not None]
    tally = f"{sum(known)} of {len(known)} hold" if known else ""
    missing = "The reply is not in the required format, so there is no answer to check." if shown.answer is None else ""
    # Without an answer nothing was checked, whatever could have been.
    marks = [("open", "– not checked") if shown.answer is None else _MARKS[c.holds] for c in shown.constraints]
    constraints = tuple((*mark, c.text) for mark, c in zip(marks, shown.constraints, strict=True))
    return Case(head, constraints, shown.answer, shown.conflict, tally, missing)
