"""Error rates with intervals, and what follows from them for rewards."""

import random

import pytest
from scipy.stats import binomtest

from seif.config import Judger
from seif.errors import RunError
from seif.evaluation.audit import ENOUGH, audit_of, corrected, measured, newcombe, rates_of, reliance, wilson
from seif.evaluation.held_out import Answer, Judged
from seif.judges.audited import ErrorRates, Reliance
from seif.types import SOFT, Constraint, Instruction

GOOD, BAD = "punctuation:no_comma", "startend:quotation"


def judged(kind, both=0, rule_only=0, model_only=0, neither=0):
    """A table's verdicts, each on a task of its own."""
    pairs = [(True, True)] * both + [(True, False)] * rule_only + [(False, True)] * model_only
    return [Judged(i, kind, *pair) for i, pair in enumerate(pairs + [(False, False)] * neither)]


def found(*verdicts):
    return audit_of("judge", [v for part in verdicts for v in part], 0, Reliance())


@pytest.mark.parametrize(("hits", "n"), [(0, 7), (3, 10), (10, 10), (150, 300), (1, 1)])
def test_rates_have_wilsons_interval(hits, n):
    share, expected = wilson(hits, n), binomtest(hits, n).proportion_ci(0.95, method="wilson")
    assert (share.value, share.low, share.high) == pytest.approx((hits / n, expected.low, expected.high), abs=1e-6)


def test_j_has_newcombes_interval():
    """The example of Newcombe 1998, table II: 56/70 - 48/80, method 10."""
    j = newcombe(wilson(56, 70), wilson(48, 80))
    assert (j.value, j.low, j.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)
    assert newcombe(wilson(1, 2), wilson(0, 0)).value is None


def test_rates_are_of_what_is_satisfied_and_of_what_is_violated():
    rates = rates_of(judged(GOOD, both=30, rule_only=10, model_only=5, neither=15))
    assert (rates.tpr.value, rates.fpr.value, rates.j.value) == pytest.approx((0.75, 0.25, 0.5))
    assert (rates.satisfied, rates.violated) == (40, 20)
    assert (rates.mean, rates.verifier_mean) == pytest.approx((35 / 60, 40 / 60))


def test_a_faultless_judge_is_relied_on_from_the_least_number_on():
    rates = rates_of(judged(GOOD, both=ENOUGH, neither=ENOUGH))
    assert rates.j.low == pytest.approx(0.607, abs=1e-3)
    assert not rates.unreliable(Judger().min_reliability)


def test_an_unreliable_type_is_unjudged_and_the_others_count():
    counts = reliance(found(judged(GOOD, both=50, neither=50), judged(BAD, both=20, model_only=20)), Judger())
    assert counts.unreliable == {BAD}
    assert counts.counts(BAD, True) is None
    assert (counts.counts(GOOD, True), counts.counts(GOOD, False)) == (1.0, 0.0)


def test_a_type_with_few_samples_goes_by_the_rates_over_all_types():
    few = judged(BAD, both=ENOUGH - 1, model_only=ENOUGH - 1)
    title = judged("detectable_format:title", both=200, neither=200)
    sound = reliance(found(judged(GOOD, both=200, neither=200), few), Judger())
    assert sound.relies_on(BAD)
    poor = reliance(found(judged(GOOD, both=300, model_only=300), few, title), Judger(weights="anchored"))
    assert (poor.relies_on(BAD), poor.corrects(BAD)) == (False, False)
    assert poor.relies_on("detectable_format:title")


def test_few_samples_of_a_type_do_not_save_a_judge_that_guesses():
    guessing = judged(GOOD, both=20, rule_only=20, model_only=20, neither=20)
    with pytest.raises(RunError, match="reliable on no type"):
        reliance(found(guessing, judged(BAD, both=1)), Judger())


def test_where_everything_is_too_few_everything_is_judged():
    few = reliance(found(judged(GOOD, both=3, model_only=3)), Judger())
    assert few.relies_on(GOOD)
    assert few.relies_on(SOFT)


def test_types_that_no_audit_measures_go_by_the_rates_over_all_types():
    mostly_wrong = found(judged(GOOD, both=20, neither=20), judged(BAD, both=90, model_only=90))
    counts = reliance(mostly_wrong, Judger())
    assert not counts.relies_on(SOFT)
    assert not counts.relies_on("detectable_format:title")
    assert counts.relies_on(GOOD)


def test_a_judge_that_is_reliable_on_nothing_ends_the_run_unless_rules_decide():
    guessing = found(judged(GOOD, both=20, rule_only=20, model_only=20, neither=20))
    with pytest.raises(RunError, match=r"reliable on no type: TPR - FPR over all of them is 0\.00 \(-0\.\d+ to 0"):
        reliance(guessing, Judger())
    assert reliance(guessing, Judger(kind="hybrid")).unreliable == {GOOD, SOFT}
    assert reliance(None, Judger()) == Reliance()


def test_anchored_rewards_are_unbiased_for_the_rates_of_the_judge():
    counts = reliance(
        found(judged(GOOD, both=400, rule_only=100, model_only=100, neither=400)), Judger(weights="anchored")
    )
    assert (counts.counts(GOOD, True), counts.counts(GOOD, False)) == pytest.approx((4 / 3, -1 / 3))
    rng = random.Random(0)
    for truth in (0.1, 0.5, 0.9):
        holds = [rng.random() < truth for _ in range(20000)]
        scores = [counts.counts(GOOD, rng.random() < (0.8 if held else 0.2)) for held in holds]
        assert sum(scores) / len(scores) == pytest.approx(truth, abs=0.02)


def test_what_has_no_rates_of_its_own_is_corrected_by_those_over_all_types():
    few = judged(BAD, both=3, neither=3)
    counts = reliance(
        found(judged(GOOD, both=400, rule_only=100, model_only=100, neither=400), few), Judger(weights="anchored")
    )
    assert counts.counts(BAD, True) == counts.counts(SOFT, True) > 1


def test_the_gap_is_that_of_what_counted_in_rewards():
    verdicts = judged(GOOD, both=40, rule_only=10, model_only=30, neither=20) + judged(BAD, both=20, model_only=20)
    assert audit_of("judge", verdicts, 0, Reliance()).gap == pytest.approx(40 / 140)
    without = Reliance(frozenset({GOOD, BAD}), frozenset({BAD}))
    assert audit_of("judge", verdicts, 0, without).gap == pytest.approx(20 / 100)


def test_the_gap_counts_a_classifiers_probability_where_that_is_the_reward():
    verdicts = [Judged(i, GOOD, False, True, soft_score=0.6) for i in range(10)]
    assert audit_of("judge", verdicts, 0, Reliance()).gap == pytest.approx(0.6)
    corrected = Reliance(frozenset({GOOD}), rates={GOOD: ErrorRates(1.0, 0.5)})
    assert audit_of("judge", verdicts, 0, corrected).gap == pytest.approx(1.0)


def test_accuracy_has_the_error_of_tasks_and_not_of_constraints():
    task = Instruction("Why?", (Constraint("a"), Constraint("b")))
    audit = measured(3, [Answer(task, "x", (True, True)), Answer(task, "x", (False, False))] * 50)
    assert (audit.turn, audit.accuracy, audit.stderr) == (3, 0.5, pytest.approx(0.05))
    assert (audit.satisfied[:2], audit.constraints[:2]) == ([2, 0], [2, 2])


def test_a_task_without_a_reply_counts_nowhere():
    task = Instruction("Why?", (Constraint("a"), Constraint("b")))
    answers = [Answer(task, "x", (True, False)), Answer(task, None, (False, False), "timeout")]
    audit = measured(1, answers)
    assert (audit.accuracy, audit.satisfied, audit.constraints) == (0.5, [1, 0], [2, 0])
    with pytest.raises(RunError, match="no audit task got a reply, most often: timeout"):
        measured(1, answers[1:])


def test_a_corrected_mean_is_the_truth_where_the_rates_are_exact_and_has_no_interval():
    rates = rates_of(judged(GOOD, 85, 15, 30, 70))
    share = corrected(465, 1000, rates)
    assert share.value == pytest.approx(0.3)
    assert (share.low, share.high) == (None, None)
    assert corrected(1, 2, rates_of(judged(GOOD, both=2))).value is None
    assert corrected(0, 0, rates).value is None
