"""Work that a kill may cut off at any moment: whose it is, and which checkpoints are whole."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from seif.errors import UsageError

_COMPLETE = "complete"
"""Marker file of a checkpoint that was written whole; one without it was cut off by a kill."""


def claim(work: Path, job: Any) -> None:
    """Note in the directory `work` that what it will hold is of `job` (anything that JSON can tell).

    Raises UsageError when what it holds already is another job's: that must not be continued.
    """
    digest = hashlib.sha256(json.dumps(job).encode()).hexdigest()
    note = work / "job.sha256"
    if note.exists() and note.read_text() != digest:
        raise UsageError(f"{work} holds work on another model, data or config; remove it or choose another output")
    work.mkdir(parents=True, exist_ok=True)
    note.write_text(digest)


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
