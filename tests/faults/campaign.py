"""A campaign of faults: every `Fault` says what is hit, what is done to it and what must come of it, and can be tried.

The modules beside this one hold the faults by what they hit; `PARTS` names them. `benchmarks.faults` tries all,
`test_campaign.py` the quick ones.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from support import ROOT

PARTS: tuple[str, ...] = (
    "attacks",
    "config",
    "data",
    "kills",
    "leaving",
    "limits",
    "outputs",
    "plan",
    "resume",
    "secrets",
    "servers",
    "silence",
    "soak",
    "surroundings",
    "together",
    "weights",
    "state",
    "writes",
    "user_code",
)
"""The modules of this package that have faults: each has a function `faults()` that yields them."""
UNDER_WAY = re.compile(r" \[\d+:\d\d(:\d\d)?\]$")
"""Ends a line on what a command is at."""
TRACEBACK = "Traceback (most recent call last)"


class Lost(AssertionError):
    """Something that was finished is gone, or a result differs from that of an undisturbed run."""


class Silent(AssertionError):
    """A fault passed without a word, or the words don't say what is wrong."""


class Crashed(AssertionError):
    """A traceback where one line was due, or another exit code than a person was promised."""


class Overran(AssertionError):
    """It took more time or memory than it may."""


OUTCOMES = {Lost: "lost", Silent: "silent", Crashed: "traceback", Overran: "overran"}


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong, and the promise about it."""

    place: str
    """What is hit: "turn_01/evaluation.json", "judge server", "config key turns"."""
    kind: str
    """What is done to it: "cut in half", "kill -9", "NaN"."""
    expected: str
    """What must come of it, in a few words: "exit code 2 names the file", "resumes, bit for bit"."""
    attempt: Callable[[Path], None]
    """Tries it in an empty folder. Raises Lost, Silent, Crashed or Overran where the promise is broken."""
    quick: bool = True
    """It takes about a second or less, in this process, and is tried by `make test` too."""

    @property
    def name(self) -> str:
        """What the tables and tests call it."""
        return f"{self.place}: {self.kind}"


@dataclass(frozen=True)
class Attempt:
    """What came of a fault."""

    fault: Fault
    outcome: str
    """survived, or one of `OUTCOMES`."""
    detail: str
    seconds: float


def attempt(fault: Fault, folder: Path) -> Attempt:
    """Try it. Any exception but the four of `OUTCOMES` is one that seif let through, so it counts as a traceback."""
    began = time.monotonic()
    try:
        fault.attempt(folder)
    except tuple(OUTCOMES) as failure:
        outcome, detail = OUTCOMES[type(failure)], str(failure)
    except Exception as error:  # noqa: BLE001
        outcome, detail = "traceback", f"{type(error).__name__}: {error}"
    else:
        outcome, detail = "survived", ""
    return Attempt(fault, outcome, detail, time.monotonic() - began)


def faults(parts: Sequence[str] = PARTS) -> Iterator[tuple[str, Fault]]:
    """(part, fault) of all faults of these parts."""
    for part in parts:
        yield from ((part, fault) for fault in importlib.import_module(f"faults.{part}").faults())


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str
    seconds: float


def call(*arguments: object) -> Ended:
    """`seif ARGUMENTS` in this process. What is not a SystemExit comes out as it is: a traceback for the user."""
    from seif import cli

    out, err, began, code = io.StringIO(), io.StringIO(), time.monotonic(), 0
    with (
        mock.patch.object(sys, "argv", ["seif", *map(str, arguments)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            cli.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
    return Ended(code, out.getvalue(), err.getvalue(), time.monotonic() - began)


PLAIN = {"NO_COLOR": "1", "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
"""Environment of a command: no colours, and completion for the shell that is named, whatever the campaign runs in."""


def start(*arguments: object, env: Mapping[str, str] | None = None, timeout: float = 600) -> Ended:
    """`seif ARGUMENTS` in a process of its own, without a terminal and with nothing to read.

    Raises Overran when it takes longer than `timeout` seconds.
    """
    began = time.monotonic()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "seif", *map(str, arguments)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **PLAIN, **(env or {})},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Overran(f"still running after {timeout:.0f} s") from None
    return Ended(done.returncode, done.stdout, done.stderr, time.monotonic() - began)


def said(err: str) -> list[str]:
    """The lines of standard error but those on what is under way, which come where it takes seconds."""
    return [line for line in err.strip().splitlines() if not UNDER_WAY.search(line)]


def expect_line(ended: Ended, code: int, *words: str) -> None:
    """It ended with this exit code and one line on stderr that has all these words.

    Raises Crashed for a traceback or another exit code, Silent for exit code 0 or a line without the words.
    """
    if TRACEBACK in ended.err + ended.out:
        raise Crashed(ended.err[-500:])
    if ended.code == 0:
        raise Silent(f"exit code 0, wanted {code}; stdout ends with: {ended.out[-200:]}")
    if ended.code != code:
        raise Crashed(f"exit code {ended.code}, wanted {code}: {ended.err[-300:]}")
    lines = said(ended.err)
    if len(lines) != 1:
        raise Silent(f"{len(lines)} lines, wanted one: {ended.err[-500:]}")
    if missing := [word for word in words if word not in lines[0]]:
        raise Silent(f"no {', '.join(map(repr, missing))} in: {lines[0]}")


def expect_success(ended: Ended, *words: str) -> None:
    """It ended with exit code 0, no traceback, and all these words on stdout or stderr. Raises Crashed or Silent."""
    if ended.code != 0 or TRACEBACK in ended.err + ended.out:
        raise Crashed(f"exit code {ended.code}: {ended.err[-500:]}")
    if missing := [word for word in words if word not in ended.out + ended.err]:
        raise Silent(f"no {', '.join(map(repr, missing))} in what it printed")
