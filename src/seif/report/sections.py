"""The sections with numbers as figures and tables: what is compared with what, and in which words."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from seif.evaluation.results import (
    Accuracy,
    ClassifierReliability,
    Decoding,
    Evaluation,
    Reliability,
    RewardModelNumbers,
)
from seif.report.blocks import Cell, Figure, Row, Table, across, constraints, head, heads, named, shares
from seif.report.charts import Axis, Series, dumbbell, number_axis, reliability_chart, share_axis, step_chart, turn_chart
from seif.report.data import Points, RunNumbers, Turn
from seif.report.text import NOTHING, percent, plain, points, type_name

TYPES_SHOWN = 14
DECODINGS: tuple[tuple[Decoding, str, str], ...] = (("greedy", "a", "circle"), ("sampled", "b", "square"))
"""With each decoding's style and marker."""
MARKERS = ("circle", "hollow", "square", "diamond")
Read = Callable[[Evaluation], float | None]
Alarm = Callable[[float, float | None], bool]
"""Of a value and the base's: does it need attention?"""
Write = Callable[[float | None], str]


# --- held-out accuracy ------------------------------------------------------------------------------------------------


def accuracy(run: RunNumbers) -> Figure | None:
    """Constraint accuracy per turn, greedy and sampled; instruction accuracy by the number of constraints."""
    turns = [t for t in run.evaluated if t.evaluation and t.evaluation.held_out]
    if not turns:
        return None
    labels = [t.label for t in turns]
    found = {d: [_answers(t, d) for t in turns] for d, _, _ in DECODINGS}
    lines = [Series(d, [a.constraint_accuracy for a in found[d]], [a.stderr for a in found[d]], style, marker) for d, style, marker in DECODINGS]
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
    return Figure(tuple(panels), table=Table(("", *heads(turns)), tuple(rows)))


def _answers(turn: Turn, decoding: Decoding) -> Accuracy:
    return turn.evaluation.held_out.get(decoding, Accuracy()) if turn.evaluation else Accuracy()


def by_type(run: RunNumbers) -> Table | None:
    """Greedy accuracy per constraint type, base against last turn, the largest gain first."""
    turns = [t for t in run.evaluated if _answers(t, "greedy").per_type]
    if not turns:
        return None
    first, last = turns[0], turns[-1]
    before, after = ({k: v or 0.0 for k, v in _answers(t, "greedy").per_type.items()} for t in (first, last))
    if first is last:
        ranked = sorted(after.items(), key=lambda item: (-item[1], item[0]))
        return Table(("type", first.label), tuple(named(k, (Cell(percent(v), v),)) for k, v in ranked))
    rows = []
    for kind in sorted(before.keys() & after.keys(), key=lambda k: (before[k] - after[k], k)):
        a, b = before[kind], after[kind]
        picture = dumbbell(a, b, f"{type_name(kind)[0]}: {percent(a)} to {percent(b)}")
        rows.append(named(kind, (Cell("", picture=picture), Cell(percent(a), a), Cell(percent(b), b), Cell(points(b - a)))))
    columns = (f"○ {head(first)}  ● {head(last)}", head(first), head(last), "points")
    return Table(("type", *columns), tuple(rows), pictures=True)


# --- training ---------------------------------------------------------------------------------------------------------

_SMALL: dict[str, tuple[tuple[str, str, bool], ...]] = {
    "train_instructor": (
        ("adherence", "adherence", True),
        ("parsable", "parsable", True),
        ("contradictory", "contradictory", True),
        ("top_type_share", "top type’s share", True),
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


def rewards(run: RunNumbers) -> list[tuple[str, Figure]]:
    """One figure per trained role, with the role's name: the reward over all steps, and what else was logged under it."""
    figures = []
    for stage, role, style in (("train_instructor", "Instructor", "b"), ("train_follower", "Follower", "a")):
        title = f"{role}’s reward"
        curves = run.curve(stage, "reward")
        if not curves:
            continue
        panel = step_chart(title, curves, number_axis(_values(curves)), style)
        small = []
        for key, name, share in _SMALL[stage]:
            found = run.curve(stage, key)
            # All zero is the good news of these; an empty panel would only take room.
            if found and not (key in ("unjudged", "contradictory") and not any(_values(found))):
                axis = share_axis(_values(found), 0.04) if share else number_axis(_values(found))
                small.append(step_chart(name, found, _coarse(axis), style, small=True))
        rows = tuple(Row(f"turn {turn}", f"{max(s for s, _ in line):,} steps", _ends(line)) for turn, line in curves)
        figures.append((role, Figure((panel,), tuple(small), Table((title, "first tenth", "last tenth", "change"), rows))))
    return figures


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


# --- the Instructor's types -------------------------------------------------------------------------------------------


def types(run: RunNumbers) -> Table | None:
    """Shares of the constraint types per turn, the largest first; the rest is summed up in the last row."""
    turns = [t for t in run.evaluated if t.evaluation and t.evaluation.instructor.types]
    if not turns:
        return None
    found = [t.evaluation.instructor.shares for t in turns if t.evaluation]
    largest = {k: max(s.get(k, 0.0) for s in found) for s in found for k in s}
    shown = sorted(largest, key=lambda k: (-largest[k], k))[:TYPES_SHOWN]
    scale = max(0.25, *largest.values())
    rows = [named(k, tuple(_share_cell(s.get(k, 0.0), scale) for s in found)) for k in shown]
    rest = [1 - sum(s.get(k, 0.0) for k in shown) for s in found]
    if any(r > 5e-4 for r in rest):
        rows.append(Row("all others", "", tuple(_share_cell(max(0.0, r), math.inf) for r in rest)))
    return Table(("type", *heads(turns)), tuple(rows))


def _share_cell(share: float, scale: float) -> Cell:
    return Cell(percent(share) if share >= 5e-4 else NOTHING, share / scale)


# --- the Judger -------------------------------------------------------------------------------------------------------


def judger(run: RunNumbers) -> Figure | None:
    """The Judger’s mean verdict against the verifiers' on the same answers, and its balanced accuracy, per turn."""
    turns = [t for t in run.evaluated if t.evaluation and t.evaluation.judger.mean is not None]
    if not turns:
        return None
    labels = [t.label for t in turns]

    def held_out(read: Callable[[Reliability], float | None]) -> list[float | None]:
        return across(turns, lambda e: read(e.judger))

    def in_training(read: Callable[[Reliability], float | None]) -> list[float | None]:
        return across(turns, lambda e: read(e.judger.in_training) if e.judger.in_training else None)

    mean, truth = held_out(lambda r: r.mean), held_out(lambda r: r.verifier_mean)
    balanced = held_out(lambda r: r.balanced_accuracy)
    means = [Series("Judger", mean, (), "b", "square"), Series("verifiers", truth, (), "a", "circle")]
    line = [Series("Judger", balanced, (), "b", "square")]
    panels = (
        turn_chart("Constraints called satisfied", labels, means, share_axis([*mean, *truth]), percent),
        turn_chart("Balanced accuracy", labels, line, share_axis([0.5, *balanced]), percent, reference=0.5),
    )
    rows = [
        Row("Judger’s mean", "", shares(mean)),
        Row("verifiers’ mean", "", shares(truth)),
        Row("balanced accuracy", "", shares(balanced)),
    ]
    on_violated: tuple[tuple[str, Callable[[Reliability], float | None]], ...] = (
        ("precision on violated", lambda r: r.precision_violated),
        ("recall on violated", lambda r: r.recall_violated),
    )
    for name, read in on_violated:
        rows.append(Row(name, "on held-out answers", shares(held_out(read))))
        if any(v is not None for v in in_training(read)):
            rows.append(Row(name, "in training, where rules can check", shares(in_training(read))))
    rows.append(Row("verdicts", "", tuple(Cell(plain(v, 0)) for v in across(turns, lambda e: e.judger.n))))
    rows.append(Row("unjudged", "", tuple(Cell(plain(v, 0)) for v in across(turns, lambda e: e.judger.unjudged))))
    return Figure(panels, table=Table(("", *heads(turns)), tuple(rows)))


def judger_by_type(run: RunNumbers) -> tuple[Turn, Table] | None:
    """The last turn's Judger per constraint type, the least reliable first."""
    turns = [t for t in run.evaluated if t.evaluation and t.evaluation.judger.per_type]
    if not turns:
        return None
    found = turns[-1].evaluation.judger.per_type if turns[-1].evaluation else {}
    rows = []
    for kind, r in sorted(found.items(), key=lambda item: (item[1].balanced_accuracy or 0.0, item[0])):
        # Where nothing was violated there is nothing to find.
        caught = r.recall_violated if (r.verifier_mean or 0.0) < 1 else None
        cells = (
            Cell(percent(r.balanced_accuracy), watch=r.balanced_accuracy is not None and r.balanced_accuracy < 0.6),
            Cell(percent(caught), watch=caught is not None and caught < 0.5),
            Cell(percent(r.precision_violated)),
            Cell(percent(r.mean)),
            Cell(percent(r.verifier_mean)),
            Cell(plain(r.n, 0)),
        )
        rows.append(named(kind, cells))
    columns = ("balanced accuracy", "violations found", "rightly called violated", "Judger’s mean", "verifiers’ mean", "n")
    return turns[-1], Table(("type", *columns), tuple(rows))


def judger_weights(run: RunNumbers) -> str:
    """Whose weights judged, in words."""
    if run.config.judging_model == "classifier":
        return "The Judger is a classifier, measured on the constraints that it judges."
    if run.config.judger.kind == "rules":
        return "The Judger of this run is the verifiers themselves, so the two agree by construction."
    if run.config.judger.weights == "base":
        return "The Judger has the base’s weights in every turn."
    return "In turn t the Judger has the weights of the Follower of turn t\N{NO-BREAK SPACE}−\N{NO-BREAK SPACE}1; for the base and turn 1 it is the base."


# --- the reward model ---------------------------------------------------------------------------------------------------


def reward_model(run: RunNumbers) -> Figure | None:
    """Per turn the classifier's probabilities against its held-out labels, its calibration error, and its accuracy."""
    turns = [t for t in run.turns if t.reward_model]
    if not turns:
        return None
    found = [t.reward_model for t in turns if t.reward_model]
    panels = tuple(reliability_chart(head(t).capitalize(), [(b.mean, b.share, b.n) for b in numbers.curve]) for t, numbers in zip(turns, found, strict=True))

    def plain_cells(values: Sequence[float | None], digits: int) -> tuple[Cell, ...]:
        return tuple(Cell(plain(v, digits)) for v in values)

    rows = [
        Row("calibration error", "expected, on held-out questions", plain_cells([r.calibration_error for r in found], 3)),
        Row("the same before calibration", "", plain_cells([r.calibration_error_before for r in found], 3)),
        Row("pairs to train on", "", plain_cells([r.train_pairs for r in found], 0)),
        Row("pairs held out", "", plain_cells([r.held_out_pairs for r in found], 0)),
        Row("responses shortened", "in the middle", shares([r.shortened for r in found])),
    ]
    for against, tables in (
        ("pseudo-labels", [r.against_labels for r in found]),
        ("verifiers", [r.against_verifiers for r in found]),
    ):
        if any(tables):
            known = [table or ClassifierReliability() for table in tables]
            rows.append(Row("accuracy", f"against {against}", shares([r.accuracy for r in known])))
            rows.append(Row("precision on violated", f"against {against}", shares([r.precision_violated for r in known])))
            rows.append(Row("recall on violated", f"against {against}", shares([r.recall_violated for r in known])))
    labels = [r.labels_against_verifiers for r in found]
    if any(labels):
        right = [None if table is None else table.accuracy for table in labels]
        rows.append(Row("labels that are right", "by the verifiers", shares(right)))
    return Figure(panels, table=Table(("", *heads(turns)), tuple(rows)))


def reward_model_by_type(run: RunNumbers) -> tuple[Turn, Table] | None:
    """The last turn's classifier per constraint type, the least accurate first.

    Against the verifiers, and where there is none, the labels.
    """
    turns = [t for t in run.turns if t.reward_model]
    if not turns:
        return None
    last = turns[-1].reward_model or RewardModelNumbers()
    labels = last.against_labels.per_type if last.against_labels else {}
    checked = last.against_verifiers.per_type if last.against_verifiers else {}
    rows = []
    for kind in sorted(labels, key=lambda k: (checked.get(k, labels[k]).accuracy or 0.0, k)):
        r = checked.get(kind, ClassifierReliability())
        against = shares([r.accuracy, r.precision_violated, r.recall_violated, labels[kind].accuracy])
        rows.append(named(kind, (*against, Cell(plain(labels[kind].n, 0)))))
    columns = ("accuracy", "rightly called violated", "violations found", "accuracy against labels", "n")
    return turns[-1], Table(("type", *columns), tuple(rows))


# --- numbers to watch -------------------------------------------------------------------------------------------------


def watch(run: RunNumbers) -> Table | None:
    """Numbers that stay put in a healthy run, per turn."""
    turns = run.evaluated
    rows: list[Row] = []

    def add(name: str, about: str, read: Read, alarming: Alarm = lambda value, base: False, write: Write = percent) -> None:
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
    add("pool conflict share", "the same, behind the Filter", lambda e: e.instructor.pool_conflict_share, lambda v, _: v > 0.05)
    add("top type’s share", "of the commonest type", lambda e: e.instructor.top_type_share, lambda v, _: v > 0.5)
    add(
        "type entropy",
        "bits; more is more varied",
        lambda e: e.instructor.type_entropy,
        lambda v, b: b is not None and v < 0.7 * b,
        plain,
    )
    return Table(("", *heads(turns)), tuple(rows)) if rows else None
