"""The quick faults of the campaign, and the campaign itself on faults whose outcome is known."""

import pytest

from faults.campaign import Crashed, Ended, Fault, Lost, Overran, Silent, attempt, expect_line, expect_success, faults

QUICK = [(part, fault) for part, fault in faults() if fault.quick]


@pytest.mark.parametrize(("part", "fault"), QUICK, ids=[f"{part}: {fault.name}" for part, fault in QUICK])
def test_quick_faults_are_survived(part, fault, tmp_path):
    tried = attempt(fault, tmp_path)
    assert tried.outcome == "survived", tried.detail


def test_places_and_kinds_are_told_apart():
    names = [(part, fault.name) for part, fault in faults()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("raised", "outcome"),
    [
        (None, "survived"),
        (Lost("gone"), "lost"),
        (Silent("no word"), "silent"),
        (Crashed("Traceback"), "traceback"),
        (Overran("late"), "overran"),
        (ValueError("escaped"), "traceback"),
    ],
)
def test_an_attempt_says_what_came_of_it(raised, outcome, tmp_path):
    def fail(folder):
        if raised:
            raise raised

    assert attempt(Fault("a file", "cut", "one line", fail), tmp_path).outcome == outcome


LINE = Ended(2, "", "error: no model at X; give another\n", 0.1)


def test_one_line_is_what_a_user_gets():
    expect_line(LINE, 2, "no model", "X")
    expect_success(Ended(0, "done", "", 0.1), "done")


@pytest.mark.parametrize(
    ("ended", "failure"),
    [
        (Ended(0, "fine", "", 0.1), Silent),
        (Ended(3, "", LINE.err, 0.1), Crashed),
        (Ended(2, "", "Traceback (most recent call last)\nValueError: X", 0.1), Crashed),
        (Ended(2, "", "a warning\nerror: no model at X", 0.1), Silent),
        (Ended(2, "", "error: something\n", 0.1), Silent),
    ],
)
def test_anything_else_is_a_broken_promise(ended, failure):
    with pytest.raises(failure):
        expect_line(ended, 2, "no model", "X")
