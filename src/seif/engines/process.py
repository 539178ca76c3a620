"""A server process of our own: started, watched, stopped, and never left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from seif.engines import guard
from seif.redaction import redacted

_PREFIX = re.compile(r"^(\(.*?\) )?((DEBUG|INFO|WARNING|ERROR|CRITICAL) \S+ \S+ \[\S+\] )?")
_ERROR = re.compile(r"^((\w+\.)*\w*(Error|Exception|error)|\S+: error): ")
_ELSEWHERE = "root cause"
"""What an error says that only points to another one."""
LONGEST = 400
"""Characters of a log that are shown in a line."""


class ServerProcess:
    """One command at a time, with its output at the end of `log`.

    `own_tmp`: its temporary files are its own, and are removed with it.
    """

    def __init__(self, command: Sequence[str], env: Mapping[str, str], log: Path, own_tmp: bool = True) -> None:
        self.command, self.env, self.log, self.own_tmp = command, env, log, own_tmp
        self._guard: subprocess.Popen[str] | None = None
        self._group = 0
        self._began = 0

    def start(self) -> None:
        """Start the command. Raises OSError when it, or its log, can't be opened."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            log.write(redacted(f"\n--- {time.strftime('%F %T')} {' '.join(self.command)}\n").encode())
            log.flush()
            self._began = log.tell()
            # A session of its own, so that ctrl-C reaches us alone, and we stop it when we are ready.
            self._guard = subprocess.Popen(
                [sys.executable, "-m", guard.__name__, *([guard.OWN_TMP] if self.own_tmp else []), *self.command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=dict(self.env),
                start_new_session=True,
                text=True,
            )
        assert self._guard.stdout is not None
        self._group = int(self._guard.stdout.readline() or 0)

    def ended(self, within: float = 0.0) -> int | None:
        """The exit status, 128 and more after a signal; None while it runs, and still does after `within` seconds."""
        if self._guard is not None:
            with suppress(subprocess.TimeoutExpired):
                return self._guard.wait(within)
        return None

    def stop(self) -> None:
        """End the process and all that it started, and wait until they have exited."""
        if self._guard is None:
            return
        assert self._guard.stdin is not None
        assert self._guard.stdout is not None
        self._guard.stdin.close()
        try:
            self._guard.wait(guard.GRACE + guard.SWEEP + 5.0)
        except subprocess.TimeoutExpired:
            self._guard.kill()
            self._guard.wait()
        if self._group:
            # The group is empty, unless the guard was killed.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._group, signal.SIGKILL)
        self._guard.stdout.close()
        self._guard = None

    def kill(self) -> None:
        """End it at once, without asking it; `stop` is still to be called."""
        if self._guard is None:
            return
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self._guard.pid).children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    child.kill()

    def last_error(self) -> str:
        """The last error in the log, or else its last lines, on one line."""
        with suppress(OSError), self.log.open("rb") as log:
            log.seek(self._began)
            lines = [_PREFIX.sub("", line).strip() for line in log.read().decode(errors="replace").splitlines()]
            lines = [line for line in lines if line]
            errors = [i for i, line in enumerate(lines) if _ERROR.match(line) and _ELSEWHERE not in line]
            found = lines[errors[-1] : errors[-1] + 2] if errors else lines[-3:]
            return redacted(" | ".join(found))[:LONGEST]
        return ""
