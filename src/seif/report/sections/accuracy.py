"""Held-out accuracy, per turn and by constraint type."""

from __future__ import annotations

from seif.evaluation.results import Accuracy, Decoding
from seif.report.blocks import Block, Cell, Figure, Row, Table, Text, constraints, head, heads, named, shares
from seif.report.charts import Series, dumbbell, share_axis, turn_chart
from seif.report.data import RunNumbers, Turn
from seif.report.section import section
from seif.report.text import percent, points, type_name

DECODINGS: tuple[tuple[Decoding, str, str], ...] = (("greedy", "a", "circle"), ("sampled", "b", "square"))
"""With each decoding's style and marker."""
MARKERS = ("circle", "hollow", "square", "diamond")
_HOW = Text(
    "The Follower of each turn answers tasks it never trains on; verifiers, exact rules, say what holds. The "
    "Judger has no part in it."
)
_CONSTRAINTS = "Constraints satisfied: the share of all constraints; mind where the axis begins."
_WHOLE = "Whole instructions: the share of those with every constraint satisfied, by the number of constraints."
_SAMPLED = "Sampled: at temperature 1."
_BARS = "Bars are one standard error."
_BY_TYPE = "Greedy held-out accuracy per constraint type"


@section("accuracy", "Held-out accuracy", order=10, link="Accuracy")
def accuracy(run: RunNumbers) -> list[Block]:
    """Constraint accuracy per turn, greedy and sampled; instruction accuracy by the number of constraints."""
    turns = [t for t in run.evaluated if t.evaluation and t.evaluation.held_out]
    if not turns:
        return []
    labels = [t.label for t in turns]
    found = {d: [_answers(t, d) for t in turns] for d, _, _ in DECODINGS}
    lines = [
        Series(d, [a.constraint_accuracy for a in found[d]], [a.stderr for a in found[d]], style, marker)
        for d, style, marker in DECODINGS
        if any(a.constraint_accuracy is not None for a in found[d])
    ]
    bars = [(v, e or 0) for s in lines for v, e in zip(s.values, s.errors, strict=True) if v is not None]
    reach = [v + sign * e for v, e in bars for sign in (-1, 1)]
    panels = [turn_chart("Constraints satisfied", labels, lines, share_axis(reach), percent)]
    rows = [Row(f"constraints, {s.name}", "", shares(s.values, s.errors)) for s in lines]
    for d, _, _ in DECODINGS:
        counts = sorted({k for a in found[d] for k in a.instruction_accuracy}, key=lambda k: (len(k), k))
        by_count = [
            Series(
                constraints(k),
                [a.instruction_accuracy.get(k) for a in found[d]],
                [a.instruction_stderr.get(k) for a in found[d]],
                f"k{min(i, 3)}",
                MARKERS[i % len(MARKERS)],
            )
            for i, k in enumerate(counts)
        ]
        if by_count:
            panels.append(turn_chart(f"Whole instructions, {d}", labels, by_count, share_axis([0.0, 1.0]), percent))
        rows += [Row(f"instructions of {s.name}, {d}", "", shares(s.values, s.errors)) for s in by_count]
    for d, _, _ in DECODINGS:
        others = [t.evaluation.held_out_types.get(d, Accuracy()) if t.evaluation else Accuracy() for t in turns]
        if any(a.n for a in others):
            cells = shares([a.constraint_accuracy for a in others], [a.stderr for a in others])
            rows.append(Row(f"constraints of types that no Instructor writes, {d}", "", cells))
    sampled = any("sampled" in t.evaluation.held_out for t in turns if t.evaluation)
    said = {_CONSTRAINTS: True, _WHOLE: len(panels) > 1, _SAMPLED: sampled, _BARS: any(e for _, e in bars)}
    caption = " ".join(sentence for sentence, fits in said.items() if fits)
    return [_HOW, Figure(tuple(panels), table=Table(("", *heads(turns)), tuple(rows)), caption=caption)]


def _answers(turn: Turn, decoding: Decoding) -> Accuracy:
    return turn.evaluation.held_out.get(decoding, Accuracy()) if turn.evaluation else Accuracy()


@section("types", "Accuracy by constraint type", order=20, link="Types")
def by_type(run: RunNumbers) -> list[Block]:
    """Greedy accuracy per constraint type, base against last turn, the largest gain first."""
    turns = [t for t in run.evaluated if _answers(t, "greedy").per_type]
    if not turns:
        return []
    first, last = turns[0], turns[-1]
    before, after = ({k: v or 0.0 for k, v in _answers(t, "greedy").per_type.items()} for t in (first, last))
    if first is last:
        ranked = sorted(after.items(), key=lambda item: (-item[1], item[0]))
        only = tuple(named(k, (Cell(percent(v), v),)) for k, v in ranked)
        return [Table(("type", first.label), only, caption=f"{_BY_TYPE}.")]
    rows = []
    for kind in sorted(before.keys() & after.keys(), key=lambda k: (before[k] - after[k], k)):
        a, b = before[kind], after[kind]
        picture = dumbbell(a, b, f"{type_name(kind)[0]}: {percent(a)} to {percent(b)}")
        rows.append(
            named(kind, (Cell("", picture=picture), Cell(percent(a), a), Cell(percent(b), b), Cell(points(b - a))))
        )
    columns = (f"○ {head(first)}  ● {head(last)}", head(first), head(last), "points")
    caption = (
        f"{_BY_TYPE}, from the largest gain to the largest loss. Rare types have large errors, so read the "
        "pattern and not single rows."
    )
    return [Table(("type", *columns), tuple(rows), pictures=True, caption=caption)]
