"""The audit: how reliable the judge was in each turn, what followed, and which turn was the best."""

from __future__ import annotations

from collections.abc import Sequence

from seif.evaluation.audit import ENOUGH, Audit, JudgeAudit, JudgeRates
from seif.report.blocks import Block, Cell, Figure, Row, Table, Text, named
from seif.report.charts import Series, number_axis, share_axis, turn_chart
from seif.report.data import RunNumbers
from seif.report.section import section
from seif.report.text import NOTHING, percent, percent_error, plain, points, share_interval

_SUMMARY = (
    "On the audit tasks, per turn. Accuracy: constraints satisfied, by the verifiers, ± one standard error. Judge "
    "minus verifiers: the difference of their means, as the turn’s rewards counted the verdicts, ± one standard error. "
    "TPR and FPR: of the satisfied and of the violated constraints, the share that the Judger calls satisfied, with "
    "95% intervals."
)


@section("audit", "Audit", order=65)
def audit(run: RunNumbers) -> list[Block]:
    """The Judger's error rates per turn and type, the gap, the best turn, and why the loop ended."""
    audits = [t.audit for t in run.turns if t.audit is not None]
    if not audits:
        return []
    blocks: list[Block] = [Text(_what_followed(run)), _accuracy(audits), _summary(audits)]
    by_type = _by_type(audits, run.config.judger.min_reliability)
    soft = _soft(audits)
    return [*blocks, *([by_type] if by_type else []), *([soft] if soft else [])]


def _what_followed(run: RunNumbers) -> str:
    best = "the base" if run.best == 0 else f"turn {run.best}"
    said = f"By the audit {best} is the best; `best` in the run directory links to it."
    if run.stopped_early is not None:
        said += f" The loop ended after turn {run.stopped_early.turn}: {run.stopped_early.reason}."
    return said


def _accuracy(audits: Sequence[Audit]) -> Figure:
    accuracy = [audit.accuracy for audit in audits]
    gaps = [
        None if gap is None else 100 * gap for gap in (audit.judge.gap if audit.judge else None for audit in audits)
    ]
    labels = ["base" if audit.turn == 0 else str(audit.turn) for audit in audits]
    follower, judge = Series("Follower", accuracy, (), "a", "circle"), Series("Judger", gaps, (), "b", "square")
    panels = (
        turn_chart("Audit accuracy", labels, [follower], share_axis(accuracy), percent),
        turn_chart("Judge minus verifiers, points", labels, [judge], number_axis([0.0, *gaps]), plain),
    )
    return Figure(panels, caption="Audit accuracy, and how much more the Judger calls satisfied than the verifiers.")


def _summary(audits: Sequence[Audit]) -> Table:
    judges = [audit.judge or JudgeAudit() for audit in audits]
    rows = (
        Row("accuracy", "", tuple(Cell(percent_error(a.accuracy, a.stderr)) for a in audits)),
        Row("judge minus verifiers", "points", tuple(Cell(_gap(judge)) for judge in judges)),
        Row("TPR", "", tuple(Cell(share_interval(judge.tpr)) for judge in judges)),
        Row("FPR", "", tuple(Cell(share_interval(judge.fpr)) for judge in judges)),
        Row("TPR − FPR", "", tuple(Cell(share_interval(judge.j)) for judge in judges)),
        Row(
            "the next turn’s judge",
            "TPR − FPR",
            tuple(Cell(share_interval((a.known or JudgeAudit()).j)) for a in audits),
        ),
        Row("verdicts", "", tuple(Cell(plain(judge.satisfied + judge.violated, 0)) for judge in judges)),
        Row("unjudged", "", tuple(Cell(plain(judge.unjudged, 0)) for judge in judges)),
    )
    return Table(("", *map(_head, audits)), rows, caption=_SUMMARY)


def _by_type(audits: Sequence[Audit], limit: float) -> Table | None:
    """J per type and turn, and the last turn's rates."""
    types = sorted({kind for audit in audits if audit.judge for kind in audit.judge.per_type})
    if not types:
        return None
    rows = []
    for kind in types:
        found = [audit.judge.per_type.get(kind, JudgeRates()) if audit.judge else JudgeRates() for audit in audits]
        last = found[-1]
        js = tuple(Cell(share_interval(rates.j), watch=rates.unreliable(limit)) for rates in found)
        sizes = f"{last.satisfied} / {last.violated}"
        rows.append(named(kind, (*js, Cell(share_interval(last.tpr)), Cell(share_interval(last.fpr)), Cell(sizes))))
    caption = (
        "TPR − FPR of the turn’s Judger per constraint type, in percent with 95% intervals; on the right, TPR and FPR "
        "in the last audit, and its satisfied and violated constraints. “!” marks a lower bound below "
        f"{percent(limit)}, on {ENOUGH} or more of each: where such a judge is the next turn’s, the type is unjudged "
        "in its rewards."
    )
    return Table(("type", *map(_head, audits), "TPR", "FPR", "n"), tuple(rows), caption=caption)


def _soft(audits: Sequence[Audit]) -> Table | None:
    types = sorted({kind for audit in audits for kind in audit.corrected})
    if not types:
        return None
    rows = tuple(
        named(
            kind,
            tuple(Cell(share_interval(a.corrected[kind]) if kind in a.corrected else NOTHING) for a in audits),
        )
        for kind in types
    )
    caption = (
        "Constraints that no rule checks: the share satisfied in the kept rollouts of training, corrected by the "
        "Judger’s error rates over all types, in percent."
    )
    return Table(("type", *map(_head, audits)), rows, caption=caption)


def _gap(judge: JudgeAudit) -> str:
    if judge.gap is None:
        return NOTHING
    return points(judge.gap) + ("" if judge.gap_stderr is None else f" ± {100 * judge.gap_stderr:.1f}")


def _head(audit: Audit) -> str:
    return f"turn {audit.turn}" if audit.turn else "base"
