"""Who lives, and what a process died of: small files in one folder, which also other nodes can read."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from seif.atomic import replace_text

PERIOD = 1.0
"""Seconds between two beats."""
SILENT = 20.0
"""Seconds without a beat after which a process counts as hung."""


@dataclass(frozen=True)
class Beat:
    """What a living process writes again and again."""

    pid: int
    host: str
    count: int
    """Of the beats so far. Readers look whether it grows, so that no two clocks are compared."""


@dataclass(frozen=True)
class Failure:
    """What a process died of."""

    usage: bool
    """Whether the user can fix it."""
    text: str
    """One line."""
    time: float
    deliberate: bool
    """Whether seif raised it on purpose; what another process's end caused is not."""


_BEAT, _FAILURE = TypeAdapter(Beat), TypeAdapter(Failure)


class Heartbeat:
    """Beats from a thread of its own until the process ends, or `stop`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Give the first beat, then go on in the background."""
        self._write(0)
        self._thread.start()

    def stop(self) -> None:
        """No beat after this."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        count = 0
        while not self._stopped.wait(PERIOD):
            count += 1
            # A full disk or a folder that is gone ends the beats, and the watcher says so.
            with suppress(OSError):
                self._write(count)

    def _write(self, count: int) -> None:
        beat = Beat(os.getpid(), socket.gethostname(), count)
        replace_text(self.path, _BEAT.dump_json(beat).decode())


class Watch:
    """Looks at the beats of several processes."""

    def __init__(self, paths: Iterable[Path]) -> None:
        began = time.monotonic()
        self._last: dict[Path, tuple[Beat | None, float]] = dict.fromkeys(paths, (None, began))

    def look(self) -> None:
        """Note which have beaten since."""
        now = time.monotonic()
        for path, (before, _) in self._last.items():
            beat = read_beat(path)
            if beat is not None and beat != before:
                self._last[path] = (beat, now)

    def missing(self, seconds: float = 0.0) -> list[Path]:
        """Those that never beat, and are watched for longer than that."""
        now = time.monotonic()
        return [path for path, (beat, since) in self._last.items() if beat is None and now - since > seconds]

    def silent(self) -> list[Path]:
        """Those that beat, and then not for `SILENT` seconds."""
        now = time.monotonic()
        return [path for path, (beat, since) in self._last.items() if beat is not None and now - since > SILENT]

    def beats(self) -> list[Beat]:
        """The last beat of each."""
        return [beat for beat, _ in self._last.values() if beat is not None]


def read_beat(path: Path) -> Beat | None:
    """The last beat; None where there is none."""
    try:
        return _BEAT.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def write_failure(path: Path, failure: Failure) -> None:
    """Note what this process dies of."""
    replace_text(path, _FAILURE.dump_json(failure).decode())


def read_failures(paths: Iterable[Path]) -> list[Failure]:
    """Those that are there; the likeliest cause of the others first."""
    found = []
    for path in paths:
        with suppress(OSError, ValidationError):
            found.append(_FAILURE.validate_json(path.read_bytes()))
    return sorted(found, key=lambda failure: (not failure.deliberate, failure.time))
