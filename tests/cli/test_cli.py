"""The command as a user meets it: what it prints, what it refuses, with which exit code."""

import json
import resource
import shutil
import signal
import subprocess
import sys
import time

import huggingface_hub
import pyarrow.parquet as pq
import pytest

from seif.engines.precision import hardware_precision
from seif.instructions import read_instructions
from support import ROOT, all_gone, seif


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
    code, out, _ = call("plan", "qwen2.5-7b-full-multi-gpu", "--seeds", seeds)
    assert code == 0
    for number in ("1,920", "7,680", "39", "13"):
        assert number in out
    numbers = json.loads(call("plan", "qwen2.5-7b-full-multi-gpu", "--seeds", seeds, "--json")[1])
    assert numbers["instructor_step"]["judge_calls"] == 7680


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["plan", "nothing.yaml"], "no config at nothing.yaml"),
        (["plan", "nano", "--set", "follower.grpo.lerning_rate=1"], "did you mean 'follower.grpo.learning_rate'"),
        (["plan", "nano", "--set", "turns=many"], "turns"),
        (["plan", "nano", "--set", "model=/nowhere"], "no model directory at /nowhere"),
        (["plan", "nano", "--set", "evaluation.suites=[ifeva]"], "did you mean 'ifeval'"),
        (["plan", "nano", "--set", "report_to=[wandbb]"], "did you mean 'wandb'"),
        (["plan", "nano", "--set", "seeds=nope.parquet"], "no file at"),
        (
            ["plan", "nano", "--set", "dtype=float16"],
            "dtype: must be one of auto, bfloat16, float32, got 'float16'",
        ),
        (["plan", "nano", "--set", "follower.grpo.dtype=int8"], "auto, bfloat16, float32"),
        (["plan", "nano", "--seeds", "nothing.jsonl"], "no file at"),
        (["plan", "qwen2.5-7b-full-multi-gpu"], "no seeds"),
        (["status", "docs"], "not a run directory"),
        (["report", "docs"], "not a run directory"),
        (["evaluate", "src/seif/nano/model"], "nothing to evaluate on"),
        (
            ["nano", "build", "--out", "{tmp}-nano", "--phase", "9", "--start", "src/seif/nano/model"],
            "there is no phase 9",
        ),
        (["nano", "build", "--out", "{tmp}-nano", "--phase", "2"], "give it as --start"),
        (["run", "nano-tiny", "--run-dir", "{tmp}", "--set", "held_out=/nowhere.parquet"], "no file at"),
        (["run", "nano-tiny", "--run-dir", "README.md"], "README.md is a file"),
        (["plan", "nano-tiny", "--set", "chat.format=famly"], "no chat format 'famly'"),
        (["run", "nano-tiny", "--run-dir", "{tmp}", "--set", "sharding=fsdp2"], "sharding: fsdp2 needs GPUs"),
        (["plan", "nano-tiny", "--set", "launcher=accelerate"], "launcher: must be a list, e.g. [a, b]"),
        (["run", "nano-tiny", "--run-dir", "{tmp}", "--set", "model=/nowhere"], "no model directory"),
        (["run", "nano-tiny", "--run-dir", "{tmp}", "--set", "model=docs"], "not a model directory"),
        (["run", "nano-tiny", "--run-dir", "{tmp}", "--set", "lora.target_modules=o_prj"], "'o_prj' names no layer"),
        (["run", "nano-tiny", "--run-dir", "{tmp}", "--set", "model={adapter}"], "add lora: {{r: 4, alpha: 8}}"),
        (["run", "nano-tiny", "--run-dir", "{tmp}", "--set", "model={adapter}", "--set", "lora.r=8"], "r 4 and not 8"),
        (
            ["run", "nano-tiny", "--run-dir", "{tmp}", "--set", "report_to=[wandbb]"],
            "no tracker 'wandbb'; did you mean 'wandb'",
        ),
        (["run", "nano-tiny", "--run-dir", "{tmp}", "--set", "report_to=[wandb]"], "pip install wandb"),
        (
            ["plan", "nano-tiny", "--set", "instructor.reward=solvabel"],
            "instructor.reward: no Instructor reward 'solvabel'; did you mean 'solvable'?",
        ),
        (
            ["run", "nano-tiny", "--run-dir", "{tmp}", "--set", "follower.reward=rnadom"],
            "follower.reward: no Follower reward 'rnadom'; did you mean 'random'?",
        ),
        (["plan", "nano-tiny", "--set", "instructor.per_constraint=true"], "set answers to 2 or more"),
        (
            [
                *("run", "nano-tiny", "--run-dir", "{tmp}", "--set", "instructor.per_constraint=true"),
                *("--set", "instructor.answers=2", "--set", "instructor.reward=random"),
            ],
            "reward: random reads no p, so per_constraint has no effect on it",
        ),
        (
            ["plan", "nano-tiny", "--set", "follower.hindsight=true", "--set", "follower.reward=random"],
            "hindsight is for rewards of whole instructions",
        ),
        (["plan", "nano-tiny", "--set", "instructor.archive_penalty=-1"], "instructor.archive_penalty"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(call, tmp_path, adapter, arguments, message):
    assert_refused(call(*(a.format(tmp=tmp_path / "run", adapter=adapter) for a in arguments)), message.format())


def test_a_model_that_is_neither_here_nor_on_the_hub_is_one_line(call, tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    result = call("run", "nano-tiny", "--run-dir", tmp_path / "run", "--set", "model=nobody/nothing-here")
    assert_refused(result, "nobody/nothing-here is not on this machine, and it can't be had from the hub")
    assert "get it first with: hf download nobody/nothing-here" in result[2]


def test_plan_says_what_will_be_computed_in_and_why(call, monkeypatch):
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    chosen = hardware_precision()
    assert f"computing in {chosen.dtype}: {chosen.reason}" in call("plan", "nano")[1]
    assert json.loads(call("plan", "nano", "--json")[1])["dtype"] == {"dtype": chosen.dtype, "reason": chosen.reason}
    assert "computing in bfloat16: set in the config" in call("plan", "nano", "--set", "dtype=bfloat16")[1]


@pytest.mark.parametrize(
    ("prompts", "column", "message"),
    [
        ([], "prompt", "no seeds"),
        (["a"], "title", "no `prompt` column, only title"),
        (["a", "b", "a"], "prompt", "row 3 repeats"),
        (["old " * 600], "prompt", "exceeds the model's context of 512"),
    ],
)
def test_bad_seeds_are_refused_before_anything_starts(call, tmp_path, prompts, column, message):
    seeds = seeds_file(tmp_path, prompts, column)
    assert_refused(call("run", "nano-tiny", "--run-dir", tmp_path / "run", "--seeds", seeds), message)


def test_a_tokenizer_without_chat_template_is_refused(call, tmp_path, model):
    bare = tmp_path / "bare"
    shutil.copytree(model, bare)
    (bare / "chat_template.jinja").unlink()
    assert_refused(
        call("run", "nano-tiny", "--run-dir", tmp_path / "run", "--set", f"model={bare}"), "no chat template"
    )


def test_a_directory_with_broken_weights_is_refused(call, tmp_path, model):
    broken = tmp_path / "broken"
    shutil.copytree(model, broken)
    (broken / "model.safetensors").write_bytes((model / "model.safetensors").read_bytes()[:5000])
    assert_refused(
        call("run", "nano-tiny", "--run-dir", tmp_path / "run", "--set", f"model={broken}"), "can't be loaded"
    )


@pytest.mark.slow
def test_no_room_for_a_checkpoint_is_one_line_and_exit_code_3(tmp_path):
    """A limit on the size of files stands for a full disk: the first checkpoint does not fit."""
    command = [sys.executable, "-m", "seif", "run", "nano-tiny", "--run-dir", str(tmp_path / "run")]
    small = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))}
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, **small)
    assert result.returncode == 3, result.stderr
    assert result.stderr.startswith("error: ")
    assert len(result.stderr.strip().splitlines()) == 1
    assert (tmp_path / "run" / "turn_00" / "evaluation.json").exists()
    assert not (tmp_path / "run" / "turn_01" / "instructor").exists()


def test_a_mistake_does_not_use_up_the_run_directory(call, tmp_path):
    run_dir = tmp_path / "run"
    assert_refused(call("run", "nano-tiny", "--run-dir", run_dir, "--set", "model=docs"), "not a model directory")
    assert not run_dir.exists()


def test_a_directory_with_other_files_keeps_them(call, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    assert_refused(call("run", "nano-tiny", "--run-dir", tmp_path, "--set", "model=docs"), "not a model directory")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_stopped_says_so_and_leaves_nothing_behind(tmp_path, number, code):
    """While two processes train."""
    command = [sys.executable, "-m", "seif", "run", "nano-tiny", "--run-dir", str(tmp_path / "run")]
    for key in ("instructor.train=false", "judger.kind=rules", "evaluation.tasks=6", "devices=2", "follower.steps=50"):
        command += ["--set", key]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 180
    while not list((tmp_path / "run").glob("turn_01/follower.checkpoints/checkpoint-1/complete")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert process.returncode == code
    assert err == f"error: stopped by {number.name}; the same command continues\n"
    assert all_gone(str(tmp_path / "run"), 5)


def test_the_version_is_told(call):
    from seif import __version__

    assert call("--version")[:2] == (0, f"{__version__}\n")


@pytest.mark.slow
def test_help_lists_every_command():
    result = seif("--help")
    assert result.returncode == 0
    for command in (
        "run",
        "plan",
        "status",
        "generate",
        "train",
        "evaluate",
        "report",
        "nano",
        "demo",
        "configs",
        "init",
    ):
        assert command in result.stdout


@pytest.mark.slow
def test_stages_run_by_themselves_on_ones_own_files(tmp_path, model):
    """generate -> train follower -> evaluate, each as its own command on the user's data."""
    seeds = seeds_file(
        tmp_path, [f"Tell me about the {t}." for t in ("river", "cat", "train", "clock", "owl", "lamp", "boat", "bee")]
    )
    settings = [
        "--config",
        "nano-tiny",
        "--set",
        "follower.grpo.prompts_per_step=4",
        "--set",
        "follower.steps=1",
    ]
    pool, out = tmp_path / "pool.parquet", tmp_path / "follower"
    made = seif("generate", "--model", model, "--seeds", seeds, "--out", pool, *settings)
    assert made.returncode == 0, made.stderr
    assert pq.read_schema(pool).names == ["seed_question", "constraint", "prompt", "kwargs", "instruction_id_list"]
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


def test_completion_for_a_shell_that_is_not_known_is_no_broken_pipe(call, monkeypatch):
    monkeypatch.setattr("typer.completion._get_shell_name", lambda: None)
    code, _, err = call("--show-completion")[:3]
    assert (code, "not supported" in err) == (2, True)
