"""Run a command until it ends, or until standard input does, and leave none of its processes behind.

    python -m seif.engines.guard [--own-tmp] COMMAND...

The system closes standard input when the process at its other end dies, so the command ends with it, even
after kill -9. The command's process id is printed first, its output goes to standard error, its exit status is
passed on. With --own-tmp its temporary files (TMPDIR) are in a directory that is removed at the end: torchrun keeps
its logs there, and vLLM its sockets, and what was killed removes nothing.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress

import psutil

GRACE = 10.0
"""Seconds that the command has to end by itself once it is asked to."""
SWEEP = 5.0
"""Seconds in which killed processes are waited for."""
OWN_TMP = "--own-tmp"
_PR_SET_CHILD_SUBREAPER = 36


def main(command: list[str]) -> int:
    """Run `command` and return its exit status: 128 and the signal's number after a signal, as in a shell."""
    if command[0] != OWN_TMP:
        return _run(command, os.environ)
    with tempfile.TemporaryDirectory(prefix="seif-", ignore_cleanup_errors=True) as own:
        return _run(command[1:], {**os.environ, "TMPDIR": own})


def _run(command: list[str], env: Mapping[str, str]) -> int:
    if sys.platform == "linux":
        # What the command leaves behind becomes a child of this process, which can then wait until it has exited.
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, env=env, start_new_session=True)
    print(process.pid, flush=True)
    threading.Thread(target=_end_with_input, args=(process,), daemon=True).start()
    status = process.wait()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    end_children()
    _sweep()
    return status if status >= 0 else 128 - status


def _end_with_input(process: subprocess.Popen[bytes]) -> None:
    while os.read(0, 4096):
        pass
    process.terminate()
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()


def end_children() -> None:
    """Kill all processes below this one, also those in sessions of their own."""
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            child.kill()


def _sweep() -> None:
    """Wait for what was left behind; a process holds its device memory until it has exited."""
    deadline = time.monotonic() + SWEEP
    with suppress(ChildProcessError):
        while time.monotonic() < deadline:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.02)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
