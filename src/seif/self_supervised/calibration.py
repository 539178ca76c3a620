"""Calibration of probabilities: temperature scaling, the reliability curve, the expected calibration error.

C. Guo et al., On Calibration of Modern Neural Networks, arXiv 1706.04599.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from seif.evaluation.results import CalibrationBin

BINS = 10


def probability(margin: float) -> float:
    """The logistic function of a margin, the logit of 1 less that of 0; NaN for NaN."""
    return 1 / (1 + math.exp(-margin)) if margin >= 0 else math.exp(margin) / (1 + math.exp(margin))


def fit_temperature(margins: Sequence[float], labels: Sequence[int]) -> float:
    """The temperature, between 1/20 and 20, whose margin / temperature has the least mean log loss.

    The loss is convex in 1 / temperature, so a ternary search finds it.
    """

    def loss(inverse: float) -> float:
        return sum(_softplus(-m * inverse if y else m * inverse) for m, y in zip(margins, labels, strict=True))

    low, high = 0.05, 20.0
    for _ in range(100):
        a, b = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, b) if loss(a) < loss(b) else (a, high)
    return 2 / (low + high)


def cross_fitted(margins: Sequence[float], labels: Sequence[int], groups: Sequence[str]) -> list[float]:
    """Probabilities, each calibrated by the temperature that fits the other half of the groups, so that no row
    calibrates itself.

    A single group is calibrated on itself.
    """
    halves = {group: place % 2 for place, group in enumerate(sorted(set(groups)))}
    rows = list(zip(margins, labels, (halves[group] for group in groups), strict=True))

    def temperature_for(half: int) -> float:
        others = [(m, y) for m, y, h in rows if h != half] or [(m, y) for m, y, _ in rows]
        return fit_temperature([m for m, _ in others], [y for _, y in others])

    temperatures = [temperature_for(half) for half in (0, 1)]
    return [probability(m / temperatures[half]) for m, _, half in rows]


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def reliability_curve(probabilities: Sequence[float], labels: Sequence[int]) -> list[CalibrationBin]:
    """The bins of equal width that hold anything."""
    bins: list[list[tuple[float, int]]] = [[] for _ in range(BINS)]
    for p, y in zip(probabilities, labels, strict=True):
        bins[min(BINS - 1, int(p * BINS))].append((p, y))
    return [
        CalibrationBin(mean=sum(p for p, _ in b) / len(b), share=sum(y for _, y in b) / len(b), n=len(b))
        for b in bins
        if b
    ]


def calibration_error(curve: Sequence[CalibrationBin]) -> float:
    """The expected calibration error: the mean over all rows of |share - mean| of their bin."""
    total = sum(b.n for b in curve)
    return sum(b.n * abs(b.share - b.mean) for b in curve) / total if total else 0.0
