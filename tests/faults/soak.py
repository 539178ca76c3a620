"""The loop for many turns: nothing grows that should not."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from faults.campaign import Crashed, Fault, Overran
from support import ROOT


def faults() -> Iterator[Fault]:
    """One, which takes minutes."""
    expected = "memory and open files within 5% from turn 5 on, disk linear"
    yield Fault("a run", "20 turns", expected, many_turns, quick=False)


def many_turns(folder: Path) -> None:
    """As `benchmarks.soak` measures them."""
    command = [sys.executable, "-m", "benchmarks.soak", "--run-dir", str(folder / "run")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=7200, check=False)
    if done.returncode not in (0, 1) or not done.stdout:
        raise Crashed(done.stderr[-500:])
    found = json.loads(done.stdout)
    if not found["flat"]:
        raise Overran(str(found["growth"]))
