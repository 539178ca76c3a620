"""A judge that is relied on as far as an audit says: types on which it is unreliable are unjudged, others may be
corrected for its error rates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from seif.errors import named
from seif.judges.base import Judge, Judgement
from seif.types import SOFT, Constraint, Instruction, Verdict

UNRELIABLE = "unreliable type"
"""Why a verdict is missing that no judge was asked for."""
LOWEST, HIGHEST = -1.0, 2.0
"""Bounds of a corrected verdict. Where TPR - FPR is at least .5, no correction is beyond them."""


@dataclass(frozen=True)
class ErrorRates:
    """How often a judge calls satisfied what is satisfied (`tpr`), and what is violated (`fpr`)."""

    tpr: float
    fpr: float

    @property
    def informative(self) -> bool:
        """Whether verdicts can be corrected by them."""
        return self.tpr > self.fpr

    def corrected(self, observed: float) -> float:
        """The share that is satisfied, where the judge calls the share `observed` satisfied; also of one verdict.

        It is unbiased for known rates (Rogan & Gladen 1978, Am J Epidemiol 107:71; for training on single noisy
        labels, Natarajan et al. 2013, NeurIPS).
        """
        return (observed - self.fpr) / (self.tpr - self.fpr)


@dataclass(frozen=True)
class Reliance:
    """What of a judge's verdicts counts in rewards, by constraint type.

    Types of which an audit knows too little, as those that no rule checks, go by what is known over all types, under
    `soft`.
    """

    measured: frozenset[str] = frozenset()
    unreliable: frozenset[str] = frozenset()
    """Types that are unjudged."""
    rates: Mapping[str, ErrorRates] = field(default_factory=dict)
    """What corrects the verdicts on a type; those on any other count as they are."""

    def relies_on(self, kind: str) -> bool:
        """Whether the judge is asked about this type."""
        return self._row(kind) not in self.unreliable

    def corrects(self, kind: str) -> bool:
        """Whether verdicts on this type are corrected."""
        return self._row(kind) in self.rates

    def counts(self, kind: str, satisfied: bool) -> float | None:
        """What the verdict stands for in a reward: 1 or 0, or that corrected, from -1 to 2; None: unjudged."""
        if not self.relies_on(kind):
            return None
        rates, value = self.rates.get(self._row(kind)), float(satisfied)
        return value if rates is None else min(HIGHEST, max(LOWEST, rates.corrected(value)))

    def _row(self, kind: str) -> str:
        return kind if kind in self.measured else SOFT


class AuditedJudge:
    """Asks `judge`, and counts its verdicts as `reliance` says; what it isn't asked itself (`asks`) passes unchanged.

    A type on which it is unreliable comes back UNJUDGED, and the judge is spared the question.
    """

    def __init__(self, judge: Judge, reliance: Reliance, asks: Callable[[Constraint], bool]) -> None:
        self.model, self.reliance, self.asks = judge, reliance, asks

    async def judge(self, instruction: Instruction, response: str, constraint: Constraint) -> Judgement:
        asked, kind = self.asks(constraint), constraint.instruction_id
        if asked and not self.reliance.relies_on(kind):
            return Judgement(Verdict.UNJUDGED, cause=UNRELIABLE)
        with named(f"the judge {type(self.model).__name__}"):
            judgement = await self.model.judge(instruction, response, constraint)
        if not asked or judgement.verdict is Verdict.UNJUDGED or not self.reliance.corrects(kind):
            return judgement
        return replace(judgement, soft_score=self.reliance.counts(kind, judgement.verdict is Verdict.SATISFIED))
