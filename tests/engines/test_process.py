"""A process under its guard, for real."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from seif.engines.process import ServerProcess

pytestmark = pytest.mark.slow
LITTERS = """
import json, os, sys, tempfile, time
place = tempfile.mkdtemp()
with open(sys.argv[1] + ".partial", "w") as file:
    json.dump([os.getpid(), place], file)
os.rename(sys.argv[1] + ".partial", sys.argv[1])
time.sleep(60)
"""


def started(tmp_path: Path, **options) -> tuple[ServerProcess, int, Path]:
    """A process that makes a temporary directory and never removes it: its id, and the directory."""
    told = tmp_path / "told.json"
    process = ServerProcess([sys.executable, "-c", LITTERS, str(told)], os.environ, tmp_path / "log", **options)
    process.start()
    deadline = time.monotonic() + 30
    while not told.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    pid, place = json.loads(told.read_text())
    assert Path(place).is_dir()
    return process, pid, Path(place)


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_nothing_is_left_of_temporary_files(tmp_path, how):
    process, pid, place = started(tmp_path)
    if how == "killed":
        os.kill(pid, signal.SIGKILL)
        assert process.ended(within=20) == 128 + signal.SIGKILL
    process.stop()
    assert not place.parent.exists()


def test_temporary_files_can_be_those_of_everyone(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    process, _, place = started(tmp_path, own_tmp=False)
    process.stop()
    assert place.parent == tmp_path
    assert place.exists()
