"""How many processes a stage gets, before anything is spent."""

import json
import os

import pytest
import torch

from seif import load_config
from seif.distributed import launch
from seif.distributed.devices import Group, check_devices, group_of
from seif.distributed.launch import Launcher, environment
from seif.errors import UsageError
from seif.models import JudgeWeights
from seif.stages import FollowerTraining
from support import RecordingLog


def config(*overrides):
    return load_config("nano-tiny", overrides)


@pytest.fixture
def gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 8)


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ((), Group(8)),
        (("devices=4",), Group(4)),
        (("devices=4", "nodes=2"), Group(4, 2)),
        (("devices.serve=2",), Group(5)),
        (("devices={train: 4, follower: 2}",), Group(2)),
        (("nodes=4",), Group(5, 4)),
    ],
)
def test_a_group_has_as_many_processes_as_divide_its_batch(gpus, overrides, expected):
    """16 prompts with 5 answers each are 80 rows."""
    assert group_of(config(*overrides), "follower") == expected


def test_a_role_may_have_a_number_of_its_own(gpus):
    found = config("devices={train: 4, follower: 2}")
    assert (group_of(found, "instructor").world, group_of(found, "follower").world) == (4, 2)


def test_one_process_uses_a_cpu_as_well_as_many(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    assert group_of(config(), "follower").world == 1
    assert group_of(config("devices=8"), "follower").world == 8


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("devices=16",), r"devices: 16 for the Follower, and there are 8 GPUs; set it to 8 or fewer"),
        (("devices={train: 8, serve: 2}",), r"there are 8 GPUs, of which 2 serve; set it to 6 or fewer"),
        (("devices.serve=8",), r"devices.serve: 8 leaves none of 8 GPUs to train; set it below 8"),
        (("devices=3",), r"3 devices do not divide the 80 rows of an update of the Follower; set devices to 2 or 4"),
        (("devices=7", "nodes=2"), r"7 devices on each of 2 nodes do not divide .* set devices to 5 or 8"),
    ],
)
def test_devices_that_can_not_be_used_are_one_line_with_the_fix(gpus, overrides, message):
    with pytest.raises(UsageError, match=message):
        check_devices(config(*overrides))


def test_unfinished_work_keeps_its_number_of_processes(gpus, tmp_path):
    (tmp_path / "job.json").write_text(json.dumps({"job": "x", "dtype": "float32", "processes": 4}))
    assert group_of(config(), "follower", tmp_path) == Group(4)
    assert group_of(config("nodes=2"), "follower", tmp_path) == Group(2, 2)
    assert group_of(config("devices=8"), "follower", tmp_path) == Group(8)


def test_a_launcher_that_is_not_there_is_one_line():
    with pytest.raises(UsageError, match="launcher: there is no command 'torchrum'; give its path"):
        check_devices(config("launcher=[torchrum, --nproc-per-node=2]"))


def test_only_a_whole_run_has_several_nodes():
    with pytest.raises(UsageError, match="nodes: 2 take part in `seif run` alone; set nodes: 1"):
        Launcher(config("nodes=2"))


@pytest.mark.parametrize(
    ("overrides", "trains", "serves"),
    [
        (("devices={train: 5, serve: 2}",), "0,1,2,3,4", "6,7"),
        (("devices=4",), "0,1,2,3", ""),
    ],
)
def test_what_trains_and_what_serves_see_their_own_devices(gpus, monkeypatch, overrides, trains, serves):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    found = environment(config(*overrides), group_of(config(*overrides), "follower"))
    assert (found["CUDA_VISIBLE_DEVICES"], found["SEIF_SERVE_DEVICES"]) == (trains, serves)


def test_the_devices_that_the_scheduler_gave_are_the_ones_that_are_used(gpus, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5,6,7")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    found = environment(config("devices={train: 2, serve: 1}"), Group(2))
    assert (found["CUDA_VISIBLE_DEVICES"], found["SEIF_SERVE_DEVICES"]) == ("3,5", "7")


@pytest.mark.parametrize(("visible", "where"), [(0, "here"), (1, "here"), (2, "a group")])
def test_one_device_among_several_gets_a_process_that_sees_no_other(tmp_path, monkeypatch, visible, where):
    """Else transformers would spread the model, or the batch, over all that it sees."""
    began = []
    monkeypatch.setattr(launch, "run_training", lambda *_: began.append("here"))
    monkeypatch.setattr(launch, "_run_group", lambda *_: began.append("a group"))
    monkeypatch.setattr("torch.cuda.device_count", lambda: visible)
    settings = load_config("nano-tiny", ["devices=1"])
    training = FollowerTraining(1, settings.model, JudgeWeights(settings.model), tmp_path / "none", tmp_path / "out")
    launch.Launcher(settings)(training, RecordingLog())
    assert began == [where]
