"""What a run stands in: its directory's name and place, the working directory, the clock, the locale, limits, folders
that are missing or full, a second process. It gives the same result, or one line says what is wrong.

A run of two turns is killed under one surrounding and goes on under the next; in the end all its files are compared
with those of a run that nothing disturbed. So these faults share the work, as those of `kills`.
"""

from __future__ import annotations

import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from faults.campaign import TRACEBACK, Crashed, Ended, Fault, Lost, Silent
from faults.forks import forks
from faults.moments import Moment
from faults.outcome import differences, outcome
from faults.scenarios import SECOND, SMALL, loop, run, temporary
from seif.distributed.channel import Channel
from support import ROOT

Move = Callable[[Path], Path]
"""Where the run directory is -> where it is now."""


def stay(folder: Path) -> Path:
    """The run directory stays where it is."""
    return folder


def renamed(name: str) -> Move:
    """The run directory gets another name in its folder."""
    return lambda folder: folder.rename(folder.with_name(name))


def linked(folder: Path) -> Path:
    """It is named by a symbolic link."""
    link = folder.with_name("link")
    link.symlink_to(folder)
    return link


def copied(folder: Path) -> Path:
    """It is copied elsewhere, with new times of its files, and the old one is removed."""
    there = folder.parent / "elsewhere" / "copy"
    shutil.copytree(folder, there, symlinks=True, copy_function=shutil.copyfile)
    shutil.rmtree(folder)
    return there


@dataclass(frozen=True)
class Leg:
    """A part of a run under one surrounding."""

    name: str
    until: Moment | None
    """Where it is killed; None: it goes on to the end."""
    prepare: str = ""
    """Python that its process runs first."""
    env: Mapping[str, str | None] = field(default_factory=dict)
    move: Move = stay
    """What happens to the run directory before."""
    relative: bool = False
    """The run directory is given relative to another working directory."""
    breaks: bool = False
    """It ends with exit code 3 and a line."""
    own: tuple[str, ...] | None = None
    """What starts Python in a process of its own, for what has to be so from the beginning; a fork otherwise."""


PYTHON = (sys.executable,)
LONG = "a very long name " + "x" * 220
CLOCK = """
import time
began, now = time.time(), time.monotonic
time.time = lambda since=now(): began - 3600 * (now() - since)
"""
"""Every second the clock goes back by an hour."""
SCARCE = """
import pathlib, resource
pages = int(pathlib.Path("/proc/self/statm").read_text().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (32 << 20),) * 2)
"""
"""32 MiB more than it has already, as `ulimit -v` would."""


def limited(name: str, value: int) -> str:
    """As `ulimit` does."""
    return f"import resource; resource.setrlimit(resource.{name}, ({value}, {value}))"


def shell(line: str) -> tuple[str, ...]:
    """Python, started by a line of sh in which it is "$@"."""
    return ("sh", "-c", line, "sh", sys.executable)


def mounted(line: str) -> tuple[str, ...]:
    """Python, among mounts of its own."""
    return ("unshare", "--mount", *shell(line))


def may_mount() -> bool:
    """Whether this user may have mounts of their own, as root may."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode == 0


LEGS: Mapping[str, tuple[str, tuple[Leg, ...]]] = {
    "self-evolving": (
        f"{SMALL} turns=2 follower.replay=0.25 judger.min_reliability=0",
        (
            Leg(
                "TZ=Pacific/Kiritimati",
                Moment("rename", "turn_00/instructions.parquet"),
                env={"TZ": "Pacific/Kiritimati"},
            ),
            Leg(
                "TZ=America/Los_Angeles", Moment("rename", "turn_00/evaluation.json"), env={"TZ": "America/Los_Angeles"}
            ),
            Leg(
                "the clock goes backwards",
                Moment("write", "turn_01/instructor.checkpoints/checkpoint-1/complete"),
                CLOCK,
            ),
            Leg("memory is scarce (ulimit -v)", None, SCARCE, breaks=True),
            Leg(
                "the directory is renamed: spaces, quotes, umlauts, emoji",
                Moment("rename", "turn_01/instructor"),
                move=renamed("läuft 'gut' \"oder\" nicht 🙂 $HOME %s"),
            ),
            Leg(
                "another working directory, and a relative path",
                Moment("rename", "turn_01/instructions.parquet"),
                relative=True,
            ),
            Leg(
                "the directory has the longest name there is",
                Moment("write", "turn_01/follower.checkpoints/checkpoint-1/complete"),
                move=renamed(LONG),
            ),
            Leg("ulimit -n 64", Moment("rename", "turn_01/follower"), limited("RLIMIT_NOFILE", 64)),
            Leg("TMPDIR is missing", Moment("rename", "turn_01/audit.json"), env={"TMPDIR": "/nowhere/at/all"}),
            Leg("the directory is named by a link", Moment("rename", "turn_01/evaluation.json"), move=linked),
            Leg(
                "the directory is moved in the midst of turn 2's generation",
                Moment("write", "turn_02/instructions.parquet.parts/checked_1.jsonl"),
                move=lambda folder: renamed("generated")(folder.resolve()),
            ),
            Leg(
                "the directory is moved again in that generation",
                Moment("write", "turn_02/follower.checkpoints/checkpoint-1/complete"),
                move=renamed("again"),
            ),
            Leg(
                "the directory is copied in turn 2's training",
                Moment("write", "turn_02/audit.json.parts/judge.jsonl"),
                move=copied,
            ),
            Leg(
                "the directory is moved in an audit",
                Moment("write", "turn_02/evaluation.json.parts/sampled.jsonl"),
                move=renamed("audited"),
            ),
            Leg("the directory is moved in an evaluation", None, move=renamed("evaluated")),
        ),
    ),
    "self-supervised": (
        SECOND,
        (
            Leg(
                "killed in its place", Moment("write", "turn_01/reward_model.checkpoints/checkpoint-*/complete", nth=2)
            ),
            Leg(
                "the directory is moved in a reward model's training",
                Moment("rename", "turn_01/reward_model.json"),
                move=renamed("moved"),
            ),
            Leg(
                "the directory is moved when only the best checkpoint is to be loaded",
                Moment("rename", "turn_02/pseudo_labels.parquet.chunks/job.json"),
                move=renamed("labelled"),
            ),
            Leg(
                "the directory is moved in turn 2's pseudo-labels",
                Moment("write", "turn_02/follower.checkpoints/checkpoint-1/complete"),
                move=renamed("rewarded"),
            ),
            Leg("the directory is moved in turn 2's training", None, move=renamed("followed")),
        ),
    ),
    "processes": (
        f"{SMALL} turns=1 follower.steps=1",
        (
            Leg(
                "PYTHONHASHSEED=1",
                Moment("rename", "turn_00/instructions.parquet"),
                env={"PYTHONHASHSEED": "1"},
                own=PYTHON,
            ),
            Leg(
                "PYTHONHASHSEED=2, LC_ALL=POSIX, HOME is a folder that is not there",
                Moment("rename", "turn_01/instructor"),
                env={"PYTHONHASHSEED": "2", "LC_ALL": "POSIX", "HOME": "/nowhere/at/all"},
                own=PYTHON,
            ),
            Leg(
                "a locale without UTF-8, HOME is unset",
                Moment("rename", "turn_01/instructions.parquet"),
                env={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "HOME": None},
                own=PYTHON,
            ),
            Leg("python -O", Moment("rename", "turn_01/follower"), own=(sys.executable, "-O")),
            Leg(
                "standard output takes ASCII alone",
                Moment("rename", "report.html"),
                env={"PYTHONIOENCODING": "ascii"},
                own=PYTHON,
            ),
            Leg("standard streams are closed", None, own=shell('exec "$@" <&- >&- 2>&-')),
        ),
    ),
    "mounts": (
        f"{SMALL} turns=1 follower.steps=1",
        (
            Leg(
                "TMPDIR is full",
                Moment("write", "turn_01/instructor.checkpoints/checkpoint-1/complete"),
                own=mounted(
                    'mount -t tmpfs -o size=4k none /mnt && head -c 4096 /dev/zero > /mnt/full && TMPDIR=/mnt exec "$@"'
                ),
            ),
            Leg(
                "no /dev/shm, HOME is read-only",
                None,
                own=mounted(
                    'mount -t tmpfs -o size=4k none /dev/shm && mount -t tmpfs -o ro none /mnt && HOME=/mnt exec "$@"'
                ),
            ),
        ),
    ),
}


def command_of(chain: str, folder: object) -> list[object]:
    """The command of a chain, with a run directory."""
    place = Path("DIR")
    made = run("nano-self-supervised", SECOND) if chain == "self-supervised" else loop(LEGS[chain][0])
    return [folder if argument == place else argument for argument in made(place)]


def faults() -> Iterator[Fault]:
    """One for each leg."""
    for chain, (_, legs) in LEGS.items():
        if chain == "mounts" and not may_mount():
            continue
        for leg in legs:
            expected = "exit code 3 and a line" if leg.breaks else "goes on, and every file is as without"
            yield Fault(chain, leg.name, expected, functools.partial(_attempt_leg, chain, leg.name), quick=False)
    yield Fault("TMPDIR", "its name is longer than that of a socket", "training processes speak", long_temporary)


def long_temporary(folder: Path) -> None:
    """The controller and its training processes speak through a socket."""
    long = folder / ("x" * 120)
    long.mkdir()
    with mock.patch.object(tempfile, "tempdir", str(long)):
        channel = Channel()
    channel.close()


def _attempt_leg(chain: str, leg: str, folder: Path) -> None:
    found = legs_of(chain)
    for failure in (found[leg], found["the end"]):
        if failure is not None:
            raise failure


@functools.cache
def undisturbed(chain: str) -> Path:
    """The run directory of a chain's command that nothing disturbed."""
    folder = temporary(f"{chain}-plain") / "out"
    ended = forks().seif(*command_of(chain, folder))
    assert ended.code == 0, ended.err
    return folder


@functools.cache
def legs_of(chain: str) -> dict[str, Exception | None]:
    """What went wrong in each leg, and in the end."""
    same = "processes" if chain == "mounts" else chain
    whole = outcome(undisturbed(same))
    found: dict[str, Exception | None] = {}
    with tempfile.TemporaryDirectory(prefix="seif-surrounded-") as top:
        folder, places = Path(top) / "out", []
        for leg in LEGS[chain][1]:
            folder = leg.move(folder)
            # Files say where models were when they were written.
            places.append(folder)
            found[leg.name] = _failure_of(leg, command_of(chain, _named(leg, folder)), folder)
        wrong = differences(whole, outcome(folder.resolve(), places))
        found["the end"] = Lost(f"{len(wrong)} files: {'; '.join(wrong[:5])}") if wrong else None
    return found


def _named(leg: Leg, folder: Path) -> Path:
    return Path("..") / folder.name if leg.relative else folder


def _failure_of(leg: Leg, command: Sequence[object], folder: Path) -> Exception | None:
    code = 3 if leg.breaks else 0 if leg.until is None else -signal.SIGKILL
    prepare = leg.prepare
    if leg.relative:
        elsewhere = folder.parent / "working directory"
        elsewhere.mkdir()
        prepare = f"import os; os.chdir({str(elsewhere)!r})"
    if leg.own is None:
        ended = forks().seif(*command, root=folder, moment=leg.until, env=leg.env, prepare=prepare)
    else:
        ended = _own(leg, command, folder)
    if TRACEBACK in ended.err or ended.code != code:
        return Crashed(f"exit code {ended.code}, wanted {code}: {ended.err[-500:]}")
    if leg.breaks and sum(line.startswith("error: ") for line in ended.err.splitlines()) != 1:
        return Silent(f"no single line: {ended.err[-500:]}")
    return None


def _own(leg: Leg, command: Sequence[object], folder: Path) -> Ended:
    assert leg.own is not None
    told = leg.until.environment(folder) if leg.until is not None else {}
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "NO_COLOR": "1", **told, **leg.env}
    began = time.monotonic()
    done = subprocess.run(
        [*leg.own, "-m", "seif", *map(str, command)],
        cwd=ROOT,
        env={name: value for name, value in environment.items() if value is not None},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=3600,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr, time.monotonic() - began)
