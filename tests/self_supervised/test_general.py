from __future__ import annotations

import asyncio
import json

import pytest

from seif.engines.scripted import ScriptedEngine
from seif.errors import UsageError
from seif.self_supervised.general import Question, accuracy, boxed, correct, load_questions


@pytest.mark.parametrize(
    ("reply", "answer", "right"),
    [
        (r"So \boxed{42}.", "42", True),
        (r"\boxed{42.0}", "42", True),
        (r"\boxed{\frac{1}{2}}", "0.5", True),
        (r"\boxed{ \dfrac12 }", r"\frac{1}{2}", True),
        (r"First \boxed{41}, no: \boxed{42}", "42", True),
        (r"First \boxed{42}, no: \boxed{41}", "42", False),
        (r"\boxed{43}", "42", False),
        ("42", "42", False),
        (r"\boxed{42", "42", False),
        (r"\boxed{}", "42", False),
        (r"\boxed{B}", "B", True),
        (r"\boxed{C}", "B", False),
        (r"\boxed{7}", r"\boxed{7}", True),
        (r"\boxed{" + "9" * 5000 + "}", "42", False),
        (r"\boxed{\frac{1}}", "42", False),
    ],
)
def test_the_last_box_counts_after_normalisation(reply, answer, right):
    assert correct(reply, answer) is right


def test_boxes_may_hold_braces():
    assert boxed(r"a \boxed{x^{2}_{1}} b") == "x^{2}_{1}"
    assert boxed("none") is None


def test_accuracy_is_greedy_and_a_cut_off_reply_is_wrong():
    engine = ScriptedEngine(lambda request: r"\boxed{5}")
    found = asyncio.run(accuracy(engine, [Question("2 + 3?", "5"), Question("2 + 2?", "4")], "compact", "plain", 16))
    assert (found.accuracy, found.n) == (0.5, 2)
    assert found.stderr == pytest.approx(0.3536, abs=1e-3)
    assert all(r.temperature == 0.0 for r in engine.requests)


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "2 + 2?"},
        {"prompt": "", "answer": "4"},
        {"prompt": "2 + 2?", "answer": None},
        {"prompt": "?", "answer": True},
    ],
)
def test_a_row_without_question_or_answer_is_named(tmp_path, row):
    file = tmp_path / "questions.jsonl"
    file.write_text(json.dumps({"prompt": "1 + 1?", "answer": 2}) + "\n" + json.dumps(row))
    with pytest.raises(UsageError, match="row 2"):
        load_questions(file)
