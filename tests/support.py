"""What tests share: where the repository and the embedded model lie, and how a `seif` command is run for real."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from seif.stage_log import Outcome, RolloutRecord, Tables

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parents[1]
NANO = ROOT / "src" / "seif" / "nano"


def seif(*arguments: object, cwd: Path = ROOT, timeout: float = 600) -> subprocess.CompletedProcess[str]:
    """Run the installed command as a user would, without a terminal."""
    command = [sys.executable, "-m", "seif", *map(str, arguments)]
    return subprocess.run(
        command,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, "NO_COLOR": "1"},
        check=False,
    )


def call(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: object
) -> tuple[int, str, str]:
    """Run the command in this process: (exit code, stdout, stderr)."""
    from seif import cli

    # On a busy machine anything may take seconds, and lines about it are not what these tests look at.
    monkeypatch.setattr("seif.activity.FIRST", float("inf"))
    monkeypatch.setattr(sys, "argv", ["seif", *map(str, arguments)])
    code = 0
    try:
        cli.main()
    except SystemExit as stop:
        code = int(stop.code or 0)
    out = capsys.readouterr()
    return code, out.out, out.err


class Kill(BaseException):
    """Stands for kill -9 in this process: nothing may catch it."""


@dataclass
class RecordingLog:
    """A training log that keeps what it gets, and raises Kill after step `kill_at`."""

    kill_at: int | None = None
    resumed_at: int | None = None
    steps: list[tuple[int, Mapping[str, float], Sequence[RolloutRecord]]] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)

    def begin(self, total: int) -> None:
        pass

    def resumed(self, step: int) -> None:
        self.resumed_at = step

    def step(
        self,
        step: int,
        metrics: Mapping[str, float],
        records: Sequence[RolloutRecord] = (),
        checks: Tables | None = None,
        outcomes: Sequence[Outcome] = (),
    ) -> None:
        self.steps.append((step, metrics, records))
        self.outcomes.extend(outcomes)
        if step == self.kill_at:
            raise Kill


def processes_about(word: str) -> list[psutil.Process]:
    """Other processes with `word` in their command line."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        line = " ".join(process.info["cmdline"] or ())
        if word in line and process.pid != os.getpid() and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


def all_gone(word: str, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while processes_about(word):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True
