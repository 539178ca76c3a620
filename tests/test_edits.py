import random

import pytest

from seif.constraints.compiler import compile_text
from seif.edits import edited
from seif.stage_log import Outcome

LOWER, COMMA, BULLETS = "Use only lowercase.", "Avoid commas.", "Use exactly 3 bullet points."
TITLE = "Include a title wrapped in double angular brackets."


def outcome(*constraints, n=10):
    texts = tuple(text for text, _ in constraints)
    return Outcome(
        "What?", texts, tuple(s for _, s in constraints), (n,) * len(texts), tuple(s > 0 for _, s in constraints)
    )


def edit(found, fresh=(), seed=0):
    return [c.text for c in edited(found, [compile_text(text) for text in fresh], random.Random(seed))]


def test_what_is_sometimes_followed_stays_as_it_is():
    assert edit(outcome((LOWER, 5), (COMMA, 9)), ["Be kind."]) == [LOWER, COMMA]


def test_what_nobody_judged_stays_as_it_is():
    assert edit(outcome((LOWER, 0), (COMMA, 0), n=0), ["Be kind."]) == [LOWER, COMMA]


def test_a_constraint_that_is_never_followed_is_dropped():
    assert edit(outcome((LOWER, 0), (COMMA, 9))) == [COMMA]
    assert edit(outcome((LOWER, 10), (COMMA, 10), (BULLETS, 10), ("Be kind.", 10), ("Be short.", 0))) == [
        *(LOWER, COMMA, BULLETS, "Be kind.")
    ]


def test_one_constraint_always_remains():
    assert edit(outcome((LOWER, 0))) == [LOWER]
    assert edit(outcome((LOWER, 0), (COMMA, 1), n=20)) == [COMMA]


@pytest.mark.parametrize("seed", range(8))
def test_what_is_always_followed_gets_a_fresh_constraint_of_another_type(seed):
    assert edit(outcome((LOWER, 10), (COMMA, 10)), ["Use no commas.", BULLETS], seed) == [LOWER, COMMA, BULLETS]


def test_no_constraint_is_appended_that_contradicts_the_others():
    assert edit(outcome((LOWER, 10)), ["Use only capital letters."]) == [LOWER]


@pytest.mark.parametrize("seed", range(8))
def test_without_a_fresh_constraint_a_number_is_made_stricter(seed):
    found = edited(outcome((LOWER, 10), (BULLETS, 10)), [], random.Random(seed))
    assert [c.text for c in found] == [LOWER, "Use exactly 4 bullet points."]
    assert found[1].instruction_id == compile_text(BULLETS).instruction_id
    assert found[1].kwargs != compile_text(BULLETS).kwargs


def test_both_ways_occur():
    found = {tuple(edit(outcome((BULLETS, 10)), [COMMA], seed)) for seed in range(20)}
    assert found == {(BULLETS, COMMA), ("Use exactly 4 bullet points.",)}


def test_the_number_of_what_no_rule_checks_is_left_alone():
    assert edit(outcome(("Mention 3 animals.", 10))) == ["Mention 3 animals."]
