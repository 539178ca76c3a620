"""Numbers that stay put in a healthy run."""

from __future__ import annotations

from collections.abc import Callable

from seif.evaluation.results import Accuracy, Decoding, Evaluation
from seif.report.blocks import Block, Cell, Row, Table, Text, across, heads
from seif.report.data import RunNumbers
from seif.report.section import section
from seif.report.sections.accuracy import DECODINGS
from seif.report.text import percent, plain

Read = Callable[[Evaluation], float | None]
Alarm = Callable[[float, float | None], bool]
"""Of a value and the base's: does it need attention?"""
Write = Callable[[float | None], str]
_HOW = Text(
    "A reward can rise while the text decays. These numbers stay put in a healthy run; “!” marks one that needs "
    "attention."
)
_CAPTION = (
    "Health of both roles, per turn. Marked: well-formed or parsable below 90%; repetition 10 points above the "
    "base; mean words half as many again as the base, or the reverse; conflicts above 10% (above 5% behind the "
    "Filter); a type above 50%; entropy below 70% of the base’s."
)


@section("watch", "Numbers to watch", order=80)
def watch(run: RunNumbers) -> list[Block]:
    """Numbers that stay put in a healthy run, per turn."""
    turns = run.evaluated
    rows: list[Row] = []

    def add(
        name: str, about: str, read: Read, alarming: Alarm = lambda value, base: False, write: Write = percent
    ) -> None:
        values = across(turns, read)
        if any(v is not None for v in values):
            base = values[0] if turns[0].number == 0 else None
            cells = (Cell(write(v), watch=v is not None and alarming(v, base)) for v in values)
            rows.append(Row(name, about, tuple(cells)))

    def add_answers(d: Decoding) -> None:
        def of(read: Callable[[Accuracy], float | None]) -> Read:
            return lambda e: read(e.held_out[d]) if d in e.held_out else None

        def strays(v: float, b: float | None) -> bool:
            return b is not None and not b / 1.5 <= v <= b * 1.5

        if any(t.evaluation and d in t.evaluation.held_out for t in turns):
            rows.append(Row(f"Follower, {d} answers", "", ()))
        add("well-formed", "in the required format", of(lambda a: a.well_formed), lambda v, _: v < 0.9)
        add(
            "repetition",
            "three-word runs seen before",
            of(lambda a: a.repetition),
            lambda v, b: b is not None and v > b + 0.1,
        )
        add("mean words", "per answer", of(lambda a: a.mean_words), strays, lambda v: plain(v, 1))

    for d, _, _ in DECODINGS:
        add_answers(d)
    add(
        "general questions",
        "right, greedy",
        lambda e: e.general.accuracy if e.general else None,
        lambda v, b: b is not None and v < b - 0.03,
    )
    if any(t.evaluation and t.evaluation.instructor.to_json() for t in turns):
        rows.append(Row("Instructor", "", ()))
    add("parsable", "replies with constraints", lambda e: e.instructor.parsable, lambda v, _: v < 0.9)
    add("conflict share", "rules prove a contradiction", lambda e: e.instructor.conflict_share, lambda v, _: v > 0.1)
    add(
        "pool conflict share",
        "the same, behind the Filter",
        lambda e: e.instructor.pool_conflict_share,
        lambda v, _: v > 0.05,
    )
    add("top type’s share", "of the commonest type", lambda e: e.instructor.top_type_share, lambda v, _: v > 0.5)
    add(
        "type entropy",
        "bits; more is more varied",
        lambda e: e.instructor.type_entropy,
        lambda v, b: b is not None and v < 0.7 * b,
        plain,
    )
    if not rows:
        return [Text("Nothing is measured yet.", note=True)]
    return [_HOW, Table(("", *heads(turns)), tuple(rows), caption=_CAPTION)]
