"""When the loop ends before its last turn, and which turn was the best: arithmetic over the turns' audits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from seif.config import Stop
from seif.evaluation.audit import Audit, Z, ratio


@dataclass(frozen=True)
class Pool:
    """How varied the instructions of a turn are."""

    top_type: str
    """The commonest type of constraint."""
    entropy: float
    """Over the types of all constraints, in bits."""
    base_entropy: float
    """The same of what the base wrote in turn 0."""

    @property
    def types(self) -> float:
        """The effective number of types: how many equally common ones have this entropy (Hill 1973)."""
        return math.exp2(self.entropy)

    @property
    def base_types(self) -> float:
        """That of turn 0."""
        return math.exp2(self.base_entropy)


def best_turn(audits: Sequence[Audit]) -> Audit | None:
    """The audit with the highest accuracy, the earliest of equals; None without any."""
    found = [audit for audit in audits if audit.accuracy is not None]
    return max(found, key=lambda audit: audit.accuracy or 0.0, default=None)


def reason_to_stop(audits: Sequence[Audit], pool: Pool | None, settings: Stop) -> str | None:
    """Why the loop should end behind the last of `audits` (of turns 0, 1, ...), in one line; None: it should not.

    `pool` is about what that turn's Instructor wrote, None where it is not trained. Turn 0 rewards nothing, so a gap of
    its judge stops nothing.
    """
    if not audits or audits[-1].turn == 0:
        return None
    reasons = (_gap(audits, settings), _fall(audits) if settings.fall else None, _collapse(pool, settings))
    return "; ".join(filter(None, reasons)) or None


def _gap(audits: Sequence[Audit], settings: Stop) -> str | None:
    last = [audit for audit in audits if audit.turn > 0][-settings.patience :]
    if len(last) < settings.patience or not all(_too_lenient(audit, settings.gap) for audit in last):
        return None
    gaps = ", ".join(f"{100 * (audit.judge.gap or 0.0):.1f}" for audit in last if audit.judge)
    turns = "turn" if len(last) == 1 else f"{len(last)} turns in a row"
    return f"the judge's mean is above the verifiers' for {turns}, by {gaps} points (stop.gap {100 * settings.gap:g})"


def _too_lenient(audit: Audit, limit: float) -> bool:
    """Whether the gap is above the limit, and not by chance above zero."""
    judge = audit.judge
    if judge is None or judge.gap is None or judge.gap_stderr is None:
        return False
    return judge.gap > limit and judge.gap > Z * judge.gap_stderr


def _fall(audits: Sequence[Audit]) -> str | None:
    last, best = audits[-1], best_turn(audits)
    if best is None or last.accuracy is None or best.accuracy is None or best.turn == last.turn:
        return None
    tasks = zip(best.satisfied, best.constraints, last.satisfied, last.constraints, strict=True)
    differences = [(after - before, size) for before, known, after, size in tasks if known and size]
    if not differences:
        return None
    change, error = ratio(differences)
    # The best of several equal turns is above its own mean, so the level is Bonferroni's for as many comparisons.
    if change >= -NormalDist().inv_cdf(1 - 0.025 / (len(audits) - 1)) * error:
        return None
    return (
        f"audit accuracy is {last.accuracy:.1%}, and was {best.accuracy:.1%} after turn {best.turn}: "
        f"{-100 * change:.1f} points less, ± {100 * error:.1f}"
    )


def _collapse(pool: Pool | None, settings: Stop) -> str | None:
    if pool is None or pool.types >= settings.collapse * pool.base_types:
        return None
    return (
        f"the Instructor's constraints are as varied as {pool.types:.1f} equally common types, the base's as "
        f"{pool.base_types:.1f}; the commonest is {pool.top_type} (stop.collapse {settings.collapse:g})"
    )
