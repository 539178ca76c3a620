"""What the public functions return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Accuracy:
    """Answers to held-out tasks, checked by verifiers alone. Shares are from 0 to 1."""

    constraint_accuracy: float
    """Share of constraints that are satisfied."""
    stderr: float
    """Standard error of `constraint_accuracy`."""
    instruction_accuracy: Mapping[str, float]
    """By the number of constraints: share of instructions with every one of them satisfied."""
    well_formed: float
    """Share of answers of good format."""
    n: int
    """Tasks."""


@dataclass(frozen=True)
class Evaluation:
    """One model's numbers."""

    turn: int
    """The run's turn, 0 for its base; 0 for a model that is evaluated by itself."""
    greedy: Accuracy | None
    """At temperature 0; None where there are no held-out tasks."""
    sampled: Accuracy | None
    """At temperature 1."""
    judge_balanced_accuracy: float | None
    """The judge against the verifiers; None where it was not measured."""

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> Evaluation:
        """From what evaluation.json holds."""
        held_out = tree.get("held_out", {})
        greedy, sampled = (_accuracy(held_out.get(name)) for name in ("greedy", "sampled"))
        return cls(tree["turn"], greedy, sampled, tree.get("judger", {}).get("balanced_accuracy"))


def _accuracy(tree: Mapping[str, Any] | None) -> Accuracy | None:
    if not tree:
        return None
    whole = tree["instruction_accuracy"]
    return Accuracy(tree["constraint_accuracy"], tree["stderr"], whole, tree["well_formed"], tree["n"])


@dataclass(frozen=True)
class Run:
    """A run directory."""

    path: Path
    state: str
    """`finished`, `running`, `stopped` or `new`."""
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
    """Who plays which role, and how many steps are trained. Names are `base` or `ROLE_TURN`."""

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
