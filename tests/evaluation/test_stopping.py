"""When the loop ends, on synthetic audits; and how often noise alone would end it."""

import pytest
from benchmarks.stopping import CASES, LENGTHS, TASKS, share_of_stops

from seif.config import Stop
from seif.evaluation.audit import Audit, JudgeAudit, ratio
from seif.evaluation.stopping import Pool, best_turn, reason_to_stop


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


def test_a_fall_is_measured_on_the_tasks_that_both_turns_have():
    """Every other task got no reply in the last turn; the others are as before."""
    before = audit(1, satisfied=(1, 1, 1, 2) * 75)
    holes = [0 if i % 2 else n for i, n in enumerate(LENGTHS)]
    kept = [0 if i % 2 else n for i, n in enumerate(before.satisfied)]
    last = before.model_copy(update={"turn": 2, "accuracy": 0.3, "satisfied": kept, "constraints": holes})
    assert reason_to_stop([audit(0), before, last], None, Stop()) is None
    nothing = last.model_copy(update={"constraints": [0] * len(LENGTHS), "satisfied": [0] * len(LENGTHS)})
    assert reason_to_stop([audit(0), before, nothing], None, Stop()) is None


def test_the_best_turn_is_the_earliest_of_the_highest():
    high = (1, 1, 1, 2) * 75
    assert best_turn([audit(0), audit(1, satisfied=high), audit(2, satisfied=high)]).turn == 1
    assert best_turn([]) is None


def test_a_pool_with_fewer_types_than_the_bases_ends_the_loop():
    pool = Pool("punctuation:no_comma", entropy=2.0, base_entropy=3.0)
    reason = (
        "the Instructor's constraints are as varied as 4.0 equally common types, the base's as 8.0; "
        "the commonest is punctuation:no_comma (stop.collapse 0.7)"
    )
    assert reason_to_stop([audit(0), audit(1)], pool, Stop()) == reason
    assert reason_to_stop([audit(0), audit(1)], pool, Stop(collapse=0.49)) is None
    assert reason_to_stop([audit(0), audit(1)], pool, Stop(collapse=0)) is None
    assert reason_to_stop([audit(0)], pool, Stop()) is None
    assert reason_to_stop([audit(0), audit(1)], Pool("title", 2.6, 3.0), Stop()) is None


def test_a_base_that_writes_one_type_alone_can_not_collapse():
    assert reason_to_stop([audit(0), audit(1)], Pool("title", 0.0, 0.0), Stop()) is None


def test_a_fall_counts_for_less_where_it_is_against_the_best_of_many_turns():
    """2.05 standard errors below the best: enough against one turn, too little against the best of four."""
    high, low = (audit(0, satisfied=row) for row in fallen(2.05))
    before = [high.model_copy(update={"turn": turn}) for turn in range(4)]
    assert reason_to_stop([before[0], low.model_copy(update={"turn": 1})], None, Stop()) is not None
    assert reason_to_stop([*before, low.model_copy(update={"turn": 4})], None, Stop()) is None


def fallen(errors):
    """Satisfied constraints of each task in two turns that differ by about so many standard errors."""
    high, low = [1] * TASKS, [1] * TASKS
    for task in range(40):
        low[task] = 0
        change, error = ratio((b - a, n) for a, b, n in zip(high, low, LENGTHS, strict=True))
        if -change / error > errors:
            return high, low
    raise AssertionError("no such fall")


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("gains 5 points a turn", 0.01),
        ("gains 2 points a turn", 0.02),
        ("learns nothing in three turns", 0.08),
        ("learns nothing in four turns", 0.1),
    ],
)
def test_noise_alone_seldom_ends_a_healthy_run(name, limit):
    assert share_of_stops(CASES[name], 300) <= limit


@pytest.mark.parametrize("name", ["lenient judge", "falls by 10 points"])
def test_a_judge_that_is_too_lenient_and_a_fall_are_nearly_always_found(name):
    assert share_of_stops(CASES[name], 60) > 0.9
