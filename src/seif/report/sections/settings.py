"""The settings and versions behind the numbers, and the time that they took."""

from __future__ import annotations

from importlib.resources import files

from seif.artifacts import STAGES
from seif.progress import NAMES
from seif.report.blocks import Block, Cell, Fragment, Row, Table
from seif.report.data import RunNumbers
from seif.report.section import section
from seif.report.text import NOTHING, duration


@section("settings", "Settings and versions", order=100, link="Settings")
def settings(run: RunNumbers) -> list[Block]:
    """Time per stage, the config, versions and checksums."""
    template = files("seif.report").joinpath("settings.html.jinja").read_text(encoding="utf-8")
    time_spent = _time_spent(run)
    return [*([time_spent] if time_spent else []), Fragment(template, {"run": run})]


def _time_spent(run: RunNumbers) -> Table | None:
    """Wall-clock time of the finished stages, per turn."""
    turns = sorted({turn for turn, _ in run.stage_seconds})
    if not turns:
        return None
    rows = []
    for stage in STAGES:
        seconds = [run.stage_seconds.get((turn, stage)) for turn in turns]
        if any(s is not None for s in seconds):
            rows.append(Row(NAMES[stage], "", tuple(Cell(NOTHING if s is None else duration(s)) for s in seconds)))
    return Table(
        ("stage", *("base" if t == 0 else f"turn {t}" for t in turns)),
        tuple(rows),
        caption="Wall-clock time of the finished stages.",
    )
