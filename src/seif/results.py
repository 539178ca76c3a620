"""What the public functions return."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from seif.artifacts import EarlyStop, RunDir, State
from seif.atomic import read_json
from seif.config.changes import Change
from seif.errors import DamagedFile
from seif.evaluation.audit import Audit
from seif.evaluation.results import Evaluation, GenerationNumbers
from seif.evaluation.stopping import best_turn
from seif.repair import damage

T = TypeVar("T")


@dataclass(frozen=True)
class Run:
    """A run directory."""

    path: Path
    state: State
    seconds: float
    """Wall-clock time of its finished stages."""
    evaluations: tuple[Evaluation, ...]
    """Of the turns that are evaluated, the base first."""
    report: Path
    """The HTML page."""
    audits: tuple[Audit, ...] = ()
    """Of the turns that are audited, the base first."""
    stopped_early: EarlyStop | None = None
    """Where and why the loop ended before its last turn."""
    config_changes: tuple[Change, ...] = ()
    """What was changed in the config when the run was resumed, in order."""
    damaged: tuple[str, ...] = ()
    """What of the directory can't be read, is gone or is not as it was written, one line each."""

    @property
    def best(self) -> int | None:
        """The turn with the highest audit accuracy; None without an audit."""
        found = best_turn(self.audits)
        return None if found is None else found.turn

    def follower(self, turn: int) -> Path:
        """The model that a turn trained; it is there once the turn's training is done."""
        return RunDir(self.path).follower(turn)

    def to_json(self) -> dict[str, Any]:
        """Its state and numbers in plain JSON values."""
        found: dict[str, Any] = {
            "state": self.state,
            "seconds": self.seconds,
            "turns": [e.to_json() for e in self.evaluations],
        }
        if self.audits:
            found |= {"audits": [audit.to_json() for audit in self.audits], "best": self.best}
        if self.stopped_early is not None:
            found |= {"stopped_early": asdict(self.stopped_early)}
        if self.config_changes:
            found |= {"config_changes": [asdict(change) for change in self.config_changes]}
        if self.damaged:
            found |= {"damaged": list(self.damaged)}
        return found


def read_run(run_dir: RunDir) -> Run:
    """Where a run is, and its numbers so far, without those that can't be read.

    Raises UsageError when this is no run directory or its config can't be read.
    """
    reading, turns = Reading(), range(run_dir.config().turns + 1)
    evaluations = [reading.json(run_dir.evaluation(turn), Evaluation.from_json) for turn in turns]
    audits = [reading.json(run_dir.audit(turn), Audit.from_json) for turn in turns]
    for turn in turns:
        reading.json(run_dir.generation(turn), GenerationNumbers.from_json)
    stopped = reading.of(run_dir.stopped_early)
    return Run(
        run_dir.root,
        run_dir.state(),
        reading.of(run_dir.seconds) or 0.0,
        tuple(found for found in evaluations if found is not None),
        run_dir.report,
        tuple(found for found in audits if found is not None),
        stopped,
        # A file that can't be read is named once, with the reason.
        damaged=tuple(dict.fromkeys((*reading.damaged, *damage(run_dir)))),
        config_changes=tuple(reading.of(run_dir.config_changes) or ()),
    )


class Reading:
    """Reads the files of a run directory one by one, and remembers which could not be read."""

    def __init__(self) -> None:
        self.damaged: list[str] = []

    def of(self, read: Callable[[], T]) -> T | None:
        """What `read` returns; None where it raises DamagedFile."""
        try:
            return read()
        except DamagedFile as error:
            self.damaged.append(str(error))
            return None

    def json(self, file: Path, parse: Callable[[object, object], T]) -> T | None:
        """What `parse` makes of a file's JSON and its name; None where there is no file, or not one that it can."""
        return self.of(lambda: parse(read_json(file), file)) if file.exists() else None


@dataclass(frozen=True)
class Generation:
    """Instructions that were written."""

    path: Path
    instructions: int
    parsable: float
    """Share of the Instructor's replies that could be parsed."""


@dataclass(frozen=True)
class PlannedTurn:
    """Who plays which role, and how many steps are trained. Names are `base` or `ROLE_TURN`.

    `filter` is `rules` or `none` where no model filters; `judger` is the judge's own name where it asks no language
    model.
    """

    turn: int
    instructor_starts_from: str | None
    instructions_written_by: str
    filter: str
    answerer: str
    judger: str
    follower_starts_from: str
    instructor_steps: int
    reward_model_for_instructor: str | None
    reward_model_for_follower: str | None
    follower_steps: int


@dataclass(frozen=True)
class Plan:
    """What a run will do, in numbers."""

    model: str
    seeds: int
    instructions: str | None
    """The file of instructions to train on, where no Instructor writes them."""
    turns: tuple[PlannedTurn, ...]
    instructor_step: Mapping[str, int]
    """Calls per step, by role."""
    follower_step: Mapping[str, int]
    reward_model: Mapping[str, str | int] | None
    """How it is trained; None where none is."""
    seeds_per_turn: int | None = None
    """Seeds that get an instruction in a turn; None: all."""
    probes: Mapping[str, int] | None = None
    """The most calls of the frontier gate in a turn, by role; None where no gate chooses."""


@dataclass(frozen=True)
class StageEstimate:
    """How long a stage takes, and what it does."""

    turn: int
    stage: str
    seconds: float
    trained: int = 0
    """Tokens of prompts and completions in GRPO updates."""
    sampled: int = 0
    """Tokens that the trained or measured model writes."""
    calls: int = 0
    """Calls to Filter, answerer and Judger."""
    read: int = 0
    """Tokens that these calls read."""
    written: int = 0
    """Tokens that these calls write."""


@dataclass(frozen=True)
class DeviceEstimate:
    """The memory of one kind of device in a run, at its peak."""

    role: str
    """`train`, `serve`, or `train and serve`."""
    devices: int
    parts: Mapping[str, int]
    """Bytes by what they are for."""
    capacity: int | None
    """Bytes of such a device; None where that is not known."""
    usable: int | None = None
    """Bytes of them with which a run may plan."""

    @property
    def total(self) -> int:
        """Bytes."""
        return sum(self.parts.values())


@dataclass(frozen=True)
class Estimate:
    """What a run needs, by arithmetic."""

    source: str
    """Where the rates come from."""
    parameters: int
    stages: tuple[StageEstimate, ...]
    devices: tuple[DeviceEstimate, ...]
    advice: tuple[str, ...]
    """What won't fit, and what would, one line each."""
    price: float | None = None
    """Of all calls to Filter, answerer and Judger, in the currency of the given price."""
    fits: bool = True
    """Whether all of it has a place, as far as the devices' memory is known."""
    measured: bool = True
    """Whether the rates were measured; else they follow from a data sheet."""
    notes: tuple[str, ...] = ()
    """What of the config has no effect or is not counted, one line each."""

    @property
    def seconds(self) -> float:
        """Wall-clock time of the run."""
        return sum(stage.seconds for stage in self.stages)
