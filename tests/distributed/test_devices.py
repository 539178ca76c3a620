"""How many processes a stage gets, before anything is spent."""

import json

import pytest
import torch

from seif import load_config
from seif.distributed import devices
from seif.distributed.devices import Group, check_devices, group_of
from seif.errors import UsageError


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
    monkeypatch.setattr(devices.os, "cpu_count", lambda: 16)
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
