from dataclasses import asdict
from pathlib import Path

import pytest

from seif.config_file import load_config
from seif.judges import JUDGES, register_judge
from seif.judges.rules import RulesJudge
from seif.loop import plan


def test_plan_of_the_papers_settings():
    numbers = asdict(plan(load_config(Path("qwen2.5-7b-full-multi-gpu")), 5119))
    assert numbers["instructor_step"] == {"filter_calls": 1920, "answer_calls": 1920, "judge_calls": 7680}
    assert [t["instructor_steps"] for t in numbers["turns"]] == [13, 13, 13]
    assert [t["follower_steps"] for t in numbers["turns"]] == [39, 13, 13]
    third = numbers["turns"][2]
    assert third["instructor_starts_from"] == "instructor_2"
    assert {third[role] for role in ("filter", "answerer", "judger", "follower_starts_from")} == {"follower_2"}


@pytest.mark.parametrize("judger", ["kind=rules", "kind=no_model", "model=no_model"])
def test_plan_of_a_judge_that_asks_no_model_names_it_and_counts_no_calls(judger):
    name = judger.partition("=")[2]
    if name not in JUDGES:
        register_judge(name, uses_model=False)(lambda context: RulesJudge())
    kind = [] if judger.startswith("kind") else ["judger.kind=hybrid"]
    try:
        found = plan(load_config(Path("nano"), [f"judger.{judger}", *kind]), 384)
    finally:
        if name != "rules":
            JUDGES.remove(name)
    assert {t.judger for t in found.turns} == {name}
    assert found.instructor_step["judge_calls"] == found.follower_step["judge_calls"] == 0


def test_plan_counts_what_a_classifier_is_asked():
    found = plan(load_config(Path("nano-self-supervised")), 384)
    assert found.turns[0].judger == "classifier"
    assert found.follower_step["judge_calls"] > 0


def test_plan_without_a_model_that_filters():
    assert {t.filter for t in plan(load_config(Path("nano"), ["filter.model=false"]), 384).turns} == {"rules"}


def test_plan_of_the_control_arm_trains_no_instructor():
    numbers = asdict(plan(load_config(Path("nano"), ["instructor.train=false"]), 384))
    assert all(t["instructor_steps"] == 0 and t["instructions_written_by"] == "base" for t in numbers["turns"])


def test_plan_of_a_gate_counts_its_probes_and_the_seeds_of_a_turn():
    settings = ["instructor.candidates=4", "instructor.probes=2", "instructor.seeds_per_turn=64"]
    found = plan(load_config(Path("nano-tiny"), [*settings, "follower.steps=null", "follower.epochs=[1]"]), 384)
    assert found.probes == {"answers": 64 * 4 * 2, "judge_calls": 64 * 4 * 2 * 3.5}
    assert found.turns[0].follower_steps == 64 // 16
    assert plan(load_config(Path("nano-tiny")), 384).probes is None
