"""How further machines join a run: each runs the same command, and all see the run directory.

Node 0 is the controller; the others start their part of each training group and otherwise wait. They speak through
small files in the run directory, so nothing else than the shared file system has to be set up:

    nodes/controller.json   node 0: which session this is, and whether it has ended
    nodes/node_1.json       node 1: that it has joined this session, with what, and whether its part has failed
    nodes/job.json          the training group that runs now
    nodes/*.beat.json       who lives
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from seif import __version__
from seif.artifacts import RunDir
from seif.atomic import replace_text
from seif.config import Config
from seif.distributed.devices import Group
from seif.distributed.heartbeat import SILENT, Heartbeat, Watch, read_beat
from seif.distributed.launch import launcher
from seif.engines.devices import device_count
from seif.engines.process import ServerProcess
from seif.errors import RunError, SeifError, UsageError
from seif.manifest import COMPARED
from seif.quantities import quantity

POLL = 0.5
"""Seconds between two looks at the files."""
_RANKS = ("SEIF_NODE_RANK", "SLURM_NODEID", "NODE_RANK")
"""Environment variables that give a machine's number, the first one that is set."""
_COUNTS = ("SLURM_JOB_NUM_NODES", "SLURM_NNODES")
T = TypeVar("T")


@dataclass(frozen=True)
class Controller:
    """What node 0 says."""

    session: str
    """Of this `seif run`; another one has another."""
    ended: int | None = None
    """Its exit status, once it has ended."""
    text: str = ""
    """Why, in one line."""


@dataclass(frozen=True)
class Joined:
    """What another node says."""

    session: str
    versions: Mapping[str, str]
    devices: int
    failed: str = ""
    """What became of its part of a group, in one line."""


@dataclass(frozen=True)
class Part:
    """A training group that runs now."""

    number: int
    session: str
    job: Path
    per_node: int
    nodes: int
    address: str
    port: int


def node_rank(config: Config) -> int:
    """Which of the run's nodes this machine is, from 0.

    Raises UsageError where `nodes` are several and nothing says which this one is, or SLURM counts them otherwise.
    """
    if config.nodes == 1:
        return 0
    counts = [name for name in _COUNTS if os.environ.get(name)]
    if counts and int(os.environ[counts[0]]) != config.nodes:
        raise UsageError(
            f"nodes: {config.nodes}, and SLURM gives {os.environ[counts[0]]}; set nodes to that, or sbatch --nodes"
        )
    if int(os.environ.get("SLURM_NTASKS_PER_NODE", "1").partition("(")[0]) > 1:
        raise UsageError("start one seif on each node: srun --ntasks-per-node=1 seif run ...")
    for name in _RANKS:
        if (value := os.environ.get(name)) is not None:
            if value.isdigit() and int(value) < config.nodes:
                return int(value)
            raise UsageError(f"{name}={value} is no number of a node; they are 0 to {config.nodes - 1}")
    raise UsageError(
        f"nodes: {config.nodes}, and nothing says which this one is: start it with srun, or set {_RANKS[0]}, "
        f"from 0 on the first node to {config.nodes - 1} on the last"
    )


class Nodes:
    """The other nodes, as node 0 sees them."""

    def __init__(self, config: Config, folder: Path) -> None:
        self.config, self.folder = config, folder
        self.session = secrets.token_hex(8)
        self._watch = Watch(_beat(folder, node) for node in range(1, config.nodes))
        self._started = 0

    def wait(self) -> None:
        """Until all have joined. Raises UsageError when one does not, or has other versions or too few devices."""
        deadline = time.monotonic() + self.config.join_timeout
        waiting = list(range(1, self.config.nodes))
        while waiting:
            waiting = [node for node in waiting if self._joined(node) is None]
            if waiting and time.monotonic() > deadline:
                raise UsageError(
                    f"node {waiting[0]} did not join within {self.config.join_timeout:g} s (join_timeout); run the "
                    f"same command there, where {self.folder.parent} must be the same directory as here"
                )
            time.sleep(0.0 if not waiting else POLL)
        for node in range(1, self.config.nodes):
            joined = self._joined(node)
            assert joined is not None
            _check_same(joined, node)

    def start(self, job: Path, group: Group, rendezvous: tuple[str, int]) -> None:
        """Let every node start its part of a group."""
        self._started += 1
        address, port = rendezvous
        part = Part(self._started, self.session, job, group.per_node, group.nodes, address, port)
        replace_text(self.folder / "job.json", TypeAdapter(Part).dump_json(part).decode())

    def finish(self) -> None:
        """The group has ended: the nodes end what is left of it."""
        (self.folder / "job.json").unlink(missing_ok=True)

    def lost(self) -> str | None:
        """What has become of a node that can't go on, in one line; None while all are well."""
        self._watch.look()
        for node in range(1, self.config.nodes):
            joined = self._joined(node)
            if joined is not None and joined.failed:
                return f"node {node}: {joined.failed}"
        for path in self._watch.silent():
            return f"node {path.name.partition('.')[0].rpartition('_')[2]} gives no sign of life"
        return None

    def _joined(self, node: int) -> Joined | None:
        found = _read(self.folder / f"node_{node}.json", Joined)
        return found if found is not None and found.session == self.session else None


@contextmanager
def controlling(config: Config, run_dir: RunDir) -> Iterator[Nodes | None]:
    """As node 0: the others, once all have joined; None where this machine is the only one.

    When the block ends, they hear how. Raises as `Nodes.wait` does.
    """
    if config.nodes == 1:
        yield None
        return
    folder = run_dir.nodes
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    nodes = Nodes(config, folder)
    heartbeat = Heartbeat(_beat(folder, 0))
    heartbeat.start()

    def say(controller: Controller) -> None:
        replace_text(folder / "controller.json", TypeAdapter(Controller).dump_json(controller).decode())

    try:
        say(Controller(nodes.session))
        nodes.wait()
        yield nodes
    except SeifError as error:
        say(Controller(nodes.session, error.exit_code, str(error)))
        raise
    except BaseException:
        say(Controller(nodes.session, RunError.exit_code, "node 0 was stopped; the same command resumes"))
        raise
    else:
        say(Controller(nodes.session, 0))
    finally:
        heartbeat.stop()


def join(config: Config, run_dir: RunDir, node: int) -> None:
    """As another node: take part in every training group of the run, until it ends.

    Raises what ended node 0; RunError when node 0 gives no sign of life, UsageError when none is there.
    """
    folder = run_dir.nodes
    controller = _find_controller(config, folder, node)
    beat = Heartbeat(_beat(folder, node))
    beat.start()
    own = Joined(controller.session, _versions(), device_count())
    member = _Member(config, folder, node, own)
    watch = Watch([_beat(folder, 0)])
    try:
        member.say()
        while True:
            watch.look()
            now = _read(folder / "controller.json", Controller)
            if now is not None and now.ended is not None and now.session == controller.session:
                break
            if watch.silent() or watch.missing(SILENT) or (now is not None and now.session != controller.session):
                raise RunError("node 0 gives no sign of life any more; the same command on all nodes resumes")
            member.follow(_read(folder / "job.json", Part))
            time.sleep(POLL)
    finally:
        member.stop()
        beat.stop()
    if now.ended == UsageError.exit_code:
        raise UsageError(f"node 0: {now.text}")
    if now.ended:
        raise RunError(f"node 0: {now.text}")


class _Member:
    """This node's part of the group that runs now."""

    def __init__(self, config: Config, folder: Path, node: int, own: Joined) -> None:
        self.config, self.folder, self.node, self.own = config, folder, node, own
        self._process: ServerProcess | None = None
        self._number = 0

    def say(self) -> None:
        replace_text(self.folder / f"node_{self.node}.json", TypeAdapter(Joined).dump_json(self.own).decode())

    def follow(self, part: Part | None) -> None:
        """Start a new group's part, look after the one that runs, end one that is over."""
        if part is None or part.session != self.own.session:
            self.stop()
            return
        if part.number != self._number:
            self.stop()
            self._number = part.number
            self._start(part)
        status = self._process.ended() if self._process is not None else 0
        if status and not self.own.failed:
            assert self._process is not None
            self.own = replace(
                self.own, failed=f"its processes ended with status {status}: {self._process.last_error()}"
            )
            self.say()

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.stop()
            self._process = None

    def _start(self, part: Part) -> None:
        if self.own.failed:
            self.own = replace(self.own, failed="")
            self.say()
        group = Group(part.per_node, part.nodes)
        log = part.job.with_name(f"node_{self.node}.log")
        self._process = launcher(self.config, group, self.node, (part.address, part.port), part.job, log)
        self._process.start()


def _find_controller(config: Config, folder: Path, node: int) -> Controller:
    """Node 0, once it is seen alive: the files of an earlier run may still be there."""
    deadline = time.monotonic() + config.join_timeout
    seen: set[int] = set()
    while True:
        beat = read_beat(_beat(folder, 0))
        seen |= {beat.count} if beat is not None else set()
        controller = _read(folder / "controller.json", Controller)
        if len(seen) > 1 and controller is not None and controller.ended is None:
            return controller
        if time.monotonic() > deadline:
            raise UsageError(
                f"node {node} finds no node 0 at {folder} after {config.join_timeout:g} s (join_timeout); "
                "run the same command on node 0, with a --run-dir that all nodes share"
            )
        time.sleep(POLL)


def _versions() -> dict[str, str]:
    # An editable install keeps the commit that it was made at, whatever the checkout is at now.
    found = {"seif": __version__.partition(".dev")[0]}
    for package in COMPARED:
        with suppress(ImportError):
            found[package] = version(package)
    return found


def _check_same(joined: Joined, node: int) -> None:
    ours = _versions()
    for package in sorted({*ours, *joined.versions}):
        here, there = ours.get(package), joined.versions.get(package)
        if here != there:
            raise UsageError(f"node {node} has {package} {there}, and node 0 has {here}; install the same on all nodes")
    if joined.devices != device_count():
        has = quantity(joined.devices, "device")
        raise UsageError(f"node {node} has {has}, and node 0 has {device_count()}; give each node as many")


def _beat(folder: Path, node: int) -> Path:
    return folder / f"node_{node}.beat.json"


def _read(path: Path, kind: type[T]) -> T | None:
    try:
        return TypeAdapter(kind).validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
