"""The controller's side of a training stage: in this process where one device trains, else as a group of processes.

Nothing of a group outlives the stage: its launcher runs under a guard that ends every process of it, also when this
one is killed.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import torch

from seif.artifacts import Beside
from seif.atomic import read_json
from seif.config import Config
from seif.distributed import worker
from seif.distributed.channel import Channel
from seif.distributed.devices import Group, group_of
from seif.distributed.heartbeat import Watch, read_failures
from seif.distributed.job import Job, Training, role_of, run_training, write_job
from seif.engines.devices import SERVE, visible_devices
from seif.engines.memory import note_peak
from seif.engines.process import ServerProcess
from seif.errors import RunError, SeifError, UsageError
from seif.quantities import quantity
from seif.stage_log import StageLog

if TYPE_CHECKING:
    from seif.distributed.nodes import Nodes

POLL = 0.5
"""Seconds between two looks at the processes."""
_KILLED = re.compile(r"rank\s*:\s*(\d+)[^\n]*\n\s*exitcode\s*:\s*-(\d+)")
_FAILURES = "\nFailures:\n"
"""torchrun's heading over the processes that had failed when it looked. What it then ends itself is not among them."""


class Launcher:
    """Runs the training stages of one config."""

    def __init__(self, config: Config, nodes: Nodes | None = None) -> None:
        """`nodes`: the other machines. Raises UsageError where the config has some and none are given."""
        if config.nodes > 1 and nodes is None:
            raise UsageError(f"nodes: {config.nodes} take part in `seif run` alone; set nodes: 1")
        self.config, self.nodes = config, nodes

    def __call__(self, training: Training, log: StageLog) -> None:
        """Run or resume a stage: its log, its errors and its result are as if it ran in this process.

        Raises what the stage raises; UsageError for devices that are not there or don't divide the batch; RunError
        when a process of a group is killed, hangs, or does not come up.
        """
        group = group_of(self.config, role_of(training), Beside(training.out).checkpoints)
        # Where more devices are visible than train, transformers would spread the model or the batch over all of them.
        alone = group.world == 1 and not self.config.launcher and torch.cuda.device_count() <= 1
        if alone and self.config.sharding == "none" and not self.config.devices.serve:
            run_training(Job(self.config, training), log)
        else:
            _run_group(self.config, training, group, log, self.nodes)


def _run_group(config: Config, training: Training, group: Group, log: StageLog, nodes: Nodes | None) -> None:
    folder = Beside(training.out).processes
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    job, printed = folder / "job.json", folder / "node_0.log"
    write_job(job, Job(config, training, group.world))
    channel = Channel()
    rendezvous = ("127.0.0.1" if nodes is None else master_address(), free_port())
    process = launcher(config, group, 0, rendezvous, job, printed, channel.environment)
    started = False
    try:
        if nodes is not None:
            nodes.start(job, group, rendezvous)
        process.start()
        started = True
        _follow(config, group, folder, process, channel, log, nodes)
    except BaseException:
        if started:
            process.kill()
        raise
    finally:
        process.stop()
        channel.close()
        if nodes is not None:
            nodes.finish()
    note_peak(read_json(worker.peak_file(folder)))
    shutil.rmtree(folder, ignore_errors=True)


def _follow(
    config: Config,
    group: Group,
    folder: Path,
    process: ServerProcess,
    channel: Channel,
    log: StageLog,
    nodes: Nodes | None,
) -> None:
    """Pass the group's log on until it ends. Raises what ended it."""
    watch = Watch(worker.beat_file(folder, rank) for rank in range(group.world))
    progress = time.monotonic()
    while True:
        if channel.deliver(log, POLL):
            progress = time.monotonic()
            continue
        status = process.ended()
        if status == 0:
            return
        if status is not None:
            raise _failure(group, folder, process)
        watch.look()
        now = time.monotonic()
        if watch.missing(config.join_timeout):
            raise _died(group, folder, f"did not come up within {config.join_timeout:g} s (join_timeout)")
        if watch.silent():
            names = ", ".join(path.stem.removeprefix("beat_") for path in watch.silent())
            raise _died(group, folder, f"hang: no sign of life from process {names}")
        if now - progress > config.step_timeout:
            raise _died(group, folder, f"hang: no step for {config.step_timeout:g} s (step_timeout)")
        if nodes is not None and (lost := nodes.lost()) is not None:
            raise _explained(group, folder) or RunError(f"{lost}; the same command resumes")


def _explained(group: Group, folder: Path) -> SeifError | None:
    """What the processes themselves said, the likeliest cause first."""
    found = read_failures(worker.failure_file(folder, rank) for rank in range(group.world))
    if not found:
        return None
    cause = found[0]
    if cause.usage:
        return UsageError(cause.text)
    hint = "" if cause.deliberate else f"; its output: {folder}; the same command resumes"
    return RunError(f"{cause.text}{hint}")


def _failure(group: Group, folder: Path, process: ServerProcess) -> SeifError:
    """Why a group ended, from what its processes left and what its launcher printed."""
    explained = _explained(group, folder)
    # Where one was killed, the others only report that it is gone, and may be found first.
    printed = process.log.read_text(encoding="utf-8", errors="replace")
    killed = _KILLED.search(printed.rpartition(_FAILURES)[2]) if _FAILURES in printed else None
    if killed and not (explained and explained.exit_code == UsageError.exit_code):
        rank, signal = killed.groups()
        return _died(group, folder, f"process {rank} was killed (signal {signal})")
    return explained or _died(group, folder, f"the launcher ended: {process.last_error()}")


def _died(group: Group, folder: Path, what: str) -> RunError:
    processes = quantity(group.world, "training process", "training processes")
    return RunError(f"the {processes} {what}; their output: {folder}; the same command resumes")


def launcher(
    config: Config,
    group: Group,
    node: int,
    rendezvous: tuple[str, int],
    job: Path,
    log: Path,
    more: Mapping[str, str] = MappingProxyType({}),
) -> ServerProcess:
    """What starts the processes of one node, itself still to be started. `rendezvous`: address and port of node 0;
    `more`: added to the processes' environment."""
    env = {**environment(config, group), **more}
    if config.launcher:
        # It may start processes on other machines, which lack a directory of ours for temporary files.
        return ServerProcess([*config.launcher, "-m", worker.__name__, str(job)], env, log, own_tmp=False)
    address, port = rendezvous
    where = ["--nnodes", str(group.nodes), "--node-rank", str(node)]
    where += ["--master-addr", address, "--master-port", str(port)]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(group.per_node)]
    return ServerProcess([*torchrun, *where, "-m", worker.__name__, str(job)], env, log)


def environment(config: Config, group: Group) -> dict[str, str]:
    """The environment of a node's processes; it inherits ours."""
    own: dict[str, str] = {}
    if torch.cuda.is_available():
        there, apart = visible_devices(), config.devices.serve
        own["CUDA_VISIBLE_DEVICES"] = ",".join(there[: group.per_node])
        own[SERVE] = ",".join(there[len(there) - apart :])
    else:
        # With an index, as accelerate has it by itself, torch can't load the optimizer's state.
        own |= {"ACCELERATE_USE_CPU": "true", "ACCELERATE_TORCH_DEVICE": "cpu"}
    # torchrun would give each process a single thread.
    own["OMP_NUM_THREADS"] = os.environ.get("OMP_NUM_THREADS") or str(max(1, (os.cpu_count() or 1) // group.per_node))
    if config.sharding == "fsdp2":
        own |= {
            "ACCELERATE_USE_FSDP": "true",
            "FSDP_VERSION": "2",
            "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP",
            "FSDP_STATE_DICT_TYPE": "FULL_STATE_DICT",
            "FSDP_RESHARD_AFTER_FORWARD": "true",
            "FSDP_CPU_RAM_EFFICIENT_LOADING": "false",
        }
    return {**os.environ, **own}


def master_address() -> str:
    """Where other nodes reach this one: SEIF_MASTER_ADDR, or the host's name."""
    if chosen := os.environ.get("SEIF_MASTER_ADDR"):
        return chosen
    name = socket.gethostname()
    try:
        socket.getaddrinfo(name, None)
    except OSError:
        return "127.0.0.1"
    return name


def free_port() -> int:
    """A port that nobody listens at now."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])
