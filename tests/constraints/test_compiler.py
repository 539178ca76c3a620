import random
from pathlib import Path

import pytest

from seif.constraints import TYPES, ConstraintType, Wording, register
from seif.constraints.compiler import compile_text
from seif.nano import world

LABELLED = Path(__file__).parents[3] / "shared" / "data" / "verlif_constraints_labelled.parquet"
IFEVAL_FAMILIES = {
    "change_case",
    "combination",
    "detectable_content",
    "detectable_format",
    "keywords",
    "language",
    "length_constraints",
} | {
    "punctuation",
    "startend",
}


def compiled(text):
    constraint = compile_text(text)
    assert constraint.text == text
    return constraint.instruction_id, dict(constraint.kwargs)


@pytest.mark.parametrize(
    ("text", "instruction_id", "kwargs"),
    [
        ("Do not use any commas.", "punctuation:no_comma", {}),
        ("Write in all lowercase letters.", "change_case:english_lowercase", {}),
        ("Use only uppercase", "change_case:english_capital", {}),
        ("Use exactly three bullet points.", "detectable_format:number_bullet_lists", {"num_bullets": 3}),
        (
            "Write at most 3 sentences.",
            "length_constraints:number_sentences",
            {"num_sentences": 4, "relation": "less than"},
        ),
        (
            "Write fewer than 3 sentences.",
            "length_constraints:number_sentences",
            {"num_sentences": 3, "relation": "less than"},
        ),
        ("End with the phrase 'Well, good luck.'", "startend:end_checker", {"end_phrase": "Well, good luck."}),
    ],
)
def test_certain_texts_compile(text, instruction_id, kwargs):
    assert compiled(text) == (instruction_id, kwargs)


@pytest.mark.parametrize(
    "text",
    [
        "Use exactly 3 bullet points, each about cats.",
        "Write at least 3 sentences about rivers.",
        "Be kind.",
        "",
        "Do not use any commas or dashes.",
    ],
)
def test_partial_understanding_is_not_certain(text):
    assert not compile_text(text).checkable


def test_every_rule_of_the_world_compiles_to_its_own_type():
    rng = random.Random(0)
    for instruction_id in world.WORDINGS:
        for _ in range(30):
            assert world.draw_constraint(rng, instruction_id).instruction_id == instruction_id


@pytest.mark.parametrize(
    "text",
    [
        "Do not use commas",
        "  do not use\n commas !",
        "Please make sure that you do not use commas.",
        "1. In your entire response, please do not use any commas",
        "- Ensure your answer does not contain any commas",
        "No Commas: Your response must not contain any commas.",
        "Do not use commas. There must be no commas in your reply.",
    ],
)
def test_frames_and_repetition_change_nothing(text):
    assert compiled(text) == ("punctuation:no_comma", {})


def test_two_different_rules_in_one_text_are_not_one_constraint():
    assert not compile_text("Do not use commas. Use at least 3 sentences.").checkable


def test_curly_quotes_delimit_and_the_phrase_keeps_its_own_apostrophe():
    assert compiled("End your response with the exact phrase “That’s it!”") == (
        "startend:end_checker",
        {"end_phrase": "That’s it!"},
    )


HOSTILE = [
    "\ud800 Do not use commas \udfff",
    "🦊" * 300,
    "\u202eدون فواصل\u202c",
    "at least " * 100,
    "Include the words " + "'a', " * 190,
    "Include the words " + "a and " * 150,
    "use " + "* bullet " * 100,
    "Use exactly 3 bullet points " + "* this is bullet " * 55 + "!?",
    "do not use any commas " + "in your response " * 55 + "x",
    "please " * 140,
    "'" * 999,
    "\"'" * 499,
    "用" * 999,
    "必须" * 499,
    "x" * 1_000_000,
    "At least 9999999999 words",
    "At least ²³ words",
    "Use at least 0 sentences",
    "\x00",
    "(" * 999,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_texts_are_soft(text):
    assert not compile_text(text).checkable


def test_a_registered_wording_comes_after_the_built_in_ones():
    assert not compile_text("Nary a comma!").checkable
    wordings = (Wording((r"nary a (comma)",)), Wording((r"do not use commas",)))
    register(ConstraintType("marks:none", "Marks", "no comma", "Nary a comma.", lambda response: True, wordings))
    try:
        assert compiled("Nary a comma!") == ("marks:none", {})
        assert compiled("Do not use commas.") == ("punctuation:no_comma", {})
    finally:
        TYPES.remove("marks:none")
    assert not compile_text("Nary a comma!").checkable


@pytest.mark.skipif(not LABELLED.exists(), reason="the labelled constraints are not part of the project")
def test_precision_and_recall_on_labelled_constraints():
    from pyarrow import parquet

    right = wrong = total = 0
    for row in parquet.read_table(LABELLED).to_pylist():
        for text, label, raw in zip(row["constraint"], row["instruction_id_list"], row["kwargs"], strict=True):
            kwargs = {
                name: int(value) if isinstance(value, float) else value
                for name, value in (raw or {}).items()
                if value is not None
            }
            total += label.split(":")[0] in IFEVAL_FAMILIES
            found = compile_text(text)
            if found.checkable:
                good = (found.instruction_id, dict(found.kwargs)) == (label, kwargs)
                right, wrong = right + good, wrong + (not good)
    assert right / (right + wrong) >= 0.99
    assert right / total >= 0.95
