import pytest
from hypothesis import given
from hypothesis import strategies as st

from seif.rewards import adversarial, follower_reward, frontier, share_penalties
from seif.types import Verdict, adherence

S, V, U = Verdict.SATISFIED, Verdict.VIOLATED, Verdict.UNJUDGED


def test_adherence_leaves_unjudged_out_of_the_mean():
    assert adherence([S, V, U, U]) == 0.5
    assert adherence([U, U]) is None


def test_bad_format_earns_nothing_and_unjudged_pays_nobody():
    assert follower_reward(False, [S, S]) == 0.0
    assert follower_reward(True, [S, S, V]) == pytest.approx(2 / 3)
    assert follower_reward(True, [U, U]) is None
    assert adversarial([None, None]) is None
    assert frontier([None]) is None


def test_a_broken_judge_never_raises_the_instructors_reward():
    assert adversarial([0.75, None]) == adversarial([0.75])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_rewards_stay_between_zero_and_one(adherences):
    assert 0 <= adversarial(adherences) <= 1
    assert 0 <= frontier(adherences) <= 1 + 1e-12


def test_frontier_peaks_at_one_half():
    assert frontier([0.0, 1.0]) == 1.0
    assert frontier([1.0, 1.0]) == frontier([0.0, 0.0]) == 0.0


def test_the_favourite_type_pays_most():
    common, rare, empty = share_penalties([["a", "a"], ["b"], []], 1.0)
    assert common == pytest.approx(2 / 3)
    assert rare == pytest.approx(1 / 3)
    assert empty == 0.0
