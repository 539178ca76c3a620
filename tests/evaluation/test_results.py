import pytest

from seif.errors import UsageError
from seif.evaluation.results import Accuracy, Evaluation, InstructorNumbers, JudgeAgreement, SuiteResult, flat

WHOLE = Evaluation(
    turn=2,
    held_out={"greedy": Accuracy(constraint_accuracy=0.5, stderr=0.1, n=4, per_type={"punctuation:no_comma": 0.25})},
    judger=JudgeAgreement(balanced_accuracy=0.75, mean=None, unjudged=1),
    instructor=InstructorNumbers(parsable=None, top_type_share=0.4, types={"a": 4, "b": 1}),
    suites={"one-word": SuiteResult(numbers={"share": 0.5}, stderr={"share": 0.2}, n=8)},
)


def test_json_holds_what_was_set_and_reads_back():
    assert WHOLE.to_json()["judger"] == {"balanced_accuracy": 0.75, "mean": None, "unjudged": 1}
    assert Evaluation.from_json(WHOLE.to_json(), "here") == WHOLE
    assert Evaluation(turn=0, held_out={}, judger=JudgeAgreement()).to_json() == {
        "turn": 0,
        "held_out": {},
        "judger": {},
    }


def test_flat_numbers_leave_out_what_was_not_measured():
    assert flat(WHOLE) == {
        "held_out/greedy/constraint_accuracy": 0.5,
        "held_out/greedy/stderr": 0.1,
        "held_out/greedy/n": 4,
        "held_out/greedy/per_type/punctuation:no_comma": 0.25,
        "judger/balanced_accuracy": 0.75,
        "judger/unjudged": 1,
        "instructor/top_type_share": 0.4,
        # The top type's share tells that there were ten constraints, of which two types are recorded.
        "types/a": 0.4,
        "types/b": 0.1,
        "suites/one-word/share": 0.5,
    }


def test_newer_keys_are_ignored_and_numbers_that_are_none_are_not_measured():
    found = Evaluation.from_json({"turn": 1, "new": 1, "held_out": {"greedy": {"stderr": float("nan")}}}, "here")
    assert found.greedy == Accuracy(stderr=None)


@pytest.mark.parametrize(
    ("tree", "message"), [([], "here .*all of it"), ({"turn": 1, "judger": {"n": "x"}}, r"judger\.n")]
)
def test_a_damaged_file_is_named_with_the_key(tree, message):
    with pytest.raises(UsageError, match=message):
        Evaluation.from_json(tree, "here")
