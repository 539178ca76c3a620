"""The judge against the verifiers on audit tasks: error rates per type with intervals, and what follows for rewards.

What a turn's `audit.json` holds. A type's reliability is J = TPR - FPR (Youden 1950): 1 for a judge without errors, 0
for one that guesses.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

from pydantic import Field

from seif.config import Judger
from seif.errors import RunError
from seif.evaluation.held_out import Answer, Judged
from seif.evaluation.results import Number, Result
from seif.judges.audited import ErrorRates, Reliance
from seif.types import SOFT

Z = 1.959964
"""Of a two-sided 95% interval."""
ENOUGH = 10
"""Satisfied and violated constraints, each, from which on a type's rates say something: the lower bound of J is .61 for
a judge without errors on ten of each. For a type with fewer the rates over all types stand."""


class Share(Result):
    """An estimate with its 95% interval, where it has one."""

    value: Number = None
    low: Number = None
    high: Number = None


class JudgeRates(Result):
    """A judge's error rates; a part without anything to be right about is empty."""

    tpr: Share = Share()
    """Share of the satisfied constraints that it calls satisfied."""
    fpr: Share = Share()
    """Share of the violated ones that it calls satisfied."""
    j: Share = Share()
    """TPR - FPR."""
    satisfied: int = 0
    """Constraints that are satisfied by the verifiers, of those judged."""
    violated: int = 0
    mean: Number = None
    """Share that the judge calls satisfied."""
    verifier_mean: Number = None

    @property
    def enough(self) -> bool:
        """Whether there were enough of both to go by the rates."""
        return min(self.satisfied, self.violated) >= ENOUGH

    def unreliable(self, limit: float) -> bool:
        """Whether the lower bound of J is below the limit, on enough of both."""
        return self.enough and self.j.low is not None and self.j.low < limit

    @property
    def error_rates(self) -> ErrorRates | None:
        """The rates as numbers, where there are enough of both and a verdict says something."""
        if not self.enough or self.tpr.value is None or self.fpr.value is None:
            return None
        rates = ErrorRates(self.tpr.value, self.fpr.value)
        return rates if rates.informative else None


class JudgeAudit(JudgeRates):
    """A judge on one turn's answers to the audit tasks, over all types and of each."""

    judge: str = ""
    """Its weights, as a path."""
    per_type: dict[str, JudgeRates] = Field(default={})
    unjudged: int = 0
    """Verdicts that it did not give; they are in none of the other numbers."""
    gap: Number = None
    """Its mean minus the verifiers' mean, as rewards of the turn counted the verdicts: without types that were
    unjudged, corrected where they were, and a classifier's probability in place of its verdict where that counted."""
    gap_stderr: Number = None
    """Standard error; tasks, not constraints, count as independent."""


class Audit(Result):
    """One turn's `audit.json`."""

    turn: int
    accuracy: Number = None
    """Satisfied constraints / all constraints, by the verifiers; the turn's Follower answers as in its rollouts."""
    stderr: Number = None
    """Tasks, not constraints, count as independent."""
    satisfied: list[int] = Field(default=[])
    """Satisfied constraints of each task; turns are compared task by task."""
    constraints: list[int] = Field(default=[])
    """Constraints of each task; 0 where it got no reply."""
    judge: JudgeAudit | None = None
    """What judged in the turn's rewards; None where no model judges."""
    next_judge: JudgeAudit | None = None
    """What will judge in the next turn; None where it has the same weights, or is not there yet."""
    corrected: dict[str, Share] = Field(default={})
    """By soft type, the share that is satisfied in training: the judge's mean corrected by its rates over all types."""

    @property
    def numbers(self) -> dict[str, float]:
        """For trackers: accuracy, and the turn's judge over all types."""
        judge = self.judge or JudgeAudit()
        found = {"accuracy": self.accuracy, "gap": judge.gap, "tpr": judge.tpr.value, "fpr": judge.fpr.value}
        return {f"audit/{name}": value for name, value in found.items() if value is not None}

    @property
    def known(self) -> JudgeAudit | None:
        """What is known of the next turn's judge."""
        return self.next_judge or self.judge


def wilson(hits: int, n: int) -> Share:
    """A share with Wilson's score interval (Wilson 1927, JASA 22:209); empty for none."""
    if n == 0:
        return Share()
    p, z2 = hits / n, Z * Z
    center = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    # At the ends the formula is exact, but not its arithmetic.
    return Share(
        value=p, low=max(0.0, center - half) if hits else 0.0, high=min(1.0, center + half) if hits < n else 1.0
    )


def newcombe(a: Share, b: Share) -> Share:
    """The difference a - b of two independent shares with Newcombe's hybrid score interval (method 10 of Newcombe 1998,
    Statistics in Medicine 17:873); empty where one of them is."""
    if a.value is None or a.low is None or a.high is None or b.value is None or b.low is None or b.high is None:
        return Share()
    d = a.value - b.value
    low = d - math.hypot(a.value - a.low, b.high - b.value)
    return Share(value=d, low=low, high=d + math.hypot(a.high - a.value, b.value - b.low))


def rates_of(found: Sequence[Judged]) -> JudgeRates:
    """The error rates in some verdicts."""
    said = {truth: [v.satisfied for v in found if v.holds is truth] for truth in (True, False)}
    tpr, fpr = (wilson(sum(said[truth]), len(said[truth])) for truth in (True, False))
    return JudgeRates(
        tpr=tpr,
        fpr=fpr,
        j=newcombe(tpr, fpr),
        satisfied=len(said[True]),
        violated=len(said[False]),
        mean=sum(v.satisfied for v in found) / len(found) if found else None,
        verifier_mean=len(said[True]) / len(found) if found else None,
    )


def audit_of(judge: str, found: Sequence[Judged], unjudged: int, reliance: Reliance) -> JudgeAudit:
    """A judge's rates in its verdicts; `reliance` says how the turn's rewards counted them."""
    by_type: dict[str, list[Judged]] = defaultdict(list)
    for verdict in found:
        by_type[verdict.kind].append(verdict)
    gap = _gap(found, reliance)
    return JudgeAudit(
        **dict(rates_of(found)),
        judge=judge,
        per_type={kind: rates_of(verdicts) for kind, verdicts in sorted(by_type.items())},
        unjudged=unjudged,
        gap=gap[0] if gap else None,
        gap_stderr=gap[1] if gap else None,
    )


def _gap(found: Sequence[Judged], reliance: Reliance) -> tuple[float, float] | None:
    differences: dict[int, list[float]] = defaultdict(list)
    for verdict in found:
        counted = reliance.counts(verdict.kind, verdict.satisfied)
        if counted is not None and verdict.soft_score is not None and not reliance.corrects(verdict.kind):
            counted = verdict.soft_score
        if counted is not None:
            differences[verdict.task].append(counted - verdict.holds)
    if not differences:
        return None
    return ratio((sum(d), len(d)) for d in differences.values())


def ratio(tasks: Iterable[tuple[float, int]]) -> tuple[float, float]:
    """Mean and standard error of sum / size over `tasks`, which are independent: (sum, size) each, at least one."""
    known = list(tasks)
    total = sum(size for _, size in known)
    mean = sum(value for value, _ in known) / total
    return mean, math.sqrt(sum((value - mean * size) ** 2 for value, size in known)) / total


def measured(turn: int, answers: Sequence[Answer]) -> Audit:
    """A Follower's accuracy on the audit tasks. A task that got no reply has no constraints: nothing is known of it.

    Raises RunError where no task got one.
    """
    satisfied = [0 if a.error else sum(a.holds) for a in answers]
    constraints = [0 if a.error else len(a.holds) for a in answers]
    if not any(constraints):
        raise RunError("no audit task got a reply, most often: " + next(a.error for a in answers if a.error))
    accuracy, stderr = ratio(zip(satisfied, constraints, strict=True))
    return Audit(turn=turn, accuracy=accuracy, stderr=stderr, satisfied=satisfied, constraints=constraints)


def reliance(found: JudgeAudit | None, settings: Judger) -> Reliance:
    """What of the judge's verdicts counts in the next rewards; `found` None: nothing is known of it, and all do.

    A type is unjudged where the lower bound of its J is below `min_reliability`. For types with less than `ENOUGH` of
    both kinds, and those that no rule checks, the rates over all types stand; where these are of too few as well, all
    such types are judged. Raises RunError where nothing would be left that the judge is relied on for.
    """
    if found is None:
        return Reliance()
    measured = frozenset(kind for kind, rates in found.per_type.items() if rates.enough)
    over_all = JudgeRates(**{key: getattr(found, key) for key in JudgeRates.model_fields})
    known = {SOFT: over_all, **{kind: found.per_type[kind] for kind in measured}}
    unreliable = {kind for kind, rates in known.items() if rates.unreliable(settings.min_reliability)}
    if settings.kind != "hybrid" and unreliable == known.keys():
        raise RunError(
            f"the judge {found.judge} is reliable on no type: TPR - FPR over all of them is {_text(found.j)} on the "
            f"audit tasks, and judger.min_reliability is {settings.min_reliability:g}; start a new run with a stronger "
            "judge, judger.kind: hybrid or a lower limit"
        )
    corrections = {}
    if settings.weights == "anchored":
        rates = {kind: own.error_rates for kind, own in known.items() if kind not in unreliable}
        corrections = {kind: own for kind, own in rates.items() if own is not None}
    return Reliance(measured, frozenset(unreliable), corrections)


def _text(share: Share) -> str:
    if share.value is None or share.low is None or share.high is None:
        return "not known"
    return f"{share.value:.2f} ({share.low:.2f} to {share.high:.2f})"


def corrected(hits: int, n: int, rates: JudgeRates) -> Share:
    """The share that is satisfied where a judge with these rates calls `hits` of `n` satisfied.

    It may be below 0 or above 1. It has no interval: the kept rollouts are the first of each step, many of them answers
    to one instruction, so they are neither independent nor drawn at random. Empty where the rates say nothing.
    """
    known = rates.error_rates
    return Share() if known is None or n == 0 else Share(value=known.corrected(hits / n))
