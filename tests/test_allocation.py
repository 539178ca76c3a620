import json
import random
from collections import Counter
from dataclasses import asdict

import pytest

from seif.allocation import DISCOUNT, Allocation, allocation_values
from seif.config_file import build_config
from seif.roles.instructor import choose_template
from seif.stage_log import Outcome

LOWER, UPPER = "change_case:english_lowercase", "change_case:english_capital"
COMMA, TITLE = "punctuation:no_comma", "detectable_format:title"
TEXTS = {LOWER: "Use only lowercase.", COMMA: "Avoid commas.", TITLE: "Add a title in <<>>."}
TEMPLATES = [{"prompt": "hard", "constraints": n} for n in (1, 3)]


def config(**instructor):
    return build_config({"model": "x", "instructor": {"templates": TEMPLATES, **instructor}}, "test")


def outcome(satisfied, *kinds, judged=8):
    """An instruction of these types, of whose verdicts so many are satisfied for each."""
    n = len(kinds)
    return Outcome("a?", tuple(TEXTS[k] for k in kinds), (satisfied,) * n, (judged,) * n, (satisfied > 0,) * n)


HALF = 4 * 4 * 4 / (8 * 7)
"""The unbiased estimate of 4p(1 - p) from 4 of 8."""


def test_what_is_half_satisfied_is_worth_the_most():
    values = allocation_values([[outcome(4, COMMA), outcome(8, LOWER), outcome(0, TITLE)]])
    assert values.of(COMMA, 1) == pytest.approx(HALF)
    assert values.of(LOWER, 1) == values.of(TITLE, 1) == 0


def test_a_type_that_is_always_followed_in_some_wordings_and_never_in_others_teaches_nothing():
    seen = [outcome(8, COMMA), outcome(0, COMMA)] * 20
    assert allocation_values([seen]).of(COMMA, 1) == 0


def test_the_estimate_is_unbiased():
    rng, p = random.Random(0), 0.3
    seen = [outcome(sum(rng.random() < p for _ in range(3)), COMMA, judged=3) for _ in range(20_000)]
    assert allocation_values([seen]).types[COMMA] == pytest.approx(4 * p * (1 - p), abs=0.01)


def test_an_arm_with_few_observations_is_near_its_type_and_an_unknown_type_is_tried():
    few = allocation_values([[outcome(4, COMMA)] * 300 + [outcome(8, COMMA, COMMA)]])
    many = allocation_values([[outcome(4, COMMA)] * 300 + [outcome(8, COMMA, COMMA)] * 300])
    assert 0.7 * HALF < few.of(COMMA, 2) < few.of(COMMA, 1)
    assert many.of(COMMA, 2) < 0.1 * HALF
    assert few.of(COMMA, 5) == few.types[COMMA]
    assert few.of(TITLE, 2) == max(few.arms.values())


def test_later_observations_count_more():
    values = allocation_values([[outcome(8, COMMA)], [outcome(4, COMMA)]])
    assert values.types[COMMA] == pytest.approx(HALF / (1 + DISCOUNT))
    within = allocation_values([[outcome(8, COMMA)] * 100 + [outcome(4, COMMA)] * 100])
    assert within.types[COMMA] > 0.7 * HALF


def test_steps_that_read_the_same_instruction_are_observations_of_their_own(tmp_path):
    """Never followed in the first epoch and always in the second: there was nothing to learn in either."""
    path = tmp_path / "outcomes.jsonl"
    path.write_text("".join(json.dumps(asdict(outcome(satisfied, COMMA))) + "\n" for satisfied in (0, 8)))
    bandit = Allocation.after(config(allocation="bandit", types=[COMMA]), 2, [path])
    assert bandit.values.of(COMMA, 1) == 0


def test_what_nobody_judged_has_no_value():
    assert allocation_values([]) is None
    assert allocation_values([[outcome(0, COMMA, judged=0), outcome(1, COMMA, judged=1)]]) is None


def test_by_default_only_the_number_is_asked_for():
    found = [Allocation(config(), 2).ask(i) for i in range(20)]
    assert [a.template for a in found] == [choose_template(config().instructor.templates, 0, 2, i) for i in range(20)]
    assert not any(a.types for a in found)


@pytest.mark.parametrize("allocation", ["even", "bandit"])
def test_without_outcomes_types_are_drawn_evenly_and_by_place(allocation):
    even = Allocation(config(allocation=allocation, types=[COMMA, TITLE, LOWER, UPPER]), 1)
    asks = [even.ask(i) for i in range(400)]
    assert asks == [even.ask(i) for i in range(400)]
    assert asks != [even.ask(i, 1) for i in range(400)]
    single = Counter(a.types[0] for a in asks if a.template.constraints == 1)
    assert len(single) == 4
    assert max(single.values()) < 2 * min(single.values())


def test_types_that_exclude_each_other_are_not_asked_for_together():
    even = Allocation(config(allocation="even", types=[COMMA, TITLE, LOWER, UPPER]), 1)
    threes = [a.types for a in map(even.ask, range(100)) if a.template.constraints == 3]
    assert all(len(set(types)) == 3 and not {LOWER, UPPER} <= set(types) for types in threes)
    few = Allocation(config(allocation="even", types=[LOWER, UPPER]), 1)
    assert {len(few.ask(i).types) for i in range(20)} == {1}


def test_the_bandit_asks_for_what_can_be_learned(tmp_path):
    path = tmp_path / "outcomes.jsonl"
    seen = [outcome(4, COMMA)] * 9 + [outcome(100, LOWER, TITLE, LOWER, judged=100)] * 9
    path.write_text("".join(json.dumps(asdict(o) | {"seed": f"{i}?"}) + "\n" for i, o in enumerate(seen)))
    settings = {"allocation": "bandit", "types": [COMMA, TITLE, LOWER]}

    def asked(**explore):
        allocation = Allocation.after(config(**settings, **explore), 2, [path])
        return [allocation.ask(i) for i in range(400)]

    greedy, exploring = asked(explore=0.0), asked(explore=1.0)
    share = [
        sum(a.types == (COMMA,) for a in asks) / sum(a.template.constraints == 1 for a in asks)
        for asks in (greedy, exploring)
    ]
    assert share[0] > 0.9
    assert share[1] == pytest.approx(1 / 3, abs=0.1)


def test_the_bandit_asks_for_as_many_as_teach_the_most():
    values = allocation_values([[outcome(4, COMMA)] * 50 + [outcome(100, COMMA, COMMA, COMMA, judged=100)] * 50])

    def ones(explore):
        bandit = Allocation(config(allocation="bandit", types=[COMMA], explore=explore), 2, values)
        return sum(bandit.ask(i).template.constraints == 1 for i in range(400)) / 400

    assert ones(0.0) > 0.85
    assert ones(1.0) == pytest.approx(0.5, abs=0.1)
