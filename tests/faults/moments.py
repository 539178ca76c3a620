"""Moments at which a process is killed: not after so many seconds, but right before it does a certain thing to a file.

`watch` is called in the process that is to die: a forked `seif` (`forks.py`), or a worker of a process group, which is
told by its environment (`hook/sitecustomize.py`).
"""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

KILL, TERM, STOP, ALL = "kill -9", "SIGTERM", "SIGSTOP", "kill -9 of the whole group"
WORK = "work"
"""The operation of a moment in time: after so many seconds of CPU time, wherever the process is then."""
_SIGNALS = {TERM: signal.SIGTERM, STOP: signal.SIGSTOP}
_VARIABLE = "SEIF_FAULT_MOMENT"
_OPERATIONS = {
    "open": "write",
    "os.rename": "rename",
    "os.remove": "remove",
    "os.mkdir": "mkdir",
    "os.rmdir": "rmdir",
    "os.symlink": "link",
    "shutil.rmtree": "rmtree",
}
"""Python's audit events, and what they are called here."""
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


@dataclass(frozen=True)
class Moment:
    """Right before an operation on a file; `flush`: once its content is written, and before it is synced."""

    operation: str
    """write (before it is opened), read, flush, rename, remove, mkdir, rmdir, rmtree, link; or `WORK`."""
    path: str
    """A pattern (fnmatch) relative to the folder of the run; of a rename and a link, the new name. Of `WORK`, the
    seconds."""
    nth: int = 1
    """The how-manieth such operation of the process."""
    kind: str = KILL
    torn: str = ""
    """A pattern: the newest such file is cut in half first, as if the process died while it wrote it."""
    rank: int | None = None
    """Which process of a training group dies; None: the command itself."""

    @property
    def name(self) -> str:
        """In a few words."""
        nth = f" number {self.nth}" if self.nth > 1 else ""
        torn = f", {self.torn} half written" if self.torn else ""
        who = f" of rank {self.rank}" if self.rank is not None else ""
        return f"{self.operation} {self.path}{nth}{who}{torn}"

    def as_json(self) -> str:
        """For `moment_of` in another process."""
        return json.dumps(asdict(self))

    def environment(self, root: Path) -> dict[str, str]:
        """What tells the worker of that rank to die at this moment."""
        hook = str(Path(__file__).parent / "hook")
        path = os.pathsep.join([hook, str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
        return {"PYTHONPATH": path, _VARIABLE: json.dumps([str(root), self.as_json()])}


def moment_of(text: str) -> Moment:
    """As `Moment.as_json` wrote it."""
    return Moment(**json.loads(text))


def from_environment() -> None:
    """Watch if this is the process that was told to die."""
    if _VARIABLE not in os.environ:
        return
    root, text = json.loads(os.environ[_VARIABLE])
    moment = moment_of(text)
    if "seif.distributed.worker" in sys.orig_argv:
        meant = os.environ.get("RANK") == str(moment.rank)
    else:
        meant = moment.rank is None and "seif" in sys.orig_argv
    if meant:
        watch(Path(root), moment)


def watch(root: Path, moment: Moment | None, record: Path | None = None) -> None:
    """From now on this process dies at `moment`; `record` gets a line for every operation below `root`."""
    if moment is not None and moment.operation == WORK:
        # Nothing handles this signal, so the system ends the process: also within a library, or a write.
        signal.setitimer(signal.ITIMER_PROF, float(moment.path))
        return
    place, left = os.path.realpath(root), moment.nth if moment is not None else 0
    log = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND) if record is not None else None

    def happens(operation: str, path: object) -> None:
        nonlocal left
        if not isinstance(path, str | bytes | os.PathLike):
            return
        folder, name = os.path.split(os.path.abspath(os.fsdecode(path)))
        relative = os.path.relpath(os.path.join(os.path.realpath(folder), name), place)
        if relative.startswith(".."):
            return
        if log is not None:
            os.write(log, f"{operation} {relative}\n".encode())
        if moment is None or not left or operation != moment.operation or not fnmatchcase(relative, moment.path):
            return
        left -= 1
        if not left:
            _die(Path(place), moment)

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        operation = _OPERATIONS.get(event)
        if operation is None:
            return
        if event == "open" and not int(arguments[2] or 0) & _WRITES:
            operation = "read"
        happens(operation, arguments[1 if event in ("os.rename", "os.symlink") else 0])

    sync = os.fsync

    def flushed(file: Any) -> None:
        number = file if isinstance(file, int) else file.fileno()
        happens("flush", os.readlink(f"/proc/self/fd/{number}"))
        sync(file)

    os.fsync = flushed
    sys.addaudithook(hear)


def _die(place: Path, moment: Moment) -> None:
    if moment.torn:
        found = [path for path in place.rglob("*") if fnmatchcase(str(path.relative_to(place)), moment.torn)]
        newest = max(found, key=lambda path: path.stat().st_mtime_ns)
        os.truncate(newest, newest.stat().st_size // 2)
    if moment.kind == ALL:
        import psutil

        for child in psutil.Process().children(recursive=True):
            child.kill()
    os.kill(os.getpid(), _SIGNALS.get(moment.kind, signal.SIGKILL))
