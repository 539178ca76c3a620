"""Work that a kill may cut off at any moment: whose it is, and which checkpoints are whole."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seif.atomic import new_directory, read_json, write_json
from seif.errors import UsageError
from seif.training import ranks

if TYPE_CHECKING:
    import torch

_NOTE = "job.json"
_COMPLETE = "complete"
"""Marker file of a checkpoint that was written whole; one without it was cut off by a kill."""


def claim(work: Path, job: Any, dtype: str) -> None:
    """Note in the directory `work` which `job` (any JSON value) it belongs to, the `dtype` that it is computed in, and
    by how many processes. To be called by one of them.

    Raises UsageError when it holds another job's work, or that of another number of processes: that must not be
    continued.
    """
    claimed: dict[str, Any] = {
        "job": _digest(work, [job, dtype]),
        "dtype": dtype,
        "processes": ranks.current().world,
    }
    note = work / _NOTE
    found: dict[str, Any] = {"processes": 1, **read_json(note)} if note.exists() else claimed
    if found["job"] != claimed["job"]:
        raise UsageError(f"{work} holds work on another model, data or config; remove it or choose another output")
    if found["processes"] != claimed["processes"]:
        raise UsageError(
            f"{work} was begun by {_processes(found['processes'])} and this is {_processes(claimed['processes'])}; "
            f"set devices to what they were, or remove {work} to begin the stage again"
        )
    write_json(note, claimed)


def _digest(work: Path, job: Any) -> str:
    """Of the job, wherever its run directory lies and is named from: that may be moved between two sittings."""
    text = json.dumps(job)
    for run in {work.parent.parent, work.absolute().parent.parent} - {Path()}:
        text = text.replace(f'"{json.dumps(str(run))[1:-1]}/', '"./')
    return hashlib.sha256(text.encode()).hexdigest()


def continue_from(work: Path, job: Any, dtype: str) -> Path | None:
    """Claim `work` for `job`, and return its newest whole checkpoint, None for none. Raises as `claim` does."""
    claim(work, job, dtype)
    return newest_whole(work)


def finish_killed(work: Path, out: Path) -> bool:
    """Whether a kill came after the job had written all of `out`: then only its `work`, which is removed here, was left
    to remove."""
    if not out.exists():
        return False
    shutil.rmtree(work)
    return True


def _processes(count: int) -> str:
    return "1 process" if count == 1 else f"{count} processes"


def processes_of(work: Path) -> int | None:
    """How many processes began the unfinished work; None where nothing was begun."""
    note = work / _NOTE
    return int({"processes": 1, **read_json(note)}["processes"]) if note.exists() else None


def save(trainer: Any, out: Path) -> None:
    """Write the model of a transformers Trainer with its tokenizer to `out`, atomically. Collective.

    Weights that are sharded are gathered; of an adapter alone the adapter is written.
    """
    model = trainer.accelerator.unwrap_model(trainer.model)
    weights = whole_weights(trainer)

    def write() -> None:
        with new_directory(out) as folder:
            model.save_pretrained(folder, **({} if weights is None else {"state_dict": _untied(model, weights)}))
            trainer.processing_class.save_pretrained(folder)

    ranks.current().from_first(write)


def _untied(model: Any, weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Gathered weights that are tied are copies of each other; a checkpoint holds each once."""
    tied = getattr(model, "all_tied_weights_keys", {})
    return {name: weight for name, weight in weights.items() if name not in tied}


def whole_weights(trainer: Any) -> dict[str, torch.Tensor] | None:
    """The weights of a model that is sharded, gathered on the first process; None of any other. Collective."""
    if not trainer.is_fsdp_enabled:
        return None
    weights: dict[str, torch.Tensor] = trainer.accelerator.get_state_dict(trainer.model)
    return weights


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
