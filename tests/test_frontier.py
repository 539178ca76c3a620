import random
from array import array
from math import nan

import pytest

from seif.frontier import Tally, TypeMeans, score, select, smoothed
from seif.types import Verdict

YES, NO, OPEN = Verdict.SATISFIED, Verdict.VIOLATED, Verdict.UNJUDGED


def means(*tallies):
    found = TypeMeans()
    for tally in tallies:
        found.add(tally)
    return found


def test_a_tally_counts_per_constraint_what_was_judged_and_per_answer_what_is_decided():
    tally = Tally.of(["a", "b"], [[YES, YES], [YES, OPEN], [OPEN, NO]])
    assert (tally.satisfied, tally.judged) == ((2, 1), (2, 2))
    assert (tally.whole, tally.decided) == (1, 2)
    assert Tally.of(["a", "b"], []) == Tally(("a", "b"), (0, 0), (0, 0), 0, 0)


def test_what_is_always_or_never_satisfied_by_all_that_was_judged():
    assert Tally.of(["a", "b"], [[YES, OPEN], [YES, YES]]).always
    assert Tally.of(["a", "b"], [[NO, OPEN], [NO, NO]]).never
    mixed = Tally.of(["a", "b"], [[YES, NO], [YES, NO]])
    assert not mixed.always
    assert not mixed.never


def test_without_information_p_is_that_of_a_uniform_prior():
    assert [smoothed(s, 4, TypeMeans()["a"]) for s in (0, 2, 4)] == [1 / 6, 3 / 6, 5 / 6]


def test_few_answers_lean_on_the_mean_of_their_type():
    hard = Tally.of(["a"], [[NO]] * 8)
    unsure = Tally.of(["a"], [[YES], [NO]])
    found = means(hard, unsure)
    assert found["a"] == pytest.approx(2 / 12)
    assert found["b"] == 0.5
    assert found.overall == pytest.approx(1 / 10)
    p = (1 + 2 * 2 / 12) / 4
    assert score(unsure, found) == pytest.approx(4 * p * (1 - p))


def test_the_score_is_the_mean_over_judged_constraints():
    tally = Tally.of(["a", "b", "c"], [[YES, YES, OPEN], [NO, YES, OPEN]])
    p = (2 + 2 * 3 / 4) / 4
    assert score(tally, means(tally)) == pytest.approx((1 + 4 * p * (1 - p)) / 2)


def test_an_all_or_nothing_score_is_of_the_whole_instruction():
    halves = Tally.of(["a", "b"], [[YES, NO], [NO, YES]])
    wholes = Tally.of(["a", "b"], [[YES, YES], [NO, NO]])
    found = means(halves, wholes)
    assert score(halves, found) == score(wholes, found) == 1
    assert score(wholes, found, whole=True) > score(halves, found, whole=True)
    p = (1 + 2 * 0.25) / 4
    assert score(wholes, found, whole=True) == pytest.approx(4 * p * (1 - p))


def test_nothing_judged_scores_nothing():
    assert score(Tally.of(["a"], [[OPEN]]), TypeMeans()) == score(Tally.of(["a"], []), TypeMeans(), whole=True) == 0


def chosen(scores, width, types, quota=1.0):
    found = select(array("d", scores), width, types.__getitem__, quota, 1.0)
    return [i for i, taken in enumerate(found.chosen) if taken], found.over_quota


def test_each_seed_keeps_its_best_candidate_and_the_first_of_equal_ones():
    types = ["a", "b"] * 3
    assert chosen([0.1, 0.9, 0.5, 0.5, nan, 0.0], 2, types) == ([1, 2, 5], 0)


def test_a_seed_whose_candidates_were_all_dropped_is_missing():
    assert chosen([nan, nan, 0.2, nan], 2, ["a"] * 4) == ([2], 0)


def test_the_quota_gives_the_next_best_candidate_its_place():
    # Four seeds are expected to give four constraints, so a quota of a half allows two of a type.
    scores = [0.9, 0.1, 0.8, 0.2, 0.7, 0.3, 0.6, 0.4]
    assert chosen(scores, 2, ["a", "b"] * 4, 0.5) == ([0, 2, 5, 7], 2)
    assert chosen(scores, 2, ["a", "a"] * 4, 0.5) == ([0, 2], 4)


def test_no_type_exceeds_its_quota_of_the_expected_pool():
    rng = random.Random(0)
    width, seeds, kinds = 4, 300, "aaaaaaabbbcd"
    types = [rng.choices(kinds, k=3) for _ in range(width * seeds)]
    scores = array("d", (rng.random() for _ in types))
    found = select(scores, width, types.__getitem__, 0.3, 3.0)
    pool = [kind for i, taken in enumerate(found.chosen) if taken for kind in types[i]]
    assert max(map(pool.count, "abcd")) <= 0.3 * 3 * seeds
    assert pool.count("a") == 270
    assert found.over_quota > 0


def test_a_tiny_pool_may_hold_one_of_each_type():
    assert chosen([0.5], 1, ["a"], 0.2) == ([0], 0)
