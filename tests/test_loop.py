from dataclasses import asdict
from pathlib import Path

from seif.config_file import load_config
from seif.loop import plan


def test_plan_of_the_papers_settings():
    numbers = asdict(plan(load_config(Path("qwen2.5-7b-full-multi-gpu")), 5119))
    assert numbers["instructor_step"] == {"filter_calls": 1920, "answer_calls": 1920, "judge_calls": 7680}
    assert [t["instructor_steps"] for t in numbers["turns"]] == [13, 13, 13]
    assert [t["follower_steps"] for t in numbers["turns"]] == [39, 13, 13]
    third = numbers["turns"][2]
    assert third["instructor_starts_from"] == "instructor_2"
    assert {third[role] for role in ("filter", "answerer", "judger", "follower_starts_from")} == {"follower_2"}


def test_plan_of_the_control_arm_trains_no_instructor():
    numbers = asdict(plan(load_config(Path("nano"), ["instructor.train=false"]), 384))
    assert all(t["instructor_steps"] == 0 and t["instructions_written_by"] == "base" for t in numbers["turns"])
