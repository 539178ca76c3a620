"""Numbers that hardly change in a healthy run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from seif.evaluation.results import Accuracy, Decoding, Evaluation
from seif.report.blocks import Block, Cell, Row, Table, Text, across, heads
from seif.report.data import RunNumbers
from seif.report.section import section
from seif.report.sections.accuracy import DECODINGS
from seif.report.text import percent, plain

Read = Callable[[Evaluation], float | None]
Write = Callable[[float | None], str]


@dataclass(frozen=True)
class Alarm:
    """When a number needs attention, and that in words."""

    raised: Callable[[float, float | None], bool]
    """Of a value and the base's, where that is known."""
    words: str


_BADLY_FORMED = Alarm(lambda value, base: value < 0.9, "well-formed or parsable below 90%")
_REPETITIVE = Alarm(lambda value, base: base is not None and value > base + 0.1, "repetition 10 points above the base")
_STRAYING = Alarm(
    lambda value, base: base is not None and not base / 1.5 <= value <= base * 1.5,
    "mean words half as many again as the base, or the reverse",
)
_FORGETFUL = Alarm(
    lambda value, base: base is not None and value < base - 0.03, "general questions 3 points below the base"
)
_CONTRADICTORY = Alarm(lambda value, base: value > 0.1, "conflicts above 10%")
_UNFILTERED = Alarm(lambda value, base: value > 0.05, "conflicts above 5% behind the Filter")
_COLLAPSED = Alarm(lambda value, base: value > 0.5, "a type above 50%")
_UNIFORM = Alarm(lambda value, base: base is not None and value < 0.7 * base, "entropy below 70% of the base’s")
_HOW = Text(
    "A reward can rise while the text gets worse. These numbers hardly change in a healthy run; “!” marks one that "
    "needs attention."
)


@section("watch", "Numbers to watch", order=80)
def watch(run: RunNumbers) -> list[Block]:
    """Numbers that hardly change in a healthy run, per turn."""
    turns = run.evaluated
    rows: list[Row] = []
    marked: dict[str, None] = {}

    def add(name: str, about: str, read: Read, alarm: Alarm, write: Write = percent) -> None:
        values = across(turns, read)
        if any(v is not None for v in values):
            base = values[0] if turns[0].number == 0 else None
            cells = (Cell(write(v), watch=v is not None and alarm.raised(v, base)) for v in values)
            rows.append(Row(name, about, tuple(cells)))
            marked[alarm.words] = None

    def add_answers(d: Decoding) -> None:
        def of(read: Callable[[Accuracy], float | None]) -> Read:
            return lambda e: read(e.held_out[d]) if d in e.held_out else None

        if any(t.evaluation and d in t.evaluation.held_out for t in turns):
            rows.append(Row(f"Follower, {d} answers", "", ()))
        add("well-formed", "in the required format", of(lambda a: a.well_formed), _BADLY_FORMED)
        add("repetition", "three-word runs seen before", of(lambda a: a.repetition), _REPETITIVE)
        add("mean words", "per answer", of(lambda a: a.mean_words), _STRAYING, lambda v: plain(v, 1))

    for d, _, _ in DECODINGS:
        add_answers(d)
    add("general questions", "right, greedy", lambda e: e.general.accuracy if e.general else None, _FORGETFUL)
    if any(t.evaluation and t.evaluation.instructor.to_json() for t in turns):
        rows.append(Row("Instructor", "", ()))
    add("parsable", "replies with constraints", lambda e: e.instructor.parsable, _BADLY_FORMED)
    add("conflict share", "rules prove a contradiction", lambda e: e.instructor.conflict_share, _CONTRADICTORY)
    add(
        "pool conflict share",
        "the same, behind the Filter",
        lambda e: e.instructor.pool_conflict_share,
        _UNFILTERED,
    )
    add("top type’s share", "of the commonest type", lambda e: e.instructor.top_type_share, _COLLAPSED)
    add("type entropy", "bits; more is more varied", lambda e: e.instructor.type_entropy, _UNIFORM, plain)
    if not rows:
        return []
    caption = f"Health of both roles, per turn. Marked: {'; '.join(marked)}."
    return [_HOW, Table(("", *heads(turns)), tuple(rows), caption=caption)]
