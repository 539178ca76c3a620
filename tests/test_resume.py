"""A whole run for real, once undisturbed and once killed again and again."""

import html
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pyarrow.parquet as pq
import pytest

from faults.outcome import differences, outcome
from seif.artifacts import RunDir
from support import NANO, ROOT, seif

CONFIG = "nano-tiny"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    root = tmp_path_factory.mktemp("undisturbed") / "run"
    result = seif("run", CONFIG, "--run-dir", root)
    assert result.returncode == 0, result.stderr
    return root, result


@pytest.mark.slow
def test_a_run_leaves_what_it_promises(undisturbed):
    root, result = undisturbed
    assert "report:" in result.stdout
    assert "step 3/3" in result.stdout
    assert "left" in result.stdout
    assert result.stderr == ""
    status = json.loads(seif("status", root, "--json").stdout)
    assert status["state"] == "finished"
    assert [t["turn"] for t in status["turns"]] == [0, 1]
    (tokens,) = status["tokens"]
    assert tokens.keys() == {"turn", "instructor", "filter", "answerer", "judger", "follower"}
    assert all(tokens.values())
    last = status["turns"][1]
    assert set(last["held_out"]["greedy"]["instruction_accuracy"]) == {"1", "2", "3", "4"}
    assert {"mean", "verifier_mean", "balanced_accuracy", "per_type"} <= set(last["judger"])
    assert {"parsable", "conflict_share", "pool_conflict_share", "top_type_share", "type_entropy"} <= set(
        last["instructor"]
    )
    page = (root / "report.html").read_text()
    assert "<svg" in page
    assert not list(root.rglob("*.partial")) + list(root.rglob("*.checkpoints")) + list(root.rglob("*.parts"))


@pytest.mark.slow
def test_a_run_of_adapters_is_resumed_and_can_be_used(tmp_path):
    """The second turn continues the adapters of the first and gets instructions of it again; a kill in its midst
    changes nothing."""
    seeds = tmp_path / "seeds.parquet"
    pq.write_table(pq.read_table(NANO / "data" / "seeds.parquet").slice(0, 24), seeds)
    small = (
        "lora.r=4 turns=2 evaluation.tasks=20 instructor.steps=1 follower.steps=2 "
        "follower.reward=all_or_nothing follower.replay=0.25 follower.hindsight=true "
        "instructor.grpo.prompts_per_step=4 follower.grpo.prompts_per_step=4"
    )
    settings = [part for setting in small.split() for part in ("--set", setting)]
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    result = seif("run", CONFIG, "--seeds", seeds, "--run-dir", whole, *settings)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    command = [sys.executable, "-m", "seif", "run", CONFIG, "--seeds", str(seeds), "--run-dir", str(cut), *settings]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while process.poll() is None and not (cut / "turn_02/follower.checkpoints/checkpoint-1/complete").exists():
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL, process.stderr.read()
    assert seif("run", CONFIG, "--seeds", seeds, "--run-dir", cut, *settings).returncode == 0
    assert differences(outcome(whole), outcome(cut)) == []
    for turn, shares in ((1, {}), (2, {"replayed": 0.25, "relabelled": 0.25})):
        *_, step = [s for s in RunDir(cut).steps() if (s.turn, s.stage) == (turn, "train_follower")]
        assert {key: value for key, value in step.metrics.items() if key in ("replayed", "relabelled")} == shares
    last = whole / "turn_02" / "follower"
    assert json.loads((last / "adapter_config.json").read_text())["base_model_name_or_path"] == str(NANO / "model")
    assert not (last / "model.safetensors").exists()
    measured = seif("evaluate", last, "--config", CONFIG, "--set", "evaluation.tasks=20", "--json")
    assert json.loads(measured.stdout)["held_out"] == json.loads(RunDir(whole).evaluation(2).read_text())["held_out"]


@pytest.mark.slow
def test_the_same_command_again_does_nothing(undisturbed):
    root, _ = undisturbed
    before = outcome(root)
    again = seif("run", CONFIG, "--run-dir", root)
    assert again.returncode == 0
    assert again.stdout.count("already done") == 6
    assert outcome(root) == before


@pytest.mark.slow
def test_a_run_goes_on_in_the_type_it_began_with(undisturbed, tmp_path):
    root, result = undisturbed
    manifest = json.loads((root / "manifest.json").read_text())
    began = manifest["dtype"]["dtype"]
    assert result.stdout.startswith(f"computing in {began}: {manifest['dtype']['reason']}\n")
    assert manifest["dtype"]["reason"] in html.unescape((root / "report.html").read_text())
    other = {"bfloat16": "float32", "float32": "bfloat16"}[began]
    copy = shutil.copytree(root, tmp_path / "copy")
    (copy / "manifest.json").write_text(
        json.dumps({**manifest, "dtype": {"dtype": other, "reason": "another machine"}})
    )
    # They would say that the manifest is not as it was written.
    (copy / "checksums.json").unlink()
    again = seif("run", CONFIG, "--run-dir", copy)
    assert again.returncode == 0, again.stderr
    assert f"computing in {other}: the run began with it" in again.stdout
    assert json.loads((copy / "manifest.json").read_text())["dtype"]["reason"] == "another machine"


@pytest.mark.slow
def test_another_config_is_refused(undisturbed):
    root, _ = undisturbed
    result = seif("run", CONFIG, "--run-dir", root, "--set", "seed=5", "--set", "follower.grpo.kl=0.2")
    assert result.returncode == 2
    assert "follower.grpo.kl, seed" in result.stderr


@pytest.mark.slow
def test_kill_9_again_and_again_changes_nothing(undisturbed, tmp_path):
    root, kills, rng = tmp_path / "run", 0, random.Random(0)
    command = [sys.executable, "-m", "seif", "run", CONFIG, "--run-dir", str(root)]
    stages = (
        "turn_00/instructions.parquet.parts/written_1.jsonl",
        "turn_00/evaluation.json.parts/verdicts.jsonl",
        "turn_01/instructor.checkpoints/checkpoint-1",
        "turn_01/follower.checkpoints/checkpoint-2",
    )
    for milestone in stages:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        while process.poll() is None and not (root / milestone).exists():
            time.sleep(0.05)
        # Soon after the first answers of a stage, and somewhere within a training.
        time.sleep(rng.uniform(0, 0.1 if ".parts" in milestone else 1.0))
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
        process.wait()
        assert process.returncode in (0, -signal.SIGKILL), process.stderr.read()
    assert kills >= 3
    with RunDir(root).metrics.path.open("a") as file:
        file.write('{"turn": 1, "stage": "train_fol')
    result = seif("run", CONFIG, "--run-dir", root)
    assert result.returncode == 0, result.stderr
    whole, _ = undisturbed
    assert differences(outcome(whole), outcome(root)) == []
