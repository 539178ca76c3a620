"""What the public functions return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from seif.artifacts import EarlyStop, RunDir, State
from seif.atomic import read_json
from seif.config.changes import Change
from seif.evaluation.audit import Audit
from seif.evaluation.results import Evaluation
from seif.evaluation.stopping import best_turn


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
        return found


def read_run(run_dir: RunDir) -> Run:
    """Where a run is, and its numbers so far.

    Raises UsageError when this is no run directory, or an evaluation or audit in it is damaged.
    """
    files = [run_dir.evaluation(turn) for turn in range(run_dir.config().turns + 1)]
    evaluations = tuple(Evaluation.from_json(read_json(file), file) for file in files if file.exists())
    files = [run_dir.audit(turn) for turn in range(run_dir.config().turns + 1)]
    audits = tuple(Audit.from_json(read_json(file), file) for file in files if file.exists())
    stopped = run_dir.stopped_early()
    return Run(
        run_dir.root,
        run_dir.state(),
        run_dir.seconds(),
        evaluations,
        run_dir.report,
        audits,
        stopped,
        tuple(run_dir.config_changes()),
    )


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
