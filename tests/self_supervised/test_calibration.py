from __future__ import annotations

import math
import random

import pytest

from seif.self_supervised.calibration import calibration_error, fit_temperature, probability, reliability_curve


def drawn(temperature, n=4000):
    """Margins of a classifier that is too sure of itself by `temperature`, with labels as its true probabilities have them."""
    rng = random.Random(0)
    true = [rng.gauss(0, 2) for _ in range(n)]
    return [m * temperature for m in true], [int(rng.random() < probability(m)) for m in true]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_the_temperature_is_found_and_the_error_goes(temperature):
    margins, labels = drawn(temperature)
    found = fit_temperature(margins, labels)
    assert found == pytest.approx(temperature, rel=0.1)
    before, after = (calibration_error(reliability_curve([probability(m / t) for m in margins], labels)) for t in (1.0, found))
    assert after < 0.03
    assert before > 3 * after or temperature == 1.0


def test_a_curve_counts_every_row_once():
    curve = reliability_curve([0.0, 0.04, 0.55, 1.0], [0, 1, 1, 1])
    assert [(b["n"], b["share"]) for b in curve] == [(2, 0.5), (1, 1.0), (1, 1.0)]
    assert calibration_error(curve) == pytest.approx((2 * 0.48 + 0.45 + 0.0) / 4)
    assert calibration_error([]) == 0.0


def test_extreme_margins_are_probabilities_and_nan_stays():
    assert (probability(1e9), probability(-1e9), probability(0.0)) == (1.0, 0.0, 0.5)
    assert math.isnan(probability(float("nan")))
