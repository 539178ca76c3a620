import math

import pytest
from benchmarks.statistics import (
    bootstrap_interval,
    difference,
    holm,
    interquartile_mean,
    interval,
    mean_height,
    probability_of_improvement,
    sign_flip,
)

TEN = [0.03, 0.05, 0.01, 0.04, 0.02, 0.06, 0.035, 0.015, 0.045, 0.025]


def test_ten_seeds_that_agree_are_two_of_1024_sign_flips():
    assert sign_flip(TEN) == pytest.approx(2 / 1024)
    assert sign_flip([-d for d in TEN]) == pytest.approx(2 / 1024)


def test_a_sign_flip_test_counts_the_flips_with_as_large_a_mean():
    # Of the eight means of ±1 ±2 ±3, four are at least 4 in size: ±6 and ±4.
    assert sign_flip([-1.0, 2.0, 3.0]) == pytest.approx(4 / 8)
    assert sign_flip([0.0, 0.0, 0.0]) == sign_flip([0.5]) == 1.0


def test_five_seeds_can_not_reach_five_percent():
    assert sign_flip(TEN[:5]) == pytest.approx(2 / 32)


def test_a_bootstrap_interval_holds_the_mean_and_is_the_same_every_time():
    low, high = bootstrap_interval(TEN)
    assert low < 0.033 < high
    assert (low, high) == bootstrap_interval(TEN)
    # Half of it is about two standard errors.
    assert (high - low) / 2 == pytest.approx(1.96 * 0.0151 / math.sqrt(10), rel=0.15)
    assert bootstrap_interval([0.5, 0.5]) == (0.5, 0.5)


def test_holm_by_hand():
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}, 3) == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06})
    assert holm({"a": 0.9, "b": 0.8}, 2) == {"a": 1.0, "b": 1.0}
    assert holm({}, 2) == {}


def test_holm_counts_those_of_the_family_that_are_not_there():
    assert holm({"a": 0.01, "b": 0.03}, 4) == pytest.approx({"a": 0.04, "b": 0.09})


def test_aggregates_by_hand():
    assert interquartile_mean([100.0, 1.0, 2.0, 3.0, 4.0, -100.0, 2.0, 3.0]) == 2.5
    assert probability_of_improvement([1.0, 3.0], [2.0, 1.0]) == pytest.approx((0 + 0.5 + 1 + 1) / 4)


def test_a_difference_is_paired_by_seed():
    theirs = [0.1 * i for i in range(10)]
    found = difference([a + d for a, d in zip(theirs, TEN, strict=True)], theirs)
    assert found.mean == pytest.approx(0.033)
    assert 0 < found.low < found.mean < found.high
    assert found.values == pytest.approx(TEN)
    with pytest.raises(ValueError, match="zip"):
        difference([1.0], [1.0, 2.0])


def test_an_interval_of_one_seed_has_no_width():
    assert interval([0.5]).ci95 is None
    assert interval([0.4, 0.6]).ci95 == pytest.approx(12.7062 * 0.1, rel=1e-4)


def test_the_mean_height_of_a_line_up_to_a_budget():
    assert mean_height([0, 10], [0.0, 1.0], 10) == 0.5
    assert mean_height([0, 10], [0.0, 1.0], 5) == 0.25
    assert mean_height([0, 10, 30], [0.2, 0.4, 0.4], 20) == pytest.approx((0.3 * 10 + 0.4 * 10) / 20)
    assert mean_height([0, 10], [0.2, 0.4], 0) == 0.2
