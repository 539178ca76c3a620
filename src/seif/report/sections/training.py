"""What training does: the rewards over the steps, and what the Instructor asks for."""

from __future__ import annotations

import math

from seif.quantities import quantity
from seif.report.blocks import Block, Cell, Columns, Figure, Row, Table, Text, heads, named
from seif.report.charts import SHORTEST_AVERAGED, Axis, number_axis, share_axis, step_chart
from seif.report.data import Points, RunNumbers
from seif.report.section import section
from seif.report.text import NOTHING, percent, plain
from seif.stage_log import REWARD_PERCENTILES

TYPES_SHOWN = 14
_HOW = Text(
    "The two roles pull against each other: the Instructor is rewarded for instructions that the frozen Follower "
    "finds hard, the Follower for satisfying them. A reward that falls from one turn to the next can therefore be "
    "good news."
)
_ALONE = Text(
    "The Follower is rewarded for satisfying constraints. Each turn has instructions of its own, so a reward that "
    "falls from one turn to the next can be good news."
)
_COLLAPSE = Text(
    "An Instructor that finds one constraint which always earns a reward will ask for nothing else. One row that "
    "takes the table over is the sign of that."
)
_SHARES = (
    "Share of each constraint type among the generated instructions, per turn. The stronger the tint, the "
    "larger the share."
)
_BANDS = " Tints: the middle half and the middle 80% of each step’s rewards."
_SMALL: dict[str, tuple[tuple[str, str, bool], ...]] = {
    "train_instructor": (
        ("adherence", "adherence", True),
        ("parsable", "parsable", True),
        ("contradictory", "contradictory", True),
        ("top_type_share", "commonest type", True),
        ("unjudged", "unjudged", True),
        ("kl", "KL to the start", False),
    ),
    "train_follower": (
        ("adherence", "adherence", True),
        ("well_formed", "well-formed", True),
        ("repetition", "repetition", True),
        ("completions/mean_length", "tokens per reply", False),
        ("unjudged", "unjudged", True),
        ("kl", "KL to the start", False),
    ),
}
"""Per stage the logged keys drawn under the reward: key, title, whether it is a share."""


@section("rewards", "Rewards while training", order=40, link="Rewards")
def rewards(run: RunNumbers) -> list[Block]:
    """One figure per trained role: the reward over all steps, and what else was logged under it."""
    figures: list[Block] = []
    for stage, role, style in (("train_instructor", "Instructor", "b"), ("train_follower", "Follower", "a")):
        title = f"{role}’s reward"
        curves = run.curve(stage, "reward")
        if not curves:
            continue
        p10, p25, p75, p90 = (run.curve(stage, f"reward/p{p}") for p in (10, 25, 75, 90))
        bands = [(p10, p90), (p25, p75)] if p10 else []
        reached = [value for line in (curves, p10, p90) for value in _values(line)]
        panel = step_chart(title, curves, number_axis(reached), style, bands=bands)
        small = []
        for key, name, share in _SMALL[stage]:
            found = run.curve(stage, key)
            # These are all zero in a healthy run, and their panels would be empty.
            if found and not (key in ("unjudged", "contradictory") and not any(_values(found))):
                axis = share_axis(_values(found), 0.04) if share else number_axis(_values(found))
                small.append(step_chart(name, found, _coarse(axis), style, small=True))
        rows = tuple(
            Row(f"turn {turn}", quantity(max(s for s, _ in line), "step"), _ends(line)) for turn, line in curves
        )
        caption = (
            f"The {role}’s reward over the steps of all turns{', and what else was logged' if small else ''}."
            f"{_line(curves)}{_BANDS if bands else ''}"
        )
        table = Table((title, "first tenth", "last tenth", "change"), (*rows, *_percentiles(run, stage)))
        figures.append(Figure((panel,), tuple(small), table, caption))
    how = _HOW if run.curve("train_instructor", "reward") else _ALONE
    return [how, Columns(tuple(figures))] if figures else []


def _percentiles(run: RunNumbers, stage: str) -> list[Row]:
    """How the rewards within a step are spread, by turn."""
    found = [(p, run.curve(stage, f"reward/p{p}")) for p in REWARD_PERCENTILES]
    return [
        Row(f"turn {turn}", f"{p}th percentile" if p != 50 else "median", _ends(line))
        for p, curves in found
        for turn, line in curves
    ]


def _line(curves: list[tuple[int, Points]]) -> str:
    """What the lines of a step chart are, in words."""
    said = []
    if any(len(_values([curve])) >= SHORTEST_AVERAGED for curve in curves):
        said += ["thin: as logged", "bold: moving mean"]
    if len(curves) > 1:
        said.append("dotted: a new turn begins")
    return f" {'; '.join(said).capitalize()}." if said else ""


def _coarse(axis: Axis) -> Axis:
    """The same axis for a small panel: its ends, and the middle where a tick stands there."""
    ticks = axis.ticks
    if len(ticks) > 3:
        ticks = ticks[:: len(ticks) // 2] if len(ticks) % 2 else (ticks[0], ticks[-1])
    return Axis(axis.low, axis.high, ticks, axis.label)


def _values(curves: list[tuple[int, Points]]) -> list[float]:
    return [v for _, line in curves for _, v in line if v is not None]


def _ends(line: Points) -> tuple[Cell, ...]:
    values = [v for _, v in line if v is not None]
    tenth = max(1, len(values) // 10)
    first, last = sum(values[:tenth]) / tenth, sum(values[-tenth:]) / tenth
    return Cell(plain(first, 3)), Cell(plain(last, 3)), Cell(f"{last - first:+.3f}".replace("-", "−"))


@section("instructor", "What the Instructor asks for", order=50, link="Instructor")
def types(run: RunNumbers) -> list[Block]:
    """Shares of the constraint types per turn, the largest first; the rest is summed up in the last row."""
    turns = [t for t in run.evaluated if t.evaluation and t.evaluation.instructor.types]
    if not turns:
        return []
    found = [t.evaluation.instructor.shares for t in turns if t.evaluation]
    largest = {k: max(s.get(k, 0.0) for s in found) for s in found for k in s}
    shown = sorted(largest, key=lambda k: (-largest[k], k))[:TYPES_SHOWN]
    scale = max(0.25, *largest.values())
    rows = [named(k, tuple(_share_cell(s.get(k, 0.0), scale) for s in found)) for k in shown]
    rest = [1 - sum(s.get(k, 0.0) for k in shown) for s in found]
    if any(r > 5e-4 for r in rest):
        rows.append(Row("all others", "", tuple(_share_cell(max(0.0, r), math.inf) for r in rest)))
    return [_COLLAPSE, Table(("type", *heads(turns)), tuple(rows), caption=_SHARES)]


def _share_cell(share: float, scale: float) -> Cell:
    return Cell(percent(share) if share >= 5e-4 else NOTHING, share / scale)
