from __future__ import annotations

import pytest

from seif.comparison.differences import audited, by_type, paired_interval, whole
from seif.evaluation.audit import Audit, newcombe, wilson
from seif.evaluation.results import Accuracy


def test_the_paired_interval() -> None:
    # By hand: Wilson gives 51/52 (.899 to .997) and 44/52 (.725 to .920); phi of 43, 8, 1, 0 is -8 / sqrt(17952).
    found = paired_interval("1" * 43 + "1" * 8 + "0", "1" * 43 + "0" * 8 + "1")
    assert found.value == pytest.approx(7 / 52)
    assert (found.low, found.high) == (pytest.approx(0.02111, abs=1e-4), pytest.approx(0.25797, abs=1e-4))


def test_pairs_that_agree_make_the_interval_shorter_and_never_a_point() -> None:
    half = "10" * 20
    paired = paired_interval(half, half)
    alone = newcombe(wilson(20, 40), wilson(20, 40))
    assert paired.value == 0.0
    assert alone.low < paired.low < 0.0 < paired.high < alone.high


def test_opposite_pairs_make_it_longer() -> None:
    ours, theirs = "10" * 20, "01" * 20
    paired, alone = paired_interval(ours, theirs), newcombe(wilson(20, 40), wilson(20, 40))
    assert paired.low < alone.low
    assert alone.high < paired.high


def accuracy(*holds: str, **more: object) -> Accuracy:
    total = sum(map(len, holds))
    share = sum(task.count("1") for task in holds) / total
    return Accuracy(constraint_accuracy=share, stderr=0.05, n=len(holds), holds=list(holds), **more)


def test_a_whole_accuracy_is_paired_over_the_same_tasks_alone() -> None:
    ours, theirs = accuracy(*["11", "1"] * 50), accuracy(*["10", "1"] * 50)
    paired = whole(ours, theirs, same_tasks=True)
    assert (paired.method, paired.value) == ("paired", pytest.approx(1 / 3))
    assert paired.clear
    for other, same in ((theirs, False), (accuracy(*["1", "10"] * 50), True), (Accuracy(), True)):
        found = whole(ours, other, same)
        assert (found.method if found else None) == ("unpaired" if other.holds else None)


def test_without_errors_there_is_no_interval() -> None:
    found = whole(Accuracy(constraint_accuracy=0.5), Accuracy(constraint_accuracy=0.25), True)
    assert (found.value, found.low, found.method, found.clear) == (0.25, None, "none", False)


def test_types_are_paired_unpaired_or_without_an_interval() -> None:
    ours = Accuracy(
        per_type={"a": 0.75, "b": 0.75, "c": 0.5, "d": 1.0},
        per_type_n={"a": 4, "b": 4},
        per_type_holds={"a": "1101"},
    )
    theirs = Accuracy(
        per_type={"a": 0.5, "b": 0.5, "c": 0.5, "e": 1.0}, per_type_n={"a": 4, "b": 4}, per_type_holds={"a": "1001"}
    )
    found = by_type(ours, theirs, True)
    assert {kind: one.method for kind, one in found.items()} == {"a": "paired", "b": "unpaired", "c": "none"}
    assert found["a"].value == found["b"].value == 0.25
    assert by_type(ours, theirs, False)["a"].method == "unpaired"


def test_audits_are_paired_over_the_tasks_that_both_answered() -> None:
    ours = Audit(turn=1, accuracy=0.9, stderr=0.1, satisfied=[2, 1, 0], constraints=[2, 1, 0])
    theirs = Audit(turn=1, accuracy=0.5, stderr=0.1, satisfied=[1, 1, 3], constraints=[2, 1, 3])
    found = audited(ours, theirs, True)
    assert (found.method, found.value) == ("paired", pytest.approx(1 / 3))
    assert audited(ours, theirs, False).method == "unpaired"
    assert audited(ours, None, True) is None
