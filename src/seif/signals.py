"""Leaving on Ctrl-C, SIGTERM or SIGHUP: within seconds, in every phase, and without a process left behind.

    with leaving() as signals:
        work()          # Stopped is raised in it
    signals.received    # or it ended in another way, as libraries turn interrupts into errors of their own

The first signal raises `Stopped` in the main thread, and what holds servers, process groups and files closes them on
the way out. Python runs a handler only between two of its own instructions, so a long call of a library would hold it
up, and so would a thread that is waited for: a thread of ours hears of the signal at once, and ends the process when
that has taken `PATIENCE` seconds. What is on disk is then as after kill -9: whole, and ready to be continued.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

PATIENCE = 8.0
"""Seconds from the first signal until the process ends, whatever it is at."""
WATCHED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(KeyboardInterrupt):
    """A signal to end. Only as a KeyboardInterrupt does it pass through an event loop, whatever runs there."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.signal = signal.Signals(number)


class Signals:
    """The first signal to end that has come, and what is done about it."""

    def __init__(self, overdue: Callable[[signal.Signals], None]) -> None:
        """`overdue` is called, in a thread, before the process is ended because leaving took too long."""
        self.received: signal.Signals | None = None
        self._overdue = overdue
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._waker, False)
        threading.Thread(target=self._watch, daemon=True, name="seif-signals").start()

    def handle(self, number: int, _: object) -> None:
        """The handler: raises Stopped once. Later signals change nothing, as all that can be done is being done."""
        if self.received is None:
            self.received = signal.Signals(number)
            _hush()
            raise Stopped(number)

    def install(self) -> dict[signal.Signals, Any]:
        """Handle the signals, and return who did before. SIGHUP stays ignored where it is, as under nohup."""
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        watched = [number for number in WATCHED if not (ignored and number == signal.SIGHUP)]
        return {number: signal.signal(number, self.handle) for number in watched}

    def restore(self, before: dict[signal.Signals, Any]) -> None:
        """Give the signals back; once one has come, further ones are ignored until the process has ended."""
        for number, handler in before.items():
            signal.signal(number, handler if self.received is None else signal.SIG_IGN)
        if self.received is None:
            signal.set_wakeup_fd(-1)
            os.close(self._waker)

    def _watch(self) -> None:
        """Wait for a signal, or for the other end to be closed; the system's part of the handler writes its number."""
        came = os.read(self._woken, 1)
        while came and came[0] not in WATCHED:
            came = os.read(self._woken, 1)
        if came:
            time.sleep(PATIENCE)
            self._overdue(signal.Signals(came[0]))
            os._exit(128 + came[0])
        os.close(self._woken)


_handling: list[Signals] = []
"""What handles signals in this process now."""


@contextmanager
def leaving(overdue: Callable[[signal.Signals], None] = lambda number: None) -> Iterator[Signals]:
    """Signals to end are handled until the block ends. To be used in the main thread, once at a time."""
    signals = Signals(overdue)
    before = signals.install()
    _handling.append(signals)
    try:
        yield signals
    finally:
        _handling.remove(signals)
        signals.restore(before)


def _forget() -> None:
    """A forked process would tell our thread of its own signals; it ends by them as any process does."""
    if _handling:
        signal.set_wakeup_fd(-1)
        for number in WATCHED:
            if signal.getsignal(number) == _handling[-1].handle:
                signal.signal(number, signal.SIG_DFL)


os.register_at_fork(after_in_child=_forget)


def _hush() -> None:
    """What is being broken off has nothing to say any more: no library's warnings, no error in a destructor."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    sys.unraisablehook = lambda _: None
    threading.excepthook = lambda _: None


def close_output() -> None:
    """Standard output and error lead nowhere from here on: whoever read them is gone."""
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for descriptor in (1, 2):
            os.dup2(nowhere, descriptor)
