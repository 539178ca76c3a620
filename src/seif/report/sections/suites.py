"""The further evaluation suites of a run."""

from __future__ import annotations

from seif.report.blocks import Block, Cell, Row, Table, heads
from seif.report.data import RunNumbers
from seif.report.section import section
from seif.report.text import NOTHING, suite_number


@section("suites", "Evaluation suites", order=30, link="Suites")
def suites(run: RunNumbers) -> list[Block]:
    """Every number of every suite, per turn."""
    turns = [t for t in run.evaluated if t.evaluation and t.evaluation.suites]
    found = [t.evaluation.suites for t in turns if t.evaluation]
    rows: list[Row] = []
    for name in dict.fromkeys(name for results in found for name in results):
        rows.append(Row(name, "", ()))
        for key in dict.fromkeys(key for results in found if name in results for key in results[name].numbers):
            cells = (Cell(suite_number(r[name], key) if name in r else NOTHING) for r in found)
            rows.append(Row(key, "", tuple(cells)))
    if not rows:
        return []
    errors = "; ± is one standard error" if any(r.stderr for results in found for r in results.values()) else ""
    return [Table(("", *heads(turns)), tuple(rows), caption=f"Further suites of each turn’s Follower{errors}.")]
