"""The command as a user meets it: what it prints, what it refuses, with which exit code."""

import json
import shutil
import sys

import pyarrow.parquet as pq
import pytest

from conftest import seif
from seif import cli
from seif.instructions import SCHEMA, read_instructions


@pytest.fixture
def call(capsys, monkeypatch, root):
    """Run the command in this process; returns (exit code, stdout, stderr)."""

    def invoke(*arguments):
        monkeypatch.chdir(root)
        monkeypatch.setattr(sys, "argv", ["seif", *map(str, arguments)])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code or 0
        out = capsys.readouterr()
        return code, out.out, out.err

    return invoke


def seeds_file(tmp_path, prompts, column="prompt"):
    path = tmp_path / "seeds.jsonl"
    path.write_text("".join(json.dumps({column: p}) + "\n" for p in prompts), encoding="utf-8")
    return path


def assert_refused(result, message):
    code, _, err = result
    assert code == 2
    assert message in err
    assert len(err.strip().splitlines()) == 1
    assert "Traceback" not in err


def test_plan_of_the_papers_run(call, tmp_path):
    seeds = seeds_file(tmp_path, [f"question {i}" for i in range(5119)])
    code, out, _ = call("plan", "configs/qwen2.5-7b.yaml", "--seeds", seeds)
    assert code == 0
    for number in ("1,920", "7,680", "39", "13"):
        assert number in out
    numbers = json.loads(call("plan", "configs/qwen2.5-7b.yaml", "--seeds", seeds, "--json")[1])
    assert numbers["instructor_step"]["judge_calls"] == 7680


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["plan", "nothing.yaml"], "no config at nothing.yaml"),
        (["plan", "configs/nano.yaml", "--set", "follower.grpo.lerning_rate=1"], "did you mean 'follower.grpo.learning_rate'"),
        (["plan", "configs/nano.yaml", "--set", "turns=many"], "turns"),
        (["plan", "configs/nano.yaml", "--seeds", "nothing.jsonl"], "no file at"),
        (["plan", "configs/qwen2.5-7b.yaml"], "no seeds"),
        (["status", "docs"], "not a run directory"),
        (["report", "docs"], "not a run directory"),
        (["evaluate", "src/seif/nano/model"], "nothing to evaluate on"),
        (["run", "configs/nano-tiny.yaml", "--run-dir", "{tmp}", "--set", "model=/nowhere"], "no model directory"),
        (["run", "configs/nano-tiny.yaml", "--run-dir", "{tmp}", "--set", "model=docs"], "not a model directory"),
        (["run", "configs/nano-tiny.yaml", "--run-dir", "{tmp}", "--set", "report_to=[wandbb]"], "is no tracker"),
        (["run", "configs/nano-tiny.yaml", "--run-dir", "{tmp}", "--set", "report_to=[wandb]"], "pip install wandb"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(call, tmp_path, arguments, message):
    assert_refused(call(*(a.format(tmp=tmp_path / "run") for a in arguments)), message)


@pytest.mark.parametrize(
    ("prompts", "column", "message"),
    [
        ([], "prompt", "no seeds"),
        (["a"], "question", "no `prompt` column"),
        (["a", "b", "a"], "prompt", "row 3 repeats"),
        (["old " * 600], "prompt", "exceeds the model's context of 512"),
    ],
)
def test_bad_seeds_are_refused_before_anything_starts(call, tmp_path, prompts, column, message):
    seeds = seeds_file(tmp_path, prompts, column)
    assert_refused(call("run", "configs/nano-tiny.yaml", "--run-dir", tmp_path / "run", "--seeds", seeds), message)


def test_a_tokenizer_without_chat_template_is_refused(call, tmp_path, model):
    bare = tmp_path / "bare"
    shutil.copytree(model, bare)
    (bare / "chat_template.jinja").unlink()
    assert_refused(call("run", "configs/nano-tiny.yaml", "--run-dir", tmp_path / "run", "--set", f"model={bare}"), "no chat template")


def test_a_directory_with_broken_weights_is_refused(call, tmp_path, model):
    broken = tmp_path / "broken"
    shutil.copytree(model, broken)
    (broken / "config.json").write_text("{}")
    assert_refused(call("run", "configs/nano-tiny.yaml", "--run-dir", tmp_path / "run", "--set", f"model={broken}"), "can't be loaded")


def test_a_full_disk_is_one_line_and_exit_code_3(call, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device", "metrics.jsonl")

    monkeypatch.setattr("seif.run_dir.write_atomically", full)
    code, _, err = call("run", "configs/nano-tiny.yaml", "--run-dir", tmp_path / "run")
    assert code == 3
    assert "No space left on device" in err
    assert len(err.strip().splitlines()) == 1


def test_help_lists_every_command():
    result = seif("--help")
    assert result.returncode == 0
    for command in ("run", "plan", "status", "generate", "train", "evaluate", "report", "nano"):
        assert command in result.stdout


@pytest.mark.slow
def test_stages_run_by_themselves_on_ones_own_files(tmp_path, model, root):
    """generate -> train follower -> evaluate, each as its own command on the user's data."""
    seeds = seeds_file(tmp_path, [f"Tell me about the {t}." for t in ("river", "cat", "train", "clock", "owl", "lamp", "boat", "bee")])
    settings = ["--config", root / "configs/nano-tiny.yaml", "--set", "follower.grpo.prompts_per_step=4", "--set", "follower.steps=1"]
    pool, out = tmp_path / "pool.parquet", tmp_path / "follower"
    made = seif("generate", "--model", model, "--seeds", seeds, "--out", pool, *settings)
    assert made.returncode == 0, made.stderr
    assert pq.read_schema(pool).names == SCHEMA.names
    assert len(read_instructions(pool)) >= 4
    trained = seif("train", "follower", "--model", model, "--instructions", pool, "--out", out, *settings)
    assert trained.returncode == 0, trained.stderr
    assert "step 1/1" in trained.stdout
    measured = seif("evaluate", out, "--judge-model", model, "--json", *settings)
    assert measured.returncode == 0, measured.stderr
    result = json.loads(measured.stdout)
    assert result["held_out"]["greedy"]["n"] == 120
    assert 0 < result["held_out"]["greedy"]["constraint_accuracy"] < 1
    assert result["judger"]["balanced_accuracy"] > 0.8
    again = seif("train", "follower", "--model", model, "--instructions", pool, "--out", out, *settings)
    assert again.returncode == 2
    assert "exists already" in again.stderr
