"""The Judger against the verifiers."""

from __future__ import annotations

from collections.abc import Callable

from seif.evaluation.results import Reliability
from seif.report.blocks import Block, Cell, Figure, Row, Table, Text, across, head, heads, named, shares
from seif.report.charts import Series, share_axis, turn_chart
from seif.report.data import RunNumbers
from seif.report.section import section
from seif.report.text import percent, plain

_AGREEMENT = (
    "Constraints called satisfied: by either, on the same answers; a Judger above the verifiers is too lenient. "
    "Balanced accuracy: the mean of the recalls on satisfied and on violated constraints; the dashed line is "
    "guessing."
)


@section("judger", "The Judger against the verifiers", order=60, link="Judger")
def judger(run: RunNumbers) -> list[Block]:
    """How far the Judger can be trusted, per turn, and in the last turn per constraint type."""
    how = (
        "The reward is only as good as the Judger. Here it judges the greedy held-out answers, and the "
        f"verifiers say how often it was right. {_weights(run)}"
    )
    figure, by_type = _agreement(run), _agreement_by_type(run)
    return [Text(how), figure, *([by_type] if by_type else [])] if figure else []


def _agreement(run: RunNumbers) -> Figure | None:
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
    return Figure(panels, table=Table(("", *heads(turns)), tuple(rows)), caption=_AGREEMENT)


def _agreement_by_type(run: RunNumbers) -> Table | None:
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
    columns = (
        "balanced accuracy",
        "violations found",
        "rightly called violated",
        "Judger’s mean",
        "verifiers’ mean",
        "n",
    )
    caption = (
        f"The Judger per constraint type, {head(turns[-1])}, least reliable first. Violations found: the share of "
        "violated constraints that the Judger called violated. “!” marks a balanced accuracy below 60% and fewer "
        "than half of the violations found: such a type can be satisfied in the Judger’s eyes alone."
    )
    return Table(("type", *columns), tuple(rows), caption=caption)


def _weights(run: RunNumbers) -> str:
    """Whose weights judged, in words."""
    if run.config.judging_model == "classifier":
        return "The Judger is a classifier, measured on the constraints that it judges."
    if run.config.judger.kind == "rules":
        return "The Judger of this run is the verifiers themselves, so the two agree by construction."
    if run.config.judger.weights == "base":
        return "The Judger has the base’s weights in every turn."
    before = "t\N{NO-BREAK SPACE}−\N{NO-BREAK SPACE}1"
    return f"In turn t the Judger is the Follower of turn {before}; for the base and turn 1 it is the base."
