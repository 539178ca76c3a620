"""The settings and versions behind the numbers, and the time, tokens and calls that they took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import get_args

from seif.engines.metered import SpendingRole
from seif.progress import NAMES
from seif.report.blocks import Block, Cell, Fragment, Row, Table
from seif.report.data import RunNumbers
from seif.report.section import section
from seif.report.text import NOTHING, duration, plain
from seif.stage_log import STAGES


@section("settings", "Settings and versions", order=100, link="Settings")
def settings(run: RunNumbers) -> list[Block]:
    """Time per stage, tokens and calls per role, the config, versions and checksums."""
    template = files("seif.report").joinpath("settings.html.jinja").read_text(encoding="utf-8")
    tables = (
        _time_spent(run),
        _by_role(run.tokens, "Tokens read and written in generation and GRPO training. Evaluations are not counted."),
        _by_role(run.calls, "Calls of models in generation and GRPO training. Evaluations are not counted."),
    )
    return [*(table for table in tables if table), Fragment(template, {"run": run})]


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


def _by_role(turns: Sequence[Mapping[str, int]], caption: str) -> Table | None:
    """Counts per role and turn, and their sum; None where there are none."""
    roles = [role for role in get_args(SpendingRole) if any(role in turn for turn in turns)]
    if not roles:
        return None
    rows = [Row(role, "", tuple(Cell(plain(turn.get(role), 0)) for turn in turns)) for role in roles]
    rows.append(Row("all roles", "", tuple(Cell(plain(sum(turn.values()) or None, 0)) for turn in turns)))
    return Table(("role", *(f"turn {turn}" for turn in range(1, len(turns) + 1))), tuple(rows), caption=caption)
