"""Two commands on one run directory at the same time."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import filelock
import psutil

from faults.campaign import Crashed, Ended, Fault, Lost, Overran, Silent, expect_line
from faults.forks import forks
from faults.moments import STOP, Moment
from faults.outcome import differences, outcome
from faults.surroundings import command_of, undisturbed
from report.fake_run import make_run
from seif.artifacts import RunDir
from seif.report.page import write_report
from support import ROOT

TOGETHER = {
    "a second seif run": ("on a directory that is being run", "exit code 2 and a line"),
    "seif status": ("of a directory that is being run", "it says running"),
    "seif report": ("while the run writes its page", "both go on"),
    "the run itself": ("with all of these beside it", "every file is as without"),
}


def faults() -> Iterator[Fault]:
    """Those beside a whole run share it; the others are quick."""
    for place, (kind, expected) in TOGETHER.items():
        yield Fault(place, kind, expected, functools.partial(_attempt_together, place), quick=False)
    yield Fault("the lock of a run", "held for a moment by seif status", "seif run waits for it", looked_at)
    yield Fault("the page of a run", "written by two at once", "both write it", two_pages)


def _attempt_together(place: str, folder: Path) -> None:
    failure = together()[place]
    if failure is not None:
        raise failure


@functools.cache
def together() -> dict[str, Exception | None]:
    """What went wrong with other commands on a directory whose run is held right before it renames its page."""
    whole = undisturbed("processes")
    with tempfile.TemporaryDirectory(prefix="seif-together-") as top:
        folder = Path(top) / "out"
        moment = Moment("rename", "report.html", kind=STOP)
        command = [sys.executable, "-m", "seif", *map(str, command_of("processes", folder))]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", **moment.environment(folder)}
        with subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as first:
            try:
                _wait_until_stopped(first)
                found = {
                    "a second seif run": _refused(forks().seif(*command_of("processes", folder))),
                    "seif status": _says_running(forks().seif("status", folder, "--json")),
                }
                report = [sys.executable, "-m", "seif", "report", str(folder)]
                with subprocess.Popen(report, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as second:
                    # Long enough for it to come to the page; whichever is first, both are to end well.
                    time.sleep(10)
                    first.send_signal(signal.SIGCONT)
                    found["seif report"] = _ended_well(second)
                found["the run itself"] = _ended_well(first)
            finally:
                first.kill()
        wrong = differences(outcome(whole), outcome(folder))
        if wrong and found["the run itself"] is None:
            found["the run itself"] = Lost(f"{len(wrong)} files: {'; '.join(wrong[:5])}")
    return found


def _wait_until_stopped(process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 1800
    while psutil.Process(process.pid).status() != psutil.STATUS_STOPPED:
        if process.poll() is not None or time.monotonic() > deadline:
            raise Overran("the run never came to its page")
        time.sleep(0.1)


def _refused(ended: Ended) -> Exception | None:
    try:
        expect_line(ended, 2, "another seif run is using", "choose another --run-dir")
    except (Crashed, Silent) as failure:
        return failure
    return None


def _says_running(ended: Ended) -> Exception | None:
    if ended.code != 0 or '"state": "running"' not in ended.out:
        return Silent(f"exit code {ended.code}: {ended.out[:200]}{ended.err[-300:]}")
    return None


def _ended_well(process: subprocess.Popen[bytes]) -> Exception | None:
    _, printed = process.communicate(timeout=3600)
    return Crashed(f"exit code {process.returncode}: {printed.decode()[-300:]}") if process.returncode else None


def looked_at(folder: Path) -> None:
    """`seif status` takes the lock for a moment to see whether it is free."""
    run_dir = RunDir(folder / "run")
    run_dir.root.mkdir()
    looking = filelock.FileLock(run_dir.root / ".lock", thread_local=False)
    looking.acquire()
    threading.Timer(0.2, looking.release).start()
    with run_dir.locked():
        pass


def two_pages(folder: Path) -> None:
    """`seif report` beside a run that writes the page itself."""
    run_dir = make_run(folder / "run")
    failures: list[Exception] = []

    def write() -> None:
        try:
            for _ in range(2):
                write_report(run_dir)
        except OSError as error:
            failures.append(error)

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise Crashed(str(failures[0]))
