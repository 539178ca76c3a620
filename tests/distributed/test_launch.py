"""Training by two processes on this machine, for real: gloo, torchrun, FSDP2."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from groups import HERE, SETTINGS, SHARDED, furthest, instructions, pid_of, train

from seif.artifacts import Beside
from seif.distributed import launch, worker
from seif.distributed.devices import Group
from seif.distributed.heartbeat import Failure, write_failure
from seif.errors import RunError, UsageError
from support import RecordingLog, all_gone, processes_about

pytestmark = pytest.mark.slow
KINDS = {"ddp": (), "fsdp2": SHARDED, "fsdp2, lora": ("lora.r=4", *SHARDED)}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The log and the weights of a training that nothing disturbs, by kind and number of processes; each once."""
    found = {}

    def get(kind, devices):
        # One process never shards.
        settings = tuple(s for s in KINDS[kind] if devices > 1 or s not in SHARDED)
        key = (settings, devices)
        if key not in found:
            folder, noted, before = tmp_path_factory.mktemp("undisturbed") / "follower", [], sum(os.times()[2:4])
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(launch, "note_peak", noted.append)
                found[key] = train(folder, f"devices={devices}", *settings)
            if devices > 1:
                # The memory and the time of the processes: torch and a small model, imported twice.
                assert 2e8 < noted[0] < 4e9
                assert sum(os.times()[2:4]) - before > 3
            assert not Beside(folder).processes.exists()
        return found[key]

    return get


@pytest.mark.parametrize("kind", KINDS)
def test_two_processes_make_the_update_of_one(undisturbed, kind):
    (one, alone), (two, together) = undisturbed(kind, 1), undisturbed(kind, 2)
    assert [step for step, *_ in two.steps] == [1, 2, 3]
    for (_, ours, _), (_, theirs, _) in zip(one.steps, two.steps, strict=True):
        for key in ("loss", "grad_norm", "reward", "completions/mean_length"):
            assert theirs[key] == pytest.approx(ours[key], rel=1e-4, abs=1e-6), key
    assert [records for *_, records in two.steps] == [records for *_, records in one.steps]
    assert furthest(alone, together) < 2e-5


class Disturbing(RecordingLog):
    """Disturbs the group when it has logged its second step: its first checkpoint is whole then."""

    def __init__(self, disturb):
        super().__init__()
        self.disturb = disturb

    def step(self, step, metrics, records=(), checks=None, outcomes=()):
        super().step(step, metrics, records, checks, outcomes)
        if step == 2:
            self.began = time.monotonic()
            self.disturb()


@pytest.mark.parametrize("kind", ["fsdp2, lora"])
def test_a_killed_process_ends_the_group_and_the_same_call_resumes_bit_for_bit(tmp_path, undisturbed, kind):
    out = tmp_path / "follower"
    log = Disturbing(lambda: os.kill(pid_of(out, 1), signal.SIGKILL))
    with pytest.raises(RunError, match=r"process 1 was killed \(signal 9\).*the same command resumes"):
        train(out, "devices=2", *KINDS[kind], log=log)
    assert time.monotonic() - log.began < 30
    assert all_gone(str(out), 1)
    assert not out.exists()
    with pytest.raises(UsageError, match="was begun by 2 processes and this is 1 process; set devices"):
        train(out, "devices=1", *(k for k in KINDS[kind] if not k.startswith("sharding")))
    resumed, weights = train(out, "devices=2", *KINDS[kind])
    assert resumed.resumed_at == 1
    undisturbed_log, expected = undisturbed(kind, 2)
    assert resumed.steps == undisturbed_log.steps[1:]
    assert furthest(weights, expected) == 0


PRINTED = """worker FAILED
------------------------------------------------------------
Failures:
{other}
------------------------------------------------------------
Root Cause (first observed failure):
{root}
============================================================
"""
FAILED = "[{i}]:\n  host      : here\n  rank      : {i} (local_rank: {i})\n  exitcode  : {code} (pid: 7)\n"


@pytest.mark.parametrize("first", ["killed", "other"])
def test_the_killed_process_is_named_also_where_another_was_seen_to_fail_first(first, tmp_path):
    killed, other = FAILED.format(i=1, code=-9), FAILED.format(i=0, code=1)
    root, rest = (killed, other) if first == "killed" else (other, killed)
    log = tmp_path / "node_0.log"
    log.write_text(PRINTED.format(root=root, other=rest), encoding="utf-8")
    write_failure(worker.failure_file(tmp_path, 0), Failure(False, "process 0 failed: connection reset", 1.0, False))
    error = launch._failure(Group(2), tmp_path, SimpleNamespace(log=log))
    assert "process 1 was killed (signal 9)" in str(error)


def test_a_process_that_hangs_ends_the_group(tmp_path):
    out = tmp_path / "follower"
    log = Disturbing(lambda: os.kill(pid_of(out, 1), signal.SIGSTOP))
    with pytest.raises(RunError, match=r"hang: no sign of life from process 1.*the same command resumes"):
        train(out, "devices=2", log=log)
    assert time.monotonic() - log.began < 30
    assert all_gone(str(out), 1)


def test_a_process_without_memory_says_so(tmp_path):
    out = tmp_path / "follower"
    with pytest.raises(RunError, match="process 1 is out of GPU memory; lower micro_batch"):
        train(out, "devices=2", f"plugins=[{HERE / 'out_of_memory.py'}]")
    assert all_gone(str(out), 1)
    assert "Tried to allocate" in (Beside(out).processes / "node_0.log").read_text()


def test_an_error_of_one_process_is_an_error_of_the_call(tmp_path):
    out = tmp_path / "follower"
    with pytest.raises(UsageError, match=r"every instruction of .* is longer than max_prompt_tokens=4"):
        train(out, "devices=2", "follower.grpo.max_prompt_tokens=4")


def test_nothing_is_left_of_a_controller_that_is_killed(tmp_path):
    out = tmp_path / "follower"
    command = [sys.executable, "-m", "seif", "train", "follower", "--config", "nano-tiny", "--out", str(out)]
    command += ["--model", str(Path("src/seif/nano/model").absolute()), "--instructions", str(instructions(tmp_path))]
    for key in (*SETTINGS, "devices=2", "follower.steps=50"):
        command += ["--set", key]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as controller:
        deadline = time.monotonic() + 120
        while not list(Beside(out).checkpoints.glob("checkpoint-*/complete")):
            assert time.monotonic() < deadline
            assert controller.poll() is None
            time.sleep(0.2)
        assert len(processes_about(str(Beside(out).processes))) >= 3  # the launcher and two processes
        controller.kill()
    assert all_gone(str(Beside(out).processes), 30)


def test_a_launcher_of_ones_own(tmp_path, undisturbed):
    torchrun = str(Path(sys.executable).with_name("torchrun"))
    _, weights = train(tmp_path / "follower", "devices=2", f"launcher=[{torchrun}, --nproc-per-node=2]")
    assert furthest(weights, undisturbed("ddp", 2)[1]) == 0
    with pytest.raises(UsageError, match=r"the launcher.s world size is 1, and devices x nodes are 2"):
        train(tmp_path / "other", "devices=2", f"launcher=[{torchrun}, --nproc-per-node=1]")
