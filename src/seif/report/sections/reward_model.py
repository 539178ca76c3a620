"""The classifier that judges, where a run trains one."""

from __future__ import annotations

from collections.abc import Sequence

from seif.evaluation.results import ClassifierReliability, RewardModelNumbers
from seif.report.blocks import Block, Cell, Figure, Row, Table, Text, head, heads, named, shares
from seif.report.charts import reliability_chart
from seif.report.data import RunNumbers
from seif.report.section import section
from seif.report.text import plain

_HOW = Text(
    "A classifier that learned from the model’s own answers: those written with a constraint in view count as "
    "satisfying it, those written without as violating it. Nobody checked these labels. All numbers are of "
    "questions that it never saw."
)
_CALIBRATION = (
    "How well its probabilities are calibrated: of the pairs that it gives a probability of 80%, 80% should carry "
    "the label satisfied. Dots: tenths of the probabilities, the larger the more pairs; dashed: perfect "
    "calibration."
)


@section("reward-model", "The reward model", order=70, link="Reward model")
def reward_model(run: RunNumbers) -> list[Block]:
    """Its calibration per turn, and how often it is right."""
    figure, by_type = _calibration(run), _by_type(run)
    return [_HOW, figure, by_type] if figure and by_type else []


def _calibration(run: RunNumbers) -> Figure | None:
    """Per turn the classifier's probabilities against its held-out labels, its calibration error, and its accuracy."""
    turns = [t for t in run.turns if t.reward_model]
    if not turns:
        return None
    found = [t.reward_model for t in turns if t.reward_model]
    panels = tuple(
        reliability_chart(head(t).capitalize(), [(b.mean, b.share, b.n) for b in numbers.curve])
        for t, numbers in zip(turns, found, strict=True)
    )

    def plain_cells(values: Sequence[float | None], digits: int) -> tuple[Cell, ...]:
        return tuple(Cell(plain(v, digits)) for v in values)

    rows = [
        Row(
            "calibration error", "expected, on held-out questions", plain_cells([r.calibration_error for r in found], 3)
        ),
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
            rows.append(
                Row("precision on violated", f"against {against}", shares([r.precision_violated for r in known]))
            )
            rows.append(Row("recall on violated", f"against {against}", shares([r.recall_violated for r in known])))
    labels = [r.labels_against_verifiers for r in found]
    if any(labels):
        right = [None if table is None else table.accuracy for table in labels]
        rows.append(Row("labels that are right", "by the verifiers", shares(right)))
    return Figure(panels, table=Table(("", *heads(turns)), tuple(rows)), caption=_CALIBRATION)


def _by_type(run: RunNumbers) -> Table | None:
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
    caption = (
        f"The reward model per constraint type, {head(turns[-1])}, least accurate first. The first three columns are "
        "against the verifiers, where a type has one."
    )
    return Table(("type", *columns), tuple(rows), caption=caption)
