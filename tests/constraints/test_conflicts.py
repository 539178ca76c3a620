import random

import pytest

from seif.constraints.compiler import compile_text
from seif.constraints.conflicts import find_conflict
from seif.constraints.verifiers import verify
from seif.nano import world, writer

LOWER, UPPER = "Use only lowercase.", "Use only uppercase."


def conflict(*texts):
    return find_conflict(tuple(map(compile_text, texts)))


@pytest.mark.parametrize(
    "texts",
    [
        (LOWER, UPPER),
        ("Use exactly 2 bullet points.", "Give exactly 3 bullets."),
        ("Write at least 4 sentences.", "Write fewer than 4 sentences."),
        ("End with the phrase 'That is all.'", "End with the phrase 'Have a nice day.'"),
        ("End with the phrase 'Well, good luck.'", "Avoid commas."),
        ("Write exactly 2 paragraphs divided by ***.", "Write exactly 3 paragraphs divided by ***."),
    ],
)
def test_contradictions_name_both_texts_in_any_order(texts):
    for ordered in (texts, texts[::-1]):
        sentence = conflict("Add a title in <<>>.", *ordered)
        assert sentence is not None
        assert all(text in sentence for text in texts)


@pytest.mark.parametrize(
    "texts",
    [
        (LOWER, "Add a postscript that starts with P.S."),
        ("Write at least 3 sentences.", "Write fewer than 5 sentences."),
        ("End with the phrase 'That is all.'", "Avoid commas."),
        ("Use exactly 2 bullet points.", "Give exactly 2 bullets."),
        ("Be kind.", "Be cruel."),
    ],
)
def test_satisfiable_or_unknown_sets_are_not_refused(texts):
    assert conflict(*texts) is None


def test_no_set_that_the_writer_satisfies_is_called_contradictory():
    """Draw sets of any kind; where the world's writer finds a reply that satisfies all rules, no conflict may be claimed."""
    rng = random.Random(1)
    witnessed = 0
    for _ in range(1500):
        rules = tuple(world.draw_constraint(rng) for _ in range(rng.choice((2, 3))))
        plan = writer.casual_plan(rng)
        for rule in rules:
            plan = writer.obey(rng, plan, rule)
        reply = writer.write(rng, "river", plan)
        if all(verify(reply, r.instruction_id, r.kwargs) for r in rules):
            witnessed += 1
            assert find_conflict(rules) is None, (reply, rules)
    assert witnessed > 700
