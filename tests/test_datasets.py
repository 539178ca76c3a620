import json
from dataclasses import asdict

import pytest

from seif.config_file import build_config
from seif.constraints import TYPES
from seif.constraints.compiler import compile_text
from seif.datasets import follower_data, follower_steps, instructor_data, instructor_steps, training_seed
from seif.errors import UsageError
from seif.instructions import write_instructions
from seif.replay import EarlierTurn
from seif.stage_log import Outcome
from seif.training.data import data_order
from seif.types import Instruction

GRPO = {"prompts_per_step": 4, "updates_per_step": 1}
TEXTS = ("Avoid commas.", "Use only lowercase.", "Add a title in <<>>.")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "instructions.parquet"
    write_instructions(
        path, [Instruction(f"Question {i}?", tuple(map(compile_text, TEXTS[: 1 + i % 3]))) for i in range(12)]
    )
    return path


def config(**sections):
    return build_config({"model": "x", "follower": {"grpo": GRPO}, "instructor": {"grpo": GRPO}, **sections}, "test")


def everything(prompts):
    return (True for _ in prompts)


def but_the_first(prompts):
    return (number > 0 for number, _ in enumerate(prompts))


def test_steps_are_whole_batches_times_epochs():
    assert instructor_steps(config(), 11) == 2
    assert [follower_steps(config(), turn, 12) for turn in (1, 2, 9)] == [9, 3, 3]
    assert follower_steps(config(), 1, 3) == 3


def test_every_seed_has_the_template_of_its_turn():
    first, again, later = (instructor_data(config(), turn, [f"{i}?" for i in range(20)]) for turn in (1, 1, 2))
    assert first == again
    assert [ask.template for ask in first.asks] != [ask.template for ask in later.asks]
    assert len(first.prompts) == 20


def test_only_what_is_read_is_rendered():
    few = config(instructor={"grpo": GRPO, "steps": 2})
    data = instructor_data(few, 1, [f"{i}?" for i in range(1000)])
    assert len(data.prompts) == len(data.seeds) == len(data.asks) == 8
    assert data.seeds == sorted(data.seeds, key=lambda seed: int(seed[:-1]))
    assert sorted(data.order) == list(range(8))


def test_whole_instructions_are_plainly_shuffled(file):
    data = follower_data(config(), 1, file, everything)
    assert (len(data.tasks), data.in_levels, data.too_long) == (12, False, 0)
    assert list(data.order) == data_order(12, 4, data.steps, training_seed(config(), 1, "follower"))


def test_what_is_too_long_takes_no_place(file):
    data = follower_data(config(follower={"grpo": GRPO, "steps": 2}), 1, file, but_the_first)
    assert (len(data.tasks), data.too_long) == (8, 1)
    assert "Question 0?" not in {task.seed for task in data.tasks}
    assert all(data.prompts[row][-1]["content"].startswith(data.tasks[row].prompt) for row in data.order)


def test_levels_come_one_after_another_without_what_is_too_long(file):
    data = follower_data(config(self_supervised={"curriculum": "in_order"}), 1, file, but_the_first)
    assert (len(data.tasks), data.too_long) == (12 + 8 + 4 - 1, 1)
    lengths = [len(data.tasks[row].constraints) for row in data.order]
    assert lengths == sorted(lengths)
    assert len(data.order) == data.steps * 4


def test_general_questions_have_their_share_of_every_batch(file, tmp_path):
    pytest.importorskip("math_verify")
    questions = tmp_path / "questions.jsonl"
    questions.write_text("".join(json.dumps({"prompt": f"{i} + 1?", "answer": i + 1}) + "\n" for i in range(4)))
    mixed = config(self_supervised={"general": {"train": str(questions), "share": 0.25}})
    data = follower_data(mixed, 2, file, everything)
    batches = [data.order[i : i + 4] for i in range(0, len(data.order), 4)]
    assert all(sum(not isinstance(data.tasks[row], Instruction) for row in batch) == 1 for batch in batches)
    with pytest.raises(UsageError, match=r"every question of self_supervised\.general is longer"):
        follower_data(mixed, 2, file, lambda prompts: (number < 12 for number, _ in enumerate(prompts)))


def test_instructions_come_back_in_every_batch(file, tmp_path):
    before, outcomes = tmp_path / "before.parquet", tmp_path / "outcomes.jsonl"
    texts = TEXTS[:2]
    write_instructions(before, [Instruction(f"Earlier {i}?", tuple(map(compile_text, texts))) for i in range(9)])
    failed = [Outcome(f"Earlier {i}?", texts, (3, 0), (5, 5), (True, False)) for i in range(9)]
    outcomes.write_text("".join(json.dumps(asdict(o)) + "\n" for o in failed))
    settings = config(follower={"grpo": GRPO, "replay": 0.5, "hindsight": True, "reward": "all_or_nothing"})
    data = follower_data(settings, 2, file, everything, [EarlierTurn(before, outcomes)])
    alone = follower_data(settings, 2, file, everything)
    assert (data.steps, len(data.order)) == (alone.steps, len(alone.order))
    assert not alone.replayed | alone.relabelled
    for batch in (data.order[i : i + 4] for i in range(0, len(data.order), 4)):
        assert [sum(row in rows for row in batch) for rows in (data.replayed, data.relabelled)] == [2, 1]
    assert {len(data.tasks[row].constraints) for row in data.replayed} == {2}
    assert all(data.tasks[row].constraints == (compile_text(texts[0]),) for row in data.relabelled)
    assert all(data.prompts[row][-1]["content"].startswith(data.tasks[row].prompt) for row in data.order)


def test_types_that_are_asked_for_stand_in_the_prompt(tmp_path):
    outcomes = tmp_path / "outcomes.jsonl"
    outcomes.write_text(json.dumps(asdict(Outcome("a?", ("Avoid commas.",), (2,), (5,), (True,)))) + "\n")
    types = ["punctuation:no_comma", "detectable_format:title"]
    hard = [{"prompt": "hard", "constraints": 3}]
    settings = {"grpo": GRPO, "allocation": "bandit", "types": types, "templates": hard}
    data = instructor_data(config(instructor=settings), 2, [f"{i}?" for i in range(8)], [outcomes])
    names = {TYPES.get(name).name for name in settings["types"]}
    assert all(len(ask.types) == 2 for ask in data.asks)
    assert all(name in prompt[-1]["content"] for prompt in data.prompts for name in names)


def test_no_task_left_is_told(file):
    with pytest.raises(UsageError, match=r"every instruction of .* is longer than max_prompt_tokens=2048"):
        follower_data(config(), 1, file, lambda prompts: (False for _ in prompts))
