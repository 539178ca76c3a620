"""A report section of one's own: how long the Follower's answers are, turn by turn.

plugins: [examples/report_section.py]        # in a config; `seif report RUN` then draws it too
"""

from seif.report.blocks import Block, Cell, Figure, Row, Table, Text, across, heads
from seif.report.charts import Series, number_axis, turn_chart
from seif.report.data import RunNumbers
from seif.report.section import section
from seif.report.text import plain


@section("lengths", "Length of the answers", order=85, link="Lengths")
def lengths(run: RunNumbers) -> list[Block]:
    """Mean words of a greedy answer, as a figure with its numbers."""
    turns = run.evaluated
    words = across(turns, lambda evaluation: evaluation.greedy.mean_words)
    if not any(words):
        return []
    line = Series("greedy", words)
    chart = turn_chart("Mean words", [turn.label for turn in turns], [line], number_axis(words), plain)
    table = Table(("", *heads(turns)), (Row("mean words", "greedy", tuple(Cell(plain(value, 1)) for value in words)),))
    return [
        Text("A Follower that learns to satisfy constraints often learns to be brief as well."),
        Figure((chart,), table=table, caption="Words of a greedy held-out answer, the mean over all tasks."),
    ]
