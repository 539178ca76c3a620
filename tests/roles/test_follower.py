import pytest

from seif.constraints.compiler import compile_text
from seif.roles.follower import messages, parse
from seif.types import Instruction

GOOD = "<think>short</think>\n<answer> The cat. </answer>"


def test_formats():
    assert parse(" The cat.\n", True, "plain") == "The cat."
    assert parse(GOOD, True, "think_answer") == "The cat."
    assert parse("thought</think>The cat.", True, "reasoning") == "The cat."


@pytest.mark.parametrize(
    ("text", "response_format"),
    [
        ("  ", "plain"),
        ("The cat.", "think_answer"),
        (GOOD + GOOD, "think_answer"),
        ("x" + GOOD, "think_answer"),
        (GOOD + "x", "think_answer"),
        ("<think><answer></think></answer>", "think_answer"),
        ("<think>a</think><answer></answer>", "think_answer"),
        ("The cat.", "reasoning"),
    ],
)
def test_bad_format(text, response_format):
    assert parse(text, True, response_format) is None


def test_no_end_token_is_bad_format():
    assert parse(GOOD, False, "think_answer") is None
    assert parse("The cat.", False, "plain") is None


def test_the_prompt_is_the_instruction():
    task = Instruction("Why?", (compile_text("Avoid commas."),))
    assert messages("compact", task, "plain")[0]["content"] == "Why?\nAvoid commas."
    assert "<answer>" in messages("full", task, "think_answer")[0]["content"]
