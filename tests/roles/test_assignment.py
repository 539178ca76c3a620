import pytest

from seif.roles.assignment import assign


def test_the_papers_table():
    first = assign(1)
    assert {
        str(c) for c in (first.instructor_start, first.follower_start, first.filter, first.answerer, first.judger)
    } == {"base"}
    for turn in (2, 3):
        roles = assign(turn)
        assert str(roles.instructor_start) == f"instructor_{turn - 1}"
        assert {str(c) for c in (roles.follower_start, roles.filter, roles.answerer, roles.judger)} == {
            f"follower_{turn - 1}"
        }
        assert str(roles.instruction_writer) == f"instructor_{turn}"


def test_switches():
    roles = assign(3, judger_weights="base", train_instructor=False)
    assert (str(roles.judger), str(roles.answerer), str(roles.instruction_writer)) == ("base", "follower_2", "base")


def test_turns_count_from_one():
    with pytest.raises(ValueError, match="from 1"):
        assign(0)
