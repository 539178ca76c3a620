import random
from collections import Counter

import pytest

from seif.constraints import TYPES
from seif.constraints.conflicts import find_conflict
from seif.constraints.verifiers import verify
from seif.nano import examples, world, writer


@pytest.mark.parametrize("instruction_id", sorted(world.WORDINGS))
def test_the_writer_can_obey_and_nearly_obey_every_rule(instruction_id):
    rng = random.Random(0)
    obeyed = nearly = 0
    for _ in range(200):
        rule = world.draw_constraint(rng, instruction_id)
        plan = writer.casual_plan(rng)
        obeyed += verify(writer.write(rng, "river", writer.obey(rng, plan, rule)), instruction_id, rule.kwargs)
        nearly += verify(writer.write(rng, "river", writer.nearly_obey(rng, plan, rule)), instruction_id, rule.kwargs)
    assert obeyed >= 180
    assert nearly <= 30


def test_drawn_sets_hold_together_or_not_as_asked():
    rng = random.Random(0)
    for count in (2, 3, 4):
        for _ in range(100):
            assert find_conflict(world.draw_constraints(rng, count)) is None
            assert find_conflict(world.draw_constraints(rng, count, contradictory=True)) is not None


def test_judger_examples_carry_the_verifiers_verdicts_both_ways():
    rng = random.Random(0)
    answers = Counter(
        answer for _ in range(300) for _, answer in examples.judger_example(rng, "Write about the cat.").branches
    )
    assert min(answers.values()) > 0.25 * answers.total()


def test_every_seed_has_a_topic():
    assert all(world.topic_of(seed) in world.THINGS for seed in world.all_seeds())
    assert len(set(world.all_seeds())) == len(world.all_seeds())


def test_no_rule_of_the_world_reads_like_an_example_of_the_prompts():
    examples_told = {kind.example.casefold() for kind in TYPES.values()}
    assert not examples_told & {world.draw_constraint(random.Random(i)).text.casefold() for i in range(2000)}


def test_sums_are_right_and_small():
    rng = random.Random(0)
    for _ in range(300):
        question, result = world.draw_sum(rng)
        a, sign, b = question.removeprefix("What is ").partition(". ")[0].removesuffix("?").split("?")[0].split()
        assert result == (int(a) + int(b) if sign == "+" else int(a) - int(b))
        assert 0 <= result <= 18


def test_a_pleading_reply_keeps_what_it_said_and_its_verdicts_are_the_verifiers():
    rng = random.Random(0)
    texts = {writer.plead(rng, "It is old.\nIt is warm.", "Avoid commas.") for _ in range(400)}
    assert len(texts) > 300
    assert all("It is old." in text and "It is warm." in text for text in texts)
    answers = Counter(
        answer for _ in range(300) for _, answer in examples.wary_judger_example(rng, "Write about the cat.").branches
    )
    assert min(answers.values()) > 0.2 * answers.total()
