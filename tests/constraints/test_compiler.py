import random

import pytest

from seif.constraints.compiler import compile_text
from seif.nano import world


@pytest.mark.parametrize(
    ("text", "instruction_id", "kwargs"),
    [
        ("Do not use any commas.", "punctuation:no_comma", {}),
        ("Write in all lowercase letters.", "change_case:english_lowercase", {}),
        ("Use only uppercase", "change_case:english_capital", {}),
        ("Use exactly three bullet points.", "detectable_format:number_bullet_lists", {"num_bullets": 3}),
        ("Write at most 3 sentences.", "length_constraints:number_sentences", {"num_sentences": 4, "relation": "less than"}),
        ("Write fewer than 3 sentences.", "length_constraints:number_sentences", {"num_sentences": 3, "relation": "less than"}),
        ("End with the phrase 'Well, good luck.'", "startend:end_checker", {"end_phrase": "Well, good luck."}),
    ],
)
def test_certain_texts_compile(text, instruction_id, kwargs):
    constraint = compile_text(text)
    assert (constraint.instruction_id, dict(constraint.kwargs)) == (instruction_id, kwargs)
    assert constraint.text == text


@pytest.mark.parametrize(
    "text",
    ["Use exactly 3 bullet points, each about cats.", "Write at least 3 sentences about rivers.", "Be kind.", "", "Do not use any commas or dashes."],
)
def test_partial_understanding_is_not_certain(text):
    assert not compile_text(text).checkable


def test_every_rule_of_the_world_compiles_to_its_own_type():
    rng = random.Random(0)
    for instruction_id in world.WORDINGS:
        for _ in range(30):
            assert world.draw_constraint(rng, instruction_id).instruction_id == instruction_id
