"""When the loop ends, on synthetic audits; and how often noise alone would end it."""

import random

import pytest

from seif.config import Stop
from seif.evaluation.audit import Audit, JudgeAudit, audit_of, ratio
from seif.evaluation.held_out import Judged
from seif.evaluation.stopping import Pool, best_turn, reason_to_stop
from seif.judges.audited import Reliance

TASKS, LENGTHS = 300, [1 + i % 4 for i in range(300)]


def audit(turn, gap=0.0, satisfied=(1, 1, 0, 2) * 75, error=0.005):
    accuracy, stderr = ratio(zip(satisfied, LENGTHS, strict=True))
    return Audit(
        turn=turn,
        accuracy=accuracy,
        stderr=stderr,
        satisfied=list(satisfied),
        constraints=LENGTHS,
        judge=JudgeAudit(gap=gap, gap_stderr=error),
    )


def test_a_gap_in_two_turns_in_a_row_ends_the_loop():
    gaps = [audit(0, 0.1), audit(1, 0.03), audit(2, 0.05)]
    reason = "the judge's mean is above the verifiers' for 2 turns in a row, by 3.0, 5.0 points (stop.gap 2)"
    assert reason_to_stop(gaps, None, Stop()) == reason
    assert reason_to_stop(gaps[:2], None, Stop()) is None
    assert reason_to_stop(gaps[:2], None, Stop(patience=1)) is not None
    assert reason_to_stop([audit(0), audit(1, 0.03), audit(2, 0.01), audit(3, 0.03)], None, Stop()) is None


def test_a_gap_within_its_error_and_a_strict_judge_end_nothing():
    assert reason_to_stop([audit(0), audit(1, 0.03, error=0.02), audit(2, 0.03, error=0.02)], None, Stop()) is None
    assert reason_to_stop([audit(0), audit(1, -0.2), audit(2, -0.2)], None, Stop()) is None


def test_accuracy_below_the_best_turns_ends_the_loop_unless_it_is_within_error():
    high, low = audit(1, satisfied=(1, 1, 1, 2) * 75), audit(2)
    reason = reason_to_stop([audit(0), high, low], None, Stop())
    assert reason == "audit accuracy is 40.0%, and was 50.0% after turn 1: 10.0 points less, ± 1.0"
    assert reason_to_stop([audit(0), high, low], None, Stop(fall=False)) is None
    slightly = audit(2, satisfied=(1, 1, 1, 2) * 73 + (1, 1, 0, 2) + (1, 1, 2, 2))
    assert reason_to_stop([audit(0), high, slightly], None, Stop()) is None


def test_the_best_turn_is_the_earliest_of_the_highest():
    high = (1, 1, 1, 2) * 75
    assert best_turn([audit(0), audit(1, satisfied=high), audit(2, satisfied=high)]).turn == 1
    assert best_turn([]) is None


def test_a_pool_of_one_type_ends_the_loop():
    pool = Pool("punctuation:no_comma", 0.68)
    reason = "68% of the Instructor's constraints are of one type, punctuation:no_comma (stop.collapse 0.5)"
    assert reason_to_stop([audit(0), audit(1)], pool, Stop()) == reason
    assert reason_to_stop([audit(0), audit(1)], pool, Stop(collapse=1.0)) is None
    assert reason_to_stop([audit(0)], pool, Stop()) is None


def simulated(rng, accuracies, tpr, fpr):
    """Audits of Followers with these accuracies: tasks of different difficulty, the same in every turn."""
    ease = [rng.gauss(0, 0.15) for _ in range(TASKS)]
    audits = []
    for turn, accuracy in enumerate(accuracies):
        holds = [
            [rng.random() < min(1, max(0, accuracy + easy)) for _ in range(n)]
            for easy, n in zip(ease, LENGTHS, strict=True)
        ]
        verdicts = [
            Judged(task, "type", held, rng.random() < (tpr if held else fpr))
            for task, row in enumerate(holds)
            for held in row
        ]
        found = audit(turn, satisfied=[sum(row) for row in holds])
        audits.append(found.model_copy(update={"judge": audit_of("judge", verdicts, 0, Reliance())}))
    return audits


def share_of_stops(accuracies, tpr, fpr, runs=300):
    rng, stops = random.Random(0), 0
    for _ in range(runs):
        audits = simulated(rng, accuracies, tpr, fpr)
        stops += any(reason_to_stop(audits[: turn + 1], None, Stop()) for turn in range(1, len(audits)))
    return stops / runs


@pytest.mark.parametrize(
    ("accuracies", "limit"),
    [([0.40, 0.45, 0.50, 0.55, 0.60], 0.01), ([0.40, 0.42, 0.44, 0.46, 0.48], 0.04), ([0.5] * 5, 0.2)],
)
def test_noise_alone_seldom_ends_a_healthy_run(accuracies, limit):
    """Four turns, 300 tasks, a judge with 5% errors of both kinds.

    The last case learns nothing, so any of its turns may by chance be below the highest of those before.
    """
    assert share_of_stops(accuracies, tpr=0.95, fpr=0.05) <= limit


def test_a_judge_that_is_too_lenient_and_a_fall_are_nearly_always_found():
    assert share_of_stops([0.4, 0.45, 0.5], tpr=0.95, fpr=0.3, runs=60) > 0.95
    assert share_of_stops([0.4, 0.5, 0.4], tpr=1.0, fpr=0.0, runs=60) > 0.9
