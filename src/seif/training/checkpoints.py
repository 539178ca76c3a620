"""Work that a kill may cut off at any moment: whose it is, and which checkpoints are whole."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from seif.artifacts import read_json, write_json
from seif.errors import UsageError

_NOTE = "job.json"
_COMPLETE = "complete"
"""Marker file of a checkpoint that was written whole; one without it was cut off by a kill."""


def claim(work: Path, job: Any, dtype: str) -> None:
    """Note in the directory `work` which `job` (any JSON value) it belongs to, and the `dtype` it is computed in.

    Raises UsageError when what it holds already is another job's: that must not be continued.
    """
    claimed = {"job": hashlib.sha256(json.dumps([job, dtype]).encode()).hexdigest(), "dtype": dtype}
    note = work / _NOTE
    if note.exists() and read_json(note) != claimed:
        raise UsageError(f"{work} holds work on another model, data or config; remove it or choose another output")
    write_json(note, claimed)


def dtype_of(work: Path) -> str | None:
    """The type that unfinished work computes in; None where nothing was begun."""
    note = work / _NOTE
    return str(read_json(note)["dtype"]) if note.exists() else None


def mark_whole(checkpoint: Path) -> None:
    """To be called once everything of a checkpoint is on disk."""
    (checkpoint / _COMPLETE).touch()


def newest_whole(work: Path) -> Path | None:
    """The newest checkpoint that was written whole; anything cut off is removed."""
    for path in work.glob("checkpoint-*"):
        if not (path / _COMPLETE).exists():
            shutil.rmtree(path)
    return max(work.glob("checkpoint-*"), key=step_of, default=None)


def step_of(checkpoint: Path | None) -> int:
    """The update after which a checkpoint was written, 0 for none."""
    return int(checkpoint.name.rpartition("-")[2]) if checkpoint else 0
