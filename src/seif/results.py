"""What the public functions return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from seif.artifacts import State
from seif.evaluation.results import Evaluation


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

    def follower(self, turn: int) -> Path:
        """The model that a turn trained; it is there once the turn's training is done."""
        from seif.artifacts import RunDir

        return RunDir(self.path).follower(turn)


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

    `filter` is `rules` or `none` where no model filters; `judger` is the judge's own name where it asks no language model.
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
