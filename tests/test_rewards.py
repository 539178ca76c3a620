import pytest
from hypothesis import given
from hypothesis import strategies as st

from seif.rewards import INSTRUCTOR_REWARDS, adversarial, all_or_nothing, constraint_mean, learnability, share_penalties
from seif.types import Verdict, adherence

S, V, U = Verdict.SATISFIED, Verdict.VIOLATED, Verdict.UNJUDGED


def test_adherence_leaves_unjudged_out_of_the_mean():
    assert adherence([S, V, U, U]) == 0.5
    assert adherence([U, U]) is None


def test_unjudged_gives_no_reward():
    assert constraint_mean([S, S, V], [None] * 3) == pytest.approx(2 / 3)
    assert constraint_mean([S, U, V], [0.75, None, None]) == pytest.approx(0.375)
    assert constraint_mean([U, U], [None] * 2) is None
    assert adversarial([None, None]) is None
    assert learnability([None]) is None


def test_all_or_nothing_says_nothing_where_an_unjudged_verdict_decides():
    rewards = [all_or_nothing(verdicts, [None] * 2) for verdicts in ([S, S], [S, V], [V, U], [S, U], [U, U])]
    assert rewards == [1.0, 0.0, 0.0, None, None]


def test_the_first_name_of_learnability_stays():
    assert INSTRUCTOR_REWARDS.get("frontier") is learnability


def test_a_broken_judge_never_raises_the_instructors_reward():
    assert adversarial([0.75, None]) == adversarial([0.75])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_rewards_stay_between_zero_and_one(adherences):
    assert 0 <= adversarial(adherences) <= 1
    assert 0 <= learnability(adherences) <= 1 + 1e-12


def test_learnability_peaks_at_one_half():
    assert learnability([0.0, 1.0]) == 1.0
    assert learnability([1.0, 1.0]) == learnability([0.0, 0.0]) == 0.0


def test_the_favourite_type_pays_most():
    common, rare, empty = share_penalties([["a", "a"], ["b"], []], 1.0)
    assert common == pytest.approx(2 / 3)
    assert rare == pytest.approx(1 / 3)
    assert empty == 0.0
