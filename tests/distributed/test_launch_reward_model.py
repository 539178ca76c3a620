"""A reward model trained by two processes, whole and sharded."""

import json

import pytest
from easy_pairs import easy_pairs
from groups import SHARDED, furthest
from safetensors.torch import load_file

from seif import load_config
from seif.distributed.launch import Launcher
from seif.extensions import load_extensions
from seif.self_supervised.pseudo_labels import write_pairs
from seif.stages import RewardModelTraining
from support import RecordingLog

SETTINGS = (
    "dtype=float32",
    "self_supervised.reward_model={learning_rate: 1.0e-3, epochs: 2, batch_size: 8, micro_batch: 4, "
    "eval_share: 0.25, gradient_checkpointing: false}",
)


def train(folder, *overrides):
    """(steps, weights, numbers)"""
    folder.mkdir()
    labels, out, numbers = folder / "labels.parquet", folder / "reward_model", folder / "reward_model.json"
    write_pairs(labels, easy_pairs())
    config = load_extensions(load_config("nano-tiny", [*SETTINGS, *overrides]))
    log = RecordingLog()
    Launcher(config)(RewardModelTraining(1, labels, out, numbers), log)
    return log.steps, load_file(out / "model.safetensors"), json.loads(numbers.read_text())


@pytest.mark.slow
@pytest.mark.parametrize("kind", [(), SHARDED])
def test_two_processes_train_the_classifier_of_one(tmp_path, kind):
    """Pairs of the last, incomplete update of an epoch apart: 72 pairs are nine whole ones."""
    one, alone, numbers = train(tmp_path / "one", "devices=1")
    two, together, the_same = train(tmp_path / "two", "devices=2", *kind)
    assert [step for step, *_ in one] == [step for step, *_ in two]
    for (_, ours, _), (_, theirs, _) in zip(one, two, strict=True):
        assert theirs == pytest.approx(ours, rel=1e-3, abs=1e-5)
    assert furthest(alone, together) < 1e-4
    assert the_same["against_labels"] == numbers["against_labels"]
    assert the_same["temperature"] == pytest.approx(numbers["temperature"], rel=1e-2)
