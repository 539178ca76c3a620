"""Statistics of paired runs: exact tests, bootstrap intervals, and the aggregates of rliable (arXiv 2108.13264)."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import bootstrap, permutation_test, trim_mean
from scipy.stats import t as student

RESAMPLES = 10_000
EXACT = 1 << 14
"""Sign flips up to which all of them are looked at; more are drawn at random."""


@dataclass(frozen=True)
class Interval:
    """A measure of an arm over its seeds."""

    mean: float
    ci95: float | None
    """Half the width of the 95% Student-t interval of the mean; None for a single seed."""
    iqm: float
    """Mean of the middle half of the values."""
    values: tuple[float, ...]
    """By seed."""


@dataclass(frozen=True)
class Difference:
    """One arm minus another, paired by seed."""

    mean: float
    low: float
    """Lower end of the 95% percentile bootstrap interval of the mean."""
    high: float
    p: float
    """Two-sided, by flipping the signs of the differences."""
    iqm: float
    """Mean of the middle half of the differences."""
    probability_of_improvement: float
    """That a run of the arm is above a run of the other, whatever their seeds."""
    values: tuple[float, ...]
    """By seed."""
    p_holm: float | None = None
    """`p`, adjusted for the family of comparisons it is in."""


def interval(values: Sequence[float]) -> Interval:
    """The mean of an arm with its interval. Raises ValueError without values."""
    half = None
    if len(values) > 1:
        half = float(student.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / len(values) ** 0.5
    return Interval(statistics.mean(values), half, interquartile_mean(values), tuple(values))


def difference(ours: Sequence[float], theirs: Sequence[float]) -> Difference:
    """`ours` minus `theirs`, which are of the same seeds in the same order. Raises ValueError where they are not as
    many."""
    values = [a - b for a, b in zip(ours, theirs, strict=True)]
    low, high = bootstrap_interval(values)
    return Difference(
        mean=statistics.mean(values),
        low=low,
        high=high,
        p=sign_flip(values),
        iqm=interquartile_mean(values),
        probability_of_improvement=probability_of_improvement(ours, theirs),
        values=tuple(values),
    )


def sign_flip(differences: Sequence[float]) -> float:
    """Two-sided p of the mean being zero, by flipping signs: exact up to 14 differences, 1 for a single one."""
    if len(differences) < 2:
        return 1.0
    found = permutation_test(
        (np.asarray(differences, dtype=float),),
        np.mean,
        permutation_type="samples",
        n_resamples=EXACT,
        rng=np.random.default_rng(0),
    )
    return float(found.pvalue)


def bootstrap_interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95% percentile interval of the mean; (mean, mean) where there is nothing to draw from."""
    if len(set(values)) < 2:
        return float(values[0]), float(values[0])
    found = bootstrap(
        (np.asarray(values, dtype=float),),
        np.mean,
        n_resamples=RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(0),
    )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def interquartile_mean(values: Sequence[float]) -> float:
    """Mean without the lowest and the highest quarter."""
    return float(trim_mean(values, 0.25))


def probability_of_improvement(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Share of the pairs of runs, of any seeds, in which ours is above; a tie counts half."""
    wins = sum((a > b) + (a == b) / 2 for a in ours for b in theirs)
    return wins / (len(ours) * len(theirs))


def holm(p: Mapping[str, float], size: int) -> dict[str, float]:
    """Holm's adjustment of p-values, by name. `size` is that of their family: of those that are not in `p`, none is
    taken to be smaller."""
    adjusted: dict[str, float] = {}
    reached = 0.0
    for place, name in enumerate(sorted(p, key=p.__getitem__)):
        reached = max(reached, min(1.0, (size - place) * p[name]))
        adjusted[name] = reached
    return {name: adjusted[name] for name in p}


def mean_height(x: Sequence[float], y: Sequence[float], end: float) -> float:
    """Area under the line through (x, y) from x[0] to `end`, divided by that width; `x` rises, and `end` is in it.

    At no width it is y[0].
    """
    if end <= x[0]:
        return float(y[0])
    inner = [(a, b) for a, b in zip(x, y, strict=True) if a < end]
    grid = [a for a, _ in inner] + [end]
    heights = [b for _, b in inner] + [float(np.interp(end, x, y))]
    return float(np.trapezoid(heights, grid) / (end - x[0]))
