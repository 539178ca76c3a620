"""Commands for learning from instructions alone, each on the user's own files."""

from __future__ import annotations

import json

import pytest

from seif.constraints.compiler import compile_text
from seif.instructions import read_instructions, write_instructions
from seif.types import Constraint, Instruction
from support import seif

CONFIG = "nano-self-supervised"


@pytest.fixture
def instructions(tmp_path):
    rules = [compile_text(t) for t in ("Avoid commas.", "Use only uppercase.", "Add a title in <<>>.")]
    things = ("river", "cat", "train", "clock", "library", "owl", "lamp", "boat", "bee", "bridge", "castle", "garden")
    file = tmp_path / "instructions.parquet"
    write_instructions(
        file,
        [Instruction(f"Tell me about the {t}.", tuple(rules[i % 3 :] + rules[: i % 3])) for i, t in enumerate(things)],
    )
    return file


def refused(result, message):
    code, _, err = result
    # A note on questions that are held out may stand before.
    *_, last = err.strip().splitlines()
    return code == 2 and last.startswith("error: ") and message in last and "Traceback" not in err


def test_levels_are_written_with_their_rules(call, tmp_path, instructions):
    code, shown, _ = call("curriculum", instructions, "--out", tmp_path / "levels", "--json")
    assert code == 0
    assert [row["instructions"] for row in json.loads(shown)] == [12, 12, 12]
    second = read_instructions(tmp_path / "levels" / "level_2.parquet")
    assert [c.instruction_id for c in second[0].constraints] == ["punctuation:no_comma", "change_case:english_capital"]
    assert refused(call("curriculum", instructions, "--out", tmp_path / "more", "--levels", 5), "level 4 is empty")
    assert refused(call("curriculum", instructions, "--out", tmp_path / "levels"), "exists already")


def test_verl_ifs_schema_is_read(call, tmp_path):
    row = {
        "prompt": "Name a river. Avoid commas. Sound like a ferryman. ",
        "constraint": ["Avoid commas", "Sound like a ferryman."],
        "instruction_id_list": ["punctuation:no_comma", "style:open_ended"],
        "kwargs": [{}, {"num_words": None}],
    }
    file = tmp_path / "verl.jsonl"
    file.write_text(json.dumps(row))
    assert call("curriculum", file, "--out", tmp_path / "levels")[0] == 0
    (task,) = read_instructions(tmp_path / "levels" / "level_2.parquet")
    assert (task.seed, task.constraints[0].instruction_id, task.constraints[1]) == (
        "Name a river.",
        "punctuation:no_comma",
        Constraint("Sound like a ferryman."),
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["self_supervised.soft_types=[]"], "no constraint is soft"),
        (["self_supervised.soft_types=[punctuation:no_coma]"], "'punctuation:no_coma' is no type"),
        (["self_supervised.reward_model.max_length=600"], "reads at most 512 tokens"),
        (["self_supervised.reward_model.checkpoint=src/seif/nano/model"], "no sequence classifier"),
        (["self_supervised.reward_model.url=http://127.0.0.1:1"], "no reward model answers"),
        (["self_supervised.reward_model.url=nowhere"], "is no URL"),
        (["self_supervised.general.train=README.md"], "expected a .parquet"),
        (["instructor.train=true"], "given or written"),
        (["judger.kind=rules"], "use hybrid"),
        (["self_supervised.answers=2"], "temperature above 0"),
    ],
)
def test_mistakes_are_told_before_a_run_starts(call, tmp_path, instructions, settings, message):
    run = tmp_path / "run"
    given = [f"instructions={instructions}", *settings]
    assert refused(call("run", CONFIG, "--run-dir", run, *(part for s in given for part in ("--set", s))), message)
    assert not (run / "config.yaml").exists()


def test_plans_tell_of_the_reward_model(call, instructions):
    for config in (CONFIG, "qwen2.5-7b-self-supervised-multi-gpu"):
        settings = [f"instructions={instructions}", "self_supervised.soft_types=[punctuation:no_comma]"]
        code, shown, _ = call("plan", config, *(part for s in settings for part in ("--set", s)), "--json")
        numbers = json.loads(shown)
        assert code == 0
        assert numbers["reward_model"]["answers"] == numbers["seeds"] * 4 > 0
        assert numbers["turns"][0]["reward_model_for_follower"] == "reward_model_1"
        assert numbers["turns"][0]["instructor_steps"] == 0
    assert "40 answers" in call("plan", CONFIG, "--set", f"instructions={instructions}")[1]


def test_a_role_needs_a_finished_reward_model(call, tmp_path, model, instructions):
    result = call(
        "train",
        "follower",
        "--model",
        model,
        "--instructions",
        instructions,
        "--out",
        tmp_path / "out",
        "--config",
        CONFIG,
    )
    assert refused(result, "reward_model.checkpoint=DIR")


@pytest.mark.slow
def test_labels_a_reward_model_and_its_verdicts(tmp_path, model, instructions):
    labels, out = tmp_path / "labels.parquet", tmp_path / "reward_model"
    made = seif("pseudo-label", "--model", model, "--instructions", instructions, "--out", labels, "--config", CONFIG)
    assert made.returncode == 0, made.stderr
    assert "pairs in" in made.stdout
    assert json.loads(labels.with_suffix(".json").read_text())["answers"] <= 48
    trained = seif("train", "reward-model", "--model", model, "--labels", labels, "--out", out, "--config", CONFIG)
    assert trained.returncode == 0, trained.stderr
    assert "held-out accuracy" in trained.stdout
    assert "calibration error" in trained.stdout
    rows = tmp_path / "rows.jsonl"
    rows.write_text(
        json.dumps(
            {
                "prompt": "Tell me about the owl.",
                "response": "THE OWL IS OLD.",
                "constraint": ["Use only uppercase.", "Be kind."],
            }
        )
    )
    judged = seif("judge", rows, "--judger", "classifier", "--model", out, "--json")
    assert judged.returncode == 0, judged.stderr
    numbers = json.loads(judged.stdout)
    assert (numbers["judger"], numbers["verdicts"], numbers["unjudged"], numbers["agreement"]["n"]) == (
        "classifier",
        2,
        {},
        1,
    )
    again = seif("train", "reward-model", "--model", model, "--labels", labels, "--out", out)
    assert again.returncode == 2
    assert "exists already" in again.stderr
