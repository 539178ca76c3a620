from __future__ import annotations

import math
import random

import pytest

from seif.self_supervised.calibration import (
    calibration_error,
    cross_fitted,
    fit_temperature,
    probability,
    reliability_curve,
)


def drawn(temperature, n=4000):
    """Margins of a classifier that is too sure of itself by `temperature`, with labels as its true probabilities
    have them."""
    rng = random.Random(0)
    true = [rng.gauss(0, 2) for _ in range(n)]
    return [m * temperature for m in true], [int(rng.random() < probability(m)) for m in true]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_the_temperature_is_found_and_the_error_goes(temperature):
    margins, labels = drawn(temperature)
    found = fit_temperature(margins, labels)
    assert found == pytest.approx(temperature, rel=0.1)
    before, after = (
        calibration_error(reliability_curve([probability(m / t) for m in margins], labels)) for t in (1.0, found)
    )
    assert after < 0.03
    assert before > 3 * after or temperature == 1.0


def test_no_row_vouches_for_itself():
    margins, labels = drawn(4.0, 2000)
    groups = [str(i % 10) for i in range(2000)]
    found = cross_fitted(margins, labels, groups)
    halves = [[i for i in range(2000) if i % 2 == half] for half in (0, 1)]
    for own, other in (halves, halves[::-1]):
        temperature = fit_temperature([margins[i] for i in other], [labels[i] for i in other])
        assert [found[i] for i in own] == [probability(margins[i] / temperature) for i in own]


def test_coin_flips_on_few_questions_do_not_look_calibrated():
    """Fitted on themselves, two opposite halves would agree on a temperature that explains both."""
    margins, labels, groups = [3.0, 3.0, -3.0, -3.0] * 2, [1, 1, 0, 0, 0, 0, 1, 1], ["a"] * 4 + ["b"] * 4
    own = fit_temperature(margins, labels)
    assert calibration_error(reliability_curve([probability(m / own) for m in margins], labels)) < 0.05
    assert calibration_error(reliability_curve(cross_fitted(margins, labels, groups), labels)) > 0.4


def test_one_question_is_its_own_other_half():
    margins, labels = drawn(2.0, 100)
    assert cross_fitted(margins, labels, ["a"] * 100) == [
        probability(m / fit_temperature(margins, labels)) for m in margins
    ]


def test_a_curve_counts_every_row_once():
    curve = reliability_curve([0.0, 0.04, 0.55, 1.0], [0, 1, 1, 1])
    assert [(b.n, b.share) for b in curve] == [(2, 0.5), (1, 1.0), (1, 1.0)]
    assert calibration_error(curve) == pytest.approx((2 * 0.48 + 0.45 + 0.0) / 4)
    assert calibration_error([]) == 0.0


def test_extreme_margins_are_probabilities_and_nan_stays():
    assert (probability(1e9), probability(-1e9), probability(0.0)) == (1.0, 0.0, 0.5)
    assert math.isnan(probability(float("nan")))
