"""Experiment trackers: one tracker run for a whole `seif run`, across stages and resumes.

Both roles' training metrics and every turn's evaluation go to each tracker of `report_to`, on one axis of steps that
counts the training steps of all stages. What was sent is kept in the run directory, so a resumed run continues the
same tracker run and sends nothing twice.

A tracker of your own is a plugin:

    @trackers.register("mine")
    def open_mine(run: TrackerRun) -> Client: ...
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from seif.atomic import damaged, read_object, write_json
from seif.errors import UsageError
from seif.registry import Registry

STATE = "tracking.json"
"""The file in the run directory with the tracker run's id and the steps that were sent."""


@dataclass(frozen=True)
class TrackerRun:
    """The run that a tracker shows."""

    name: str
    id: str
    """The same after a resume."""
    folder: Path
    """Where files may be kept."""
    config: Mapping[str, Any]


class Client(Protocol):
    """An open tracker run."""

    def log(self, values: dict[str, float], step: int) -> None:
        """Show numbers at a step; steps never decrease."""
        ...

    def finish(self) -> None:
        """Send what is left and close."""
        ...


trackers: Registry[Callable[[TrackerRun], Client]] = Registry("tracker")
_PACKAGES = ("tensorboard", "trackio", "wandb")
"""The built-in trackers, whose packages have the same names."""


@trackers.register("tensorboard")
class TensorBoard:
    """Event files in RUN/tensorboard; a resumed run adds a file to those."""

    def __init__(self, run: TrackerRun) -> None:
        self._writer = importlib.import_module("torch.utils.tensorboard").SummaryWriter(str(run.folder / "tensorboard"))

    def log(self, values: dict[str, float], step: int) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def finish(self) -> None:
        self._writer.close()


@trackers.register("trackio")
class Trackio:
    """A run in the project $TRACKIO_PROJECT, or `seif`."""

    def __init__(self, run: TrackerRun) -> None:
        project = os.environ.get("TRACKIO_PROJECT", "seif")
        name = f"{run.name}-{run.id}"
        self._run = importlib.import_module("trackio").init(
            project=project, name=name, config=dict(run.config), resume="allow"
        )

    def log(self, values: dict[str, float], step: int) -> None:
        self._run.log(values, step=step)

    def finish(self) -> None:
        self._run.finish()


@trackers.register("wandb")
class Wandb:
    """A run in the project $WANDB_PROJECT, or `seif`."""

    def __init__(self, run: TrackerRun) -> None:
        project = os.environ.get("WANDB_PROJECT", "seif")
        init = importlib.import_module("wandb").init
        self._run = init(
            project=project, name=run.name, id=run.id, resume="allow", dir=str(run.folder), config=dict(run.config)
        )

    def log(self, values: dict[str, float], step: int) -> None:
        self._run.log(values, step=step)

    def finish(self) -> None:
        self._run.finish()


def check_trackers(names: Sequence[str]) -> None:
    """Raises UsageError for a tracker that there is not, or whose package is not installed."""
    for name in names:
        trackers.get(name)
        if name in _PACKAGES and importlib.util.find_spec(name) is None:
            raise UsageError(f"report_to: {name} is not installed; pip install {name}")


@dataclass
class Tracker:
    """All trackers of a run. Without any, nothing is stored and nothing is sent."""

    clients: Sequence[Client]
    state: Path
    """The file with what was sent."""
    id: str
    sent: dict[str, list[int]] = field(default_factory=dict)
    """Per stage of a turn: the global step before its first, and how many of its steps were sent."""

    def training(self, turn: int, stage: str, step: int, metrics: Mapping[str, float]) -> None:
        """The metrics of one training step, as `follower/reward` and the like; steps count from 1."""
        if metrics:
            role = stage.removeprefix("train_")
            values = {f"{role}/{name}": value for name, value in metrics.items()}
            self._send(f"{turn}/{stage}", step, {"turn": turn, **values})

    def evaluation(self, turn: int, numbers: Mapping[str, float]) -> None:
        """A turn's evaluation: every number in it, as `evaluation/held_out/greedy/...`, at the step that training
        has reached."""
        values = {f"evaluation/{name}": value for name, value in numbers.items()}
        self._send(f"{turn}/evaluate", 0, {"turn": turn, **values})

    def close(self) -> None:
        """Close the trackers; the run may be opened again."""
        for client in self.clients:
            client.finish()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _send(self, stage: str, step: int, values: dict[str, float]) -> None:
        if not self.clients:
            return
        reached = max((first + count for first, count in self.sent.values()), default=0)
        first, count = self.sent.get(stage, (reached, -1))
        if step <= count:
            return
        for client in self.clients:
            client.log(values, first + step)
        self.sent[stage] = [first, step]
        write_json(self.state, {"id": self.id, "sent": self.sent})


def open_tracker(names: Sequence[str], folder: Path, config: Mapping[str, Any]) -> Tracker:
    """The tracker of the run in `folder`: a new tracker run, or the one that was begun there.

    Raises UsageError as `check_trackers` does, DamagedFile where it is not known what was sent.
    """
    check_trackers(names)
    state = folder / STATE
    known: dict[str, Any] = _known(state) if names and state.exists() else {"id": secrets.token_hex(4), "sent": {}}
    run = TrackerRun(folder.resolve().name, known["id"], folder, config)
    return Tracker([trackers.get(name)(run) for name in names], state, run.id, known["sent"])


def _known(state: Path) -> dict[str, Any]:
    found = read_object(state)
    sent = found.get("sent")
    if not isinstance(found.get("id"), str) or not isinstance(sent, dict):
        raise damaged(state, "it has no `id` and `sent`")
    for counts in sent.values():
        if not isinstance(counts, list) or [type(count) for count in counts] != [int, int]:
            raise damaged(state, "`sent` holds no pairs of numbers")
    return found
