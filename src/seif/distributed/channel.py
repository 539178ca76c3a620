"""How the first process of a group logs: each call travels to the controller and returns when it is done there, so that
a checkpoint never is ahead of the log."""

from __future__ import annotations

import os
import queue
import shutil
import tempfile
import threading
from collections.abc import Mapping, Sequence
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

from seif.stage_log import Outcome, RolloutRecord, StageLog, Tables

_ADDRESS, _KEY = "SEIF_CHANNEL", "SEIF_CHANNEL_KEY"
_LONGEST = 70
"""Characters of a folder's name that leave enough for the socket's."""
_CALLS = ("begin", "resumed", "step")


class Channel:
    """The controller's end."""

    def __init__(self) -> None:
        # Not beside the output, nor in a TMPDIR with a long name: the path of a socket is limited to 100 characters.
        usual = tempfile.gettempdir()
        self._folder = tempfile.mkdtemp(prefix="seif-", dir=usual if len(usual) < _LONGEST else "/tmp")
        self._key = os.urandom(32)
        self._listener = Listener(str(Path(self._folder) / "log"), "AF_UNIX", authkey=self._key)
        self._calls: queue.Queue[tuple[str, tuple[Any, ...]]] = queue.Queue()
        self._done: queue.Queue[None] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to connect."""
        return {_ADDRESS: str(self._listener.address), _KEY: self._key.hex()}

    def deliver(self, log: StageLog, timeout: float) -> bool:
        """Pass the next call on to `log`; False when none came within `timeout` seconds. Raises what `log` raises."""
        try:
            name, arguments = self._calls.get(timeout=timeout)
        except queue.Empty:
            return False
        getattr(log, name)(*arguments)
        self._done.put(None)
        return True

    def close(self) -> None:
        """No call after this."""
        self._listener.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _listen(self) -> None:
        try:
            with self._listener.accept() as connection:
                while True:
                    name, arguments = connection.recv()
                    if name not in _CALLS:
                        return
                    self._calls.put((name, arguments))
                    self._done.get()
                    connection.send(None)
        except (OSError, EOFError, AuthenticationError):
            # The group has ended, or `close` was called.
            return


class ControllerLog:
    """The group's end: a log whose calls are made in the controller."""

    def __init__(self) -> None:
        self._connection: Connection = Client(
            os.environ[_ADDRESS], "AF_UNIX", authkey=bytes.fromhex(os.environ.pop(_KEY))
        )

    def begin(self, total: int) -> None:
        self._call("begin", total)

    def resumed(self, step: int) -> None:
        self._call("resumed", step)

    def step(
        self,
        step: int,
        metrics: Mapping[str, float],
        records: Sequence[RolloutRecord] = (),
        checks: Tables | None = None,
        outcomes: Sequence[Outcome] = (),
    ) -> None:
        self._call("step", step, metrics, records, checks, outcomes)

    def _call(self, name: str, *arguments: Any) -> None:
        self._connection.send((name, arguments))
        self._connection.recv()


class NoLog:
    """The log of every process but the first."""

    def begin(self, total: int) -> None:
        """Nothing is logged."""

    def resumed(self, step: int) -> None:
        """Nothing is logged."""

    def step(
        self,
        step: int,
        metrics: Mapping[str, float],
        records: Sequence[RolloutRecord] = (),
        checks: Tables | None = None,
        outcomes: Sequence[Outcome] = (),
    ) -> None:
        """Nothing is logged."""
