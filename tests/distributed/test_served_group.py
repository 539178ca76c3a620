"""Rollouts from one vLLM server for two processes, out of the environment that `make test-vllm` makes."""

import json
from pathlib import Path

import pytest
from groups import SHARDED, furthest, train

from seif.config_file import load_config
from seif.training.served import FLOAT32_BOUND
from support import ROOT

pytestmark = pytest.mark.vllm
PYTHON = f"engine.vllm.python={ROOT}/.venv-vllm/bin/python"


@pytest.fixture(scope="module")
def served():
    vllm = load_config(Path("nano-vllm-lora"), [PYTHON]).engine.vllm.model_dump(mode="json", exclude_defaults=True)
    engine = {"kind": "vllm", "dtype": "float32", "vllm": vllm}
    return (
        f"engine={json.dumps(engine)}",
        "follower.grpo.sampler=served",
        "follower.grpo.learning_rate=2e-3",
        "lora.r=4",
    )


def test_two_processes_that_shard_a_model_are_served_the_rollouts_of_one(tmp_path, served):
    one, alone = train(tmp_path / "one", *served, "devices=1")
    two, together = train(tmp_path / "two", *served, "devices=2", *SHARDED)
    assert [records for *_, records in two.steps] == [records for *_, records in one.steps]
    for number, metrics, _ in two.steps:
        assert metrics["sampling/sampling_logp_difference/max"] < FLOAT32_BOUND
        assert number == 1 or metrics["sampling/update_seen"] > 0.95
    assert furthest(alone, together) < 2e-4
