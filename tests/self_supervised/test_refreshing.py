"""The loop with a classifier as its Judger, for real, once undisturbed and once killed in every new stage."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pyarrow.parquet as pq
import pytest
from safetensors.torch import load_file

from seif.artifacts import RunDir
from seif.atomic import read_json
from seif.self_supervised.pseudo_labels import read_pairs
from support import NANO, ROOT, seif

CONFIG = "nano-self-supervised"
SMALL = (
    "evaluation.tasks=20",
    "instructor.steps=1",
    "follower.steps=3",
    "instructor.grpo.prompts_per_step=4",
    "follower.grpo.prompts_per_step=4",
    "follower.grpo.save_every=1",
    "self_supervised.reward_model.epochs=2",
    "self_supervised.general.share=0.25",
    "self_supervised.curriculum=in_order",
)


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    file = tmp_path_factory.mktemp("seeds") / "seeds.parquet"
    pq.write_table(pq.read_table(NANO / "data" / "seeds.parquet").slice(0, 32), file)
    return file


def command(seeds, root, *settings):
    return (
        "run",
        CONFIG,
        "--seeds",
        str(seeds),
        "--run-dir",
        str(root),
        *(part for s in (*SMALL, *settings) for part in ("--set", s)),
    )


def outcome(root):
    run = RunDir(root)
    evaluation = read_json(run.evaluation(1))
    evaluation.pop("seconds")
    return run.metrics.read(), read_pairs(run.pseudo_labels(1)), read_json(run.reward_model_numbers(1)), evaluation


@pytest.mark.slow
def test_a_kill_in_each_new_stage_changes_nothing(tmp_path, seeds):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    result = seif(*command(seeds, whole))
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    run = RunDir(whole)
    assert "pseudo-label" in result.stdout
    assert "held-out accuracy" in result.stdout
    assert not run.reward_model(0).exists(), "nobody asks for one in turn 0"
    steps = [m for m in run.metrics.read() if m["stage"] == "train_follower"]
    assert [m["level"] for m in steps] == sorted(m["level"] for m in steps)
    assert steps[0]["level"] < 2 <= steps[-1]["level"]
    assert all(0 <= m["general"] <= 1 for m in steps)
    assert read_json(run.evaluation(1))["general"]["n"] == 46
    assert set(read_json(run.evaluation(1))["judger"]["per_type"]) <= set(run.config().self_supervised.soft_types)
    assert any("soft_scores" in r for r in run.rollouts(1, "train_follower").read())
    assert "The reward model" in run.report.read_text()
    kills = 0
    for milestone in (
        "pseudo_labels.parquet.chunks",
        "reward_model.checkpoints/checkpoint-*",
        "follower.checkpoints/checkpoint-*",
    ):
        process = subprocess.Popen(
            [sys.executable, "-m", "seif", *command(seeds, cut)],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        while process.poll() is None and not any((cut / "turn_01").glob(milestone)):
            time.sleep(0.01)
        process.kill()
        kills += process.wait() == -signal.SIGKILL
    assert kills == 3
    assert seif(*command(seeds, cut)).returncode == 0
    assert outcome(cut) == outcome(whole)
    a, b = (load_file(root / "turn_01" / "follower" / "adapter_model.safetensors") for root in (whole, cut))
    assert all(bool((a[k] == b[k]).all()) for k in a)


@pytest.mark.slow
def test_the_reward_model_is_refreshed_in_the_self_evolving_loop(tmp_path, seeds):
    """No rule judges; the Instructor of turn 1 is judged by the reward model of turn 0, the Follower by that of turn
    1."""
    root = tmp_path / "run"
    result = seif(
        *command(seeds, root, "instructor.train=true", "judger.kind=classifier", "self_supervised.soft_types=[]")
    )
    assert result.returncode == 0, result.stderr
    run = RunDir(root)
    done = [(e["turn"], e["stage"]) for e in run.events.read() if e["event"] == "stage_finished"]
    expected = [(0, "train_reward_model"), (1, "train_instructor"), (1, "train_reward_model"), (1, "train_follower")]
    assert [stage for stage in done if stage in expected] == expected
    kinds = {p.instruction_id for p in read_pairs(run.pseudo_labels(1))}
    assert len(kinds) > 6, "without rules every constraint is soft"
    assert {p.model for p in read_pairs(run.pseudo_labels(1))} == {str(NANO / "model")}
    assert json.loads(seif("status", root, "--json").stdout)["turns"][0]["judger"]["n"] > 0
