"""How far replies satisfy their criteria, in the measures of CFBench, FollowBench and ComplexBench.

CSR, ISR and PSR are CFBench's (arXiv 2408.01122), HSR and SSR FollowBench's (arXiv 2310.20410), DRFR and the
dependencies ComplexBench's (arXiv 2407.03978). Instructions count as independent, their criteria do not. Verdicts are
three-valued: what is unjudged is in no measure, and a measure of whole instructions leaves out those that the missing
verdicts could turn either way.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from statistics import fmean, stdev

from seif.evaluation.audit import Z, wilson
from seif.evaluation.criteria import Item
from seif.evaluation.results import Number, Result
from seif.types import Verdict

_ENOUGH = 0.8
"""CFBench's threshold of PSR: the score of an instruction must be above it."""
_PRIMARY = 0.5
"""The share of that score for all primary criteria satisfied, where there are secondary ones as well."""


class Rate(Result):
    """A share from 0 to 1 with its standard error and its 95% interval over instructions; empty for none."""

    value: Number = None
    stderr: Number = None
    low: Number = None
    high: Number = None
    n: int = 0
    """Instructions that it is over."""


class LevelRates(Result):
    """FollowBench's two measures at one level."""

    hsr: Rate
    """Hard satisfaction rate: the share of instructions with every criterion satisfied."""
    ssr: Rate
    """Soft satisfaction rate: the mean over instructions of the share of criteria that are satisfied."""


class Satisfaction(Result):
    """Every measure that the rows allow."""

    n_instructions: int
    n_criteria: int
    csr: Rate
    """Constraint satisfaction rate: the mean over instructions of satisfied / judged criteria."""
    isr: Rate
    """Instruction satisfaction rate: the share of instructions with every criterion satisfied."""
    psr: Rate
    """Priority satisfaction rate, over the instructions whose criteria all have a priority: the share that satisfies
    every primary criterion and enough of the secondary ones."""
    drfr: Rate
    """Decomposed requirements following ratio: satisfied / judged criteria, over all instructions."""
    levels: dict[str, LevelRates]
    """By level, in the order of the rows."""
    unjudged: int
    """Criteria without a verdict, their own or that of one on which they depend."""


def depending(item: Item, verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The verdicts on the criteria of a row, where those on which each depends count too: satisfied is what is so
    itself and whose dependencies are."""

    def joined(place: int) -> Verdict:
        all_of = [verdicts[place], *(verdicts[other] for other in item.criteria[place].depends_on)]
        return next((v for v in (Verdict.VIOLATED, Verdict.UNJUDGED) if v in all_of), Verdict.SATISFIED)

    return [joined(place) for place in range(len(verdicts))]


def satisfaction(items: Sequence[Item], judged: Sequence[Sequence[Verdict]]) -> Satisfaction:
    """The measures from one verdict per criterion of each row, before dependencies are looked at."""
    verdicts = [depending(item, found) for item, found in zip(items, judged, strict=True)]
    shares = [_share(found) for found in verdicts]
    whole = [_certain(found, all) for found in verdicts]
    prioritized = [
        _certain(found, partial(_priority, item))
        for item, found in zip(items, verdicts, strict=True)
        if all(criterion.primary is not None for criterion in item.criteria)
    ]
    by_level: dict[str, list[int]] = defaultdict(list)
    for place, item in enumerate(items):
        if item.level is not None:
            by_level[item.level].append(place)
    return Satisfaction(
        n_instructions=len(items),
        n_criteria=sum(map(len, verdicts)),
        csr=_mean(shares),
        isr=_proportion(whole),
        psr=_proportion(prioritized),
        drfr=_ratio(verdicts),
        levels={
            level: LevelRates(hsr=_proportion([whole[i] for i in places]), ssr=_mean([shares[i] for i in places]))
            for level, places in by_level.items()
        },
        unjudged=sum(found.count(Verdict.UNJUDGED) for found in verdicts),
    )


# --- one instruction --------------------------------------------------------------------------------------------------


def _counts(verdicts: Sequence[Verdict]) -> tuple[int, int]:
    """Satisfied, and judged."""
    satisfied = sum(verdict is Verdict.SATISFIED for verdict in verdicts)
    return satisfied, satisfied + sum(verdict is Verdict.VIOLATED for verdict in verdicts)


def _share(verdicts: Sequence[Verdict]) -> float | None:
    satisfied, of = _counts(verdicts)
    return satisfied / of if of else None


def _certain(verdicts: Sequence[Verdict], holds: Callable[[Sequence[bool]], bool]) -> bool | None:
    """What `holds` says whatever the missing verdicts are; None where it depends on them. More that is satisfied must
    never make it false."""
    worst = holds([verdict is Verdict.SATISFIED for verdict in verdicts])
    best = holds([verdict is not Verdict.VIOLATED for verdict in verdicts])
    return worst if worst == best else None


def _priority(item: Item, held: Sequence[bool]) -> bool:
    """CFBench's rule for one instruction."""
    primary = [holds for holds, criterion in zip(held, item.criteria, strict=True) if criterion.primary]
    secondary = [holds for holds, criterion in zip(held, item.criteria, strict=True) if not criterion.primary]
    if not all(primary) or not secondary:
        return all(primary)
    base = _PRIMARY if primary else 0.0
    return base + (1 - base) * round(fmean(secondary), 2) > _ENOUGH


# --- over instructions ------------------------------------------------------------------------------------------------


def _proportion(outcomes: Sequence[bool | None]) -> Rate:
    """A share of instructions, with Wilson's interval."""
    known = [outcome for outcome in outcomes if outcome is not None]
    if not known:
        return Rate()
    share = wilson(sum(known), len(known))
    p = sum(known) / len(known)
    return Rate(value=p, stderr=math.sqrt(p * (1 - p) / len(known)), low=share.low, high=share.high, n=len(known))


def _mean(shares: Sequence[float | None]) -> Rate:
    """A mean over instructions; its interval is normal."""
    known = [share for share in shares if share is not None]
    if not known:
        return Rate()
    return _normal(fmean(known), stdev(known) / math.sqrt(len(known)) if len(known) > 1 else None, len(known))


def _ratio(verdicts: Sequence[Sequence[Verdict]]) -> Rate:
    """Satisfied over judged criteria, whose standard error takes instructions as clusters (ratio estimator)."""
    counts = [counted for counted in map(_counts, verdicts) if counted[1]]
    if not counts:
        return Rate()
    total = sum(of for _, of in counts)
    ratio = sum(satisfied for satisfied, _ in counts) / total
    squares = sum((satisfied - ratio * of) ** 2 for satisfied, of in counts)
    return _normal(ratio, math.sqrt(squares) / total, len(counts))


def _normal(value: float, stderr: float | None, n: int) -> Rate:
    if stderr is None:
        return Rate(value=value, n=n)
    low, high = max(0.0, value - Z * stderr), min(1.0, value + Z * stderr)
    return Rate(value=value, stderr=stderr, low=low, high=high, n=n)
