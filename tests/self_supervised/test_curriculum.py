from __future__ import annotations

from collections import Counter

import pytest

from seif.config_file import build_config
from seif.constraints.compiler import compile_text
from seif.errors import UsageError
from seif.self_supervised import curriculum
from seif.types import Constraint, Instruction

COMMA, LOWER, KIND = compile_text("Avoid commas."), compile_text("Use only lowercase."), Constraint("Be kind.")
TASKS = [Instruction("Why?", (COMMA, LOWER, KIND)), Instruction("How?", (KIND,)), Instruction("When?", (LOWER, COMMA))]


def test_level_j_asks_for_the_first_j_constraints():
    one, two, three = curriculum.levels(TASKS)
    assert [len(level.instructions) for level in (one, two, three)] == [3, 2, 1]
    assert two.indices == (0, 2)
    assert two.instructions[0] == Instruction("Why?", (COMMA, LOWER))
    assert three.instructions[0].constraints[0].instruction_id == "punctuation:no_comma"
    assert curriculum.cut(TASKS[0], 0).prompt == "Why?"


@pytest.mark.parametrize(
    ("tasks", "highest", "message"),
    [([Instruction("Why?", ())], None, "level 1 is empty"), (TASKS, 5, "level 4 is empty")],
)
def test_an_empty_level_is_told(tasks, highest, message):
    with pytest.raises(UsageError, match=message):
        curriculum.levels(tasks, highest)


def test_the_data_order_goes_through_the_groups_by_their_size():
    groups = [list(range(6)), list(range(6, 9)), list(range(9, 12))]
    order = curriculum.data_order(groups, (), 0.5, per_step=4, steps=6, seed=1)
    assert Counter(order) == dict.fromkeys(range(12), 2)
    assert set(order[:12]) == set(groups[0])
    assert set(order[12:18]) == set(groups[1])
    assert order[:6] != order[6:12]
    assert order == curriculum.data_order(groups, (), 0.5, 4, 6, 1) != curriculum.data_order(groups, (), 0.5, 4, 6, 2)
    few = curriculum.data_order(groups, (), 0.5, per_step=2, steps=2, seed=1)
    assert len(few) == 4


def test_every_batch_has_its_share_of_general_questions():
    order = curriculum.data_order([list(range(50))], range(50, 53), 0.1, per_step=16, steps=10, seed=0)
    counts = [sum(row >= 50 for row in order[i : i + 16]) for i in range(0, 160, 16)]
    assert len(order) == 160
    assert sum(counts) == 16
    assert set(counts) <= {1, 2}
    assert {row for row in order if row >= 50} == {50, 51, 52}


def test_what_is_soft_depends_on_who_judges():
    hybrid = build_config(
        {"model": "x", "judger": {"kind": "hybrid"}, "self_supervised": {"soft_types": ["punctuation:no_comma"]}},
        "test",
    )
    assert [curriculum.soft(hybrid)(c) for c in TASKS[0].constraints] == [True, False, True]
    alone = build_config({"model": "x", "judger": {"kind": "classifier"}}, "test")
    assert all(map(curriculum.soft(alone), TASKS[0].constraints))
    with pytest.raises(UsageError, match="nothing to learn"):
        curriculum.check_some_are_soft([Instruction("Why?", (LOWER,))], curriculum.soft(hybrid))


def test_an_unknown_soft_type_is_named():
    curriculum.check_soft_types(["punctuation:no_comma"])
    for name in ("punctuation:no_coma", "soft:semantic"):
        with pytest.raises(UsageError, match=name):
            curriculum.check_soft_types([name])
