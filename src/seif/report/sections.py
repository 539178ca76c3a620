"""The sections with numbers as figures and tables: what is compared with what, and in which words."""

from __future__ import annotations

import math
from typing import Any

from seif.report.blocks import Cell, Figure, Row, Table, across, constraints, head, heads, named, pairs
from seif.report.charts import Axis, Series, dumbbell, number_axis, reliability_chart, share_axis, step_chart, turn_chart
from seif.report.data import Points, RunNumbers, Turn
from seif.report.text import NOTHING, dig, number, percent, plain, points, type_name

TYPES_SHOWN = 14
DECODINGS = (("greedy", "a", "circle"), ("sampled", "b", "square"))


# --- held-out accuracy ------------------------------------------------------------------------------------------------


def accuracy(run: RunNumbers) -> Figure | None:
    """Constraint accuracy per turn, greedy and sampled; instruction accuracy by the number of constraints."""
    turns = [t for t in run.evaluated if t.evaluation.get("held_out")]
    if not turns:
        return None
    labels = [t.label for t in turns]

    def told(value: float) -> str:
        return percent(value)

    lines = [
        Series(d, across(turns, "held_out", d, "constraint_accuracy"), across(turns, "held_out", d, "stderr"), style, marker) for d, style, marker in DECODINGS
    ]
    reach = [v + sign * (e or 0) for s in lines for v, e in zip(s.values, s.errors, strict=True) if v is not None for sign in (-1, 1)]
    panels = [turn_chart("Constraints satisfied", labels, lines, share_axis(reach), told)]
    rows = [Row(f"constraints, {d}", "", pairs(turns, ("held_out", d, "constraint_accuracy"), ("held_out", d, "stderr"))) for d, _, _ in DECODINGS]
    for d, _, _ in DECODINGS:
        counts = sorted({k for t in turns for k in dig(t.evaluation, "held_out", d, "instruction_accuracy") or {}}, key=lambda k: (len(k), k))
        path, error_path = ("held_out", d, "instruction_accuracy"), ("held_out", d, "instruction_stderr")
        by_count = [
            Series(constraints(k), across(turns, *path, k), across(turns, *error_path, k), f"k{min(i, 3)}", ("circle", "hollow", "square", "diamond")[i % 4])
            for i, k in enumerate(counts)
        ]
        if by_count:
            panels.append(turn_chart(f"Whole instructions, {d}", labels, by_count, share_axis([0.0, 1.0]), told))
        rows += [Row(f"instructions of {constraints(k)}, {d}", "", pairs(turns, (*path, k), (*error_path, k))) for k in counts]
    return Figure(tuple(panels), table=Table(("", *heads(turns)), tuple(rows)))


def by_type(run: RunNumbers) -> Table | None:
    """Greedy accuracy per constraint type, base against last turn, the largest gain first."""
    turns = [t for t in run.evaluated if dig(t.evaluation, "held_out", "greedy", "per_type")]
    if not turns:
        return None
    first, last = turns[0], turns[-1]
    before: dict[str, Any] = dig(first.evaluation, "held_out", "greedy", "per_type")
    after: dict[str, Any] = dig(last.evaluation, "held_out", "greedy", "per_type")
    if first is last:
        return Table(("type", first.label), tuple(named(k, (Cell(percent(v), v),)) for k, v in sorted(after.items(), key=lambda item: -item[1])))
    rows = []
    for kind in sorted(before.keys() & after.keys(), key=lambda k: before[k] - after[k]):
        a, b = before[kind], after[kind]
        note = f"{type_name(kind)[0]}: {percent(a)} to {percent(b)}"
        rows.append(named(kind, (Cell("", picture=dumbbell(a, b, note)), Cell(percent(a), a), Cell(percent(b), b), Cell(points(b - a)))))
    return Table(("type", f"○ {head(first)}  ● {head(last)}", head(first), head(last), "points"), tuple(rows), pictures=True)


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
    turns = [t for t in run.evaluated if dig(t.evaluation, "instructor", "types")]
    if not turns:
        return None
    shares: list[dict[str, float]] = []
    for t in turns:
        counts: dict[str, int] = dig(t.evaluation, "instructor", "types")
        top = number(dig(t.evaluation, "instructor", "top_type_share"))
        # Only the commonest types are recorded; the top one's share tells how many constraints there were in all.
        total = max(sum(counts.values()), round(max(counts.values()) / top) if top else 0)
        shares.append({k: n / total for k, n in counts.items()})
    largest = {k: max(s.get(k, 0.0) for s in shares) for s in shares for k in s}
    shown = sorted(largest, key=lambda k: (-largest[k], k))[:TYPES_SHOWN]
    scale = max(0.25, *largest.values())
    rows = [named(k, tuple(_share_cell(s.get(k, 0.0), scale) for s in shares)) for k in shown]
    rest = [1 - sum(s.get(k, 0.0) for k in shown) for s in shares]
    if any(r > 5e-4 for r in rest):
        rows.append(Row("all others", "", tuple(_share_cell(max(0.0, r), math.inf) for r in rest)))
    return Table(("type", *heads(turns)), tuple(rows))


def _share_cell(share: float, scale: float) -> Cell:
    return Cell(percent(share) if share >= 5e-4 else NOTHING, share / scale)


# --- the Judger -------------------------------------------------------------------------------------------------------


def judger(run: RunNumbers) -> Figure | None:
    """The Judger’s mean verdict against the verifiers' on the same answers, and its balanced accuracy, per turn."""
    turns = [t for t in run.evaluated if number(dig(t.evaluation, "judger", "mean")) is not None]
    if not turns:
        return None
    labels = [t.label for t in turns]
    means = [
        Series("Judger", across(turns, "judger", "mean"), (), "b", "square"),
        Series("verifiers", across(turns, "judger", "verifier_mean"), (), "a", "circle"),
    ]
    balanced = [Series("Judger", across(turns, "judger", "balanced_accuracy"), (), "b", "square")]
    panels = (
        turn_chart("Constraints called satisfied", labels, means, share_axis([v for s in means for v in s.values]), percent),
        turn_chart("Balanced accuracy", labels, balanced, share_axis([0.5, *balanced[0].values]), percent, reference=0.5),
    )
    rows = [
        Row(name, "", tuple(Cell(percent(v)) for v in across(turns, "judger", key)))
        for name, key in (("Judger’s mean", "mean"), ("verifiers’ mean", "verifier_mean"), ("balanced accuracy", "balanced_accuracy"))
    ]
    for name, key in (("precision on violated", "precision_violated"), ("recall on violated", "recall_violated")):
        rows.append(Row(name, "on held-out answers", tuple(Cell(percent(v)) for v in across(turns, "judger", key))))
        in_training = across(turns, "judger", "in_training", key)
        if any(v is not None for v in in_training):
            rows.append(Row(name, "in training, where rules can check", tuple(Cell(percent(v)) for v in in_training)))
    rows.append(Row("verdicts", "", tuple(Cell(plain(dig(t.evaluation, "judger", "n"), 0)) for t in turns)))
    rows.append(Row("unjudged", "", tuple(Cell(plain(dig(t.evaluation, "judger", "unjudged"), 0)) for t in turns)))
    return Figure(panels, table=Table(("", *heads(turns)), tuple(rows)))


def judger_by_type(run: RunNumbers) -> tuple[Turn, Table] | None:
    """The last turn's Judger per constraint type, the least reliable first."""
    turns = [t for t in run.evaluated if dig(t.evaluation, "judger", "per_type")]
    if not turns:
        return None
    found: dict[str, dict[str, Any]] = dig(turns[-1].evaluation, "judger", "per_type")
    rows = []
    for kind in sorted(found, key=lambda k: (found[k]["balanced_accuracy"], k)):
        n = found[kind]
        # Where nothing was violated there is nothing to find.
        caught = n["recall_violated"] if n["verifier_mean"] < 1 else None
        cells = (
            Cell(percent(n["balanced_accuracy"]), watch=n["balanced_accuracy"] < 0.6),
            Cell(percent(caught), watch=caught is not None and caught < 0.5),
            Cell(percent(n.get("precision_violated"))),
            Cell(percent(n["mean"])),
            Cell(percent(n["verifier_mean"])),
            Cell(plain(n["n"], 0)),
        )
        rows.append(named(kind, cells))
    return turns[-1], Table(("type", "balanced accuracy", "violations found", "rightly called violated", "Judger’s mean", "verifiers’ mean", "n"), tuple(rows))


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
    """Per turn the classifier's probabilities against its held-out labels, its calibration error, and how often it is right."""
    turns = [t for t in run.turns if t.reward_model]
    if not turns:
        return None
    panels = tuple(reliability_chart(head(t).capitalize(), [(b["mean"], b["share"], b["n"]) for b in t.reward_model["curve"]]) for t in turns)

    def cells(*path: str, form: str = "%") -> tuple[Cell, ...]:
        return tuple(Cell(_write(number(dig(t.reward_model, *path)), form)) for t in turns)

    rows = [
        Row("calibration error", "expected, on held-out questions", cells("calibration_error", form="3")),
        Row("the same before calibration", "", cells("calibration_error_before", form="3")),
        Row("pairs to train on", "", cells("train_pairs", form="0")),
        Row("pairs held out", "", cells("held_out_pairs", form="0")),
        Row("responses shortened", "in the middle", cells("shortened")),
    ]
    for against, key in (("pseudo-labels", "against_labels"), ("verifiers", "against_verifiers")):
        for name, part in (("accuracy", "accuracy"), ("precision on violated", "precision_violated"), ("recall on violated", "recall_violated")):
            if any(dig(t.reward_model, key) for t in turns):
                rows.append(Row(name, f"against {against}", cells(key, part)))
    if any(t.reward_model.get("labels_against_verifiers") for t in turns):
        rows.append(Row("labels that are right", "by the verifiers", cells("labels_against_verifiers", "accuracy")))
    return Figure(panels, table=Table(("", *heads(turns)), tuple(rows)))


def reward_model_by_type(run: RunNumbers) -> tuple[Turn, Table] | None:
    """The last turn's classifier per constraint type, the least accurate first: against the verifiers, and where there is none, the labels."""
    turns = [t for t in run.turns if t.reward_model]
    if not turns:
        return None
    labels = dig(turns[-1].reward_model, "against_labels", "per_type") or {}
    checked = dig(turns[-1].reward_model, "against_verifiers", "per_type") or {}

    def told(found: dict[str, Any] | None) -> tuple[Cell, ...]:
        return tuple(Cell(percent(dig(found, key))) for key in ("accuracy", "precision_violated", "recall_violated"))

    order = sorted(labels, key=lambda k: ((checked.get(k) or labels[k])["accuracy"], k))
    rows = [named(k, (*told(checked.get(k)), told(labels[k])[0], Cell(plain(labels[k]["n"], 0)))) for k in order]
    columns = ("accuracy", "rightly called violated", "violations found", "accuracy against labels", "n")
    return turns[-1], Table(("type", *columns), tuple(rows))


# --- numbers to watch -------------------------------------------------------------------------------------------------


def watch(run: RunNumbers) -> Table | None:
    """Numbers that stay put in a healthy run, per turn."""
    turns = run.evaluated
    rows: list[Row] = []

    def add(name: str, about: str, path: tuple[str, ...], form: str, alarming: Any = lambda value, base: False) -> None:
        values = across(turns, *path)
        known = [v for v in values if v is not None]
        if known:
            base = values[0] if turns[0].number == 0 else None
            cells = (Cell(_write(v, form), watch=v is not None and bool(alarming(v, base))) for v in values)
            rows.append(Row(name, about, tuple(cells)))

    for d, _, _ in DECODINGS:
        if any(dig(t.evaluation, "held_out", d) for t in turns):
            rows.append(Row(f"Follower, {d} answers", "", ()))
        add("well-formed", "in the required format", ("held_out", d, "well_formed"), "%", lambda v, _: v < 0.9)
        add(
            "repetition",
            "three-word runs seen before",
            ("held_out", d, "repetition"),
            "%",
            lambda v, b: b is not None and v > b + 0.1,
        )
        add("mean words", "per answer", ("held_out", d, "mean_words"), "1", lambda v, b: b is not None and not b / 1.5 <= v <= b * 1.5)
    add("general questions", "right, greedy", ("general", "accuracy"), "%", lambda v, b: b is not None and v < b - 0.03)
    if any(t.evaluation.get("instructor") for t in turns):
        rows.append(Row("Instructor", "", ()))
    add("parsable", "replies with constraints", ("instructor", "parsable"), "%", lambda v, _: v < 0.9)
    add("conflict share", "rules prove a contradiction", ("instructor", "conflict_share"), "%", lambda v, _: v > 0.1)
    add("pool conflict share", "the same, behind the Filter", ("instructor", "pool_conflict_share"), "%", lambda v, _: v > 0.05)
    add("top type’s share", "of the commonest type", ("instructor", "top_type_share"), "%", lambda v, _: v > 0.5)
    add("type entropy", "bits; more is more varied", ("instructor", "type_entropy"), "2", lambda v, b: b is not None and v < 0.7 * b)
    return Table(("", *heads(turns)), tuple(rows)) if rows else None


def _write(value: float | None, form: str) -> str:
    return percent(value) if form == "%" else plain(value, int(form))
