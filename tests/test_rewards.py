import pytest
from hypothesis import given
from hypothesis import strategies as st

from seif.constraints.signature import Shares, Signature
from seif.rewards import (
    FOLLOWER_REWARDS,
    INSTRUCTOR_REWARDS,
    adversarial,
    all_or_nothing,
    call,
    constraint_mean,
    learnability,
    per_constraint,
    share_penalty,
    solvable,
    values_of,
)
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


def test_what_nobody_follows_is_hard_and_not_solvable():
    assert [solvable(a) for a in ([0.0, 0.0], [0.25], [1.0, 0.0], [1.0], [None])] == [0.0, 0.75, 0.5, 0.0, None]


def test_means_of_corrected_verdicts_are_kept_within_0_and_1_where_the_reward_bends():
    outside = [[-0.25, 0.0], [1.25, 1.0]]
    assert [learnability(a) for a in outside] == [0.0, 0.0]
    assert [solvable(a) for a in outside] == [0.0, 0.0]
    assert [adversarial(a) for a in outside] == [1.125, -0.125]


def test_a_random_reward_depends_on_the_seed_alone():
    reward = INSTRUCTOR_REWARDS.get("random")
    drawn = [call(reward, [0.5], seed=seed) for seed in range(400)]
    assert drawn == [call(reward, [1.0, None], seed=seed) for seed in range(400)]
    assert len(set(drawn)) == 400
    assert 0 <= min(drawn) < 0.05
    assert 0.95 < max(drawn) < 1
    assert sum(drawn) / 400 == pytest.approx(0.5, abs=0.05)


def test_a_random_reward_leaves_the_unjudged_out():
    assert call(INSTRUCTOR_REWARDS.get("random"), [None, None], seed=1) is None
    follower = FOLLOWER_REWARDS.get("random")
    assert call(follower, [U], [None], seed=1) is None
    assert call(follower, [S, S], [None] * 2, seed=1) == call(follower, [V, U], [None] * 2, seed=1)


def test_a_plugins_reward_gets_a_seed_only_where_it_asks_for_one():
    assert call(adversarial, [0.25], seed=7) == 0.75
    assert call(lambda adherences, seed=0: seed / 10, [0.25], seed=7) == 0.7


def test_each_constraint_is_rewarded_by_its_own_p():
    rows = [values_of([S, V], [None] * 2), values_of([S, S], [None] * 2)]
    assert per_constraint(learnability, rows) == pytest.approx(0.5)
    assert learnability([0.5, 1.0]) == pytest.approx(0.75)
    assert per_constraint(adversarial, [[0.25, 1.0]]) == pytest.approx(0.375)


def test_unjudged_verdicts_leave_the_p_and_unjudged_constraints_the_mean():
    assert per_constraint(adversarial, [[1.0, None], [0.0, None]]) == 0.5
    assert per_constraint(adversarial, [[1.0, 0.0], [None, 0.0]]) == 0.5
    assert per_constraint(adversarial, [[None], [1.0, 0.0]]) == 0.5
    assert per_constraint(adversarial, [[None], [None]]) is None


def test_the_favourite_type_is_penalised_most():
    common, rare = Signature("a"), Signature("b")
    batch = Shares([common, common, rare])
    assert share_penalty([common, common], batch, 1.0) == pytest.approx(2 / 3)
    assert share_penalty([common, rare], batch, 1.0) == pytest.approx(1 / 2)
    assert share_penalty([rare], batch, 0.5) == pytest.approx(1 / 6)
    assert share_penalty([], batch, 1.0) == 0.0
