"""What a stage logs, and where it reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NotRequired, Protocol, Self, TypedDict

from seif.types import Json

STAGES = ("train_instructor", "generate", "pseudo_label", "train_reward_model", "train_follower", "audit", "evaluate")
"""Of a turn, in their order."""
REWARD_PERCENTILES = (10, 25, 50, 75, 90)
"""Of a step's rewards; those of the metrics `reward/p10` and so on, by linear interpolation."""
Tables = dict[str, list[int]]
"""Per constraint type, how often a rule and a model found a constraint satisfied or violated:
[both satisfied, only by the rule, only by the model, both violated]."""


class RolloutRecord(TypedDict):
    """A rollout that is kept: a line of rollouts/*.jsonl, which also says of which turn, stage and step it is."""

    soft_scores: NotRequired[tuple[float | None, ...]]
    """What stood for each verdict's 1 or 0 in the reward; absent where the judge gave no such number."""
    prompt: str
    """The seed question (Instructor), or the instruction or general question (Follower)."""
    completion: str
    finished: bool
    """Whether it wrote its end token."""
    reward: float | None
    """None: unjudged."""
    outcome: str
    """As `scoring.Score.outcome`."""
    verdicts: list[str]
    """Names of `types.Verdict` in lower case."""
    constraints: list[str]
    """Their texts."""


@dataclass(frozen=True)
class Outcome:
    """What the rollouts of one instruction showed: a line of outcomes.jsonl, which also says of which turn, stage and
    step it is."""

    seed: str
    constraints: tuple[str, ...]
    """Their texts."""
    satisfied: tuple[int, ...]
    """By constraint, how many rollouts satisfied it."""
    judged: tuple[int, ...]
    """By constraint, how many were judged."""
    best: tuple[bool, ...]
    """Which constraints the rollout that satisfied the most of them did."""
    own: bool = True
    """Whether the turn's pool has the instruction; replayed and relabelled ones are not of it."""

    @classmethod
    def from_json(cls, line: Mapping[str, Any]) -> Self:
        """The outcome of a line of outcomes.jsonl. Raises KeyError, TypeError or ValueError for what is none."""
        texts, satisfied, judged, best = (tuple(line[key]) for key in ("constraints", "satisfied", "judged", "best"))
        if not isinstance(line["seed"], str) or not all(isinstance(text, str) for text in texts):
            raise TypeError("`seed` and `constraints` are no texts")
        if not all(isinstance(count, int) for count in (*satisfied, *judged, *best)):
            raise TypeError("`satisfied`, `judged` and `best` are no numbers")
        if not len(texts) == len(satisfied) == len(judged) == len(best):
            raise ValueError("its lists have different lengths")
        return cls(line["seed"], texts, satisfied, judged, best, line.get("own", True))


class StageLog(Protocol):
    """Where a stage reports: metrics and rollouts that a resume can wind back, and progress for people."""

    def begin(self, total: int) -> None:
        """The stage has `total` steps."""
        ...

    def resumed(self, step: int) -> None:
        """It goes on after `step`, 0 for its beginning; what was logged after that is forgotten."""
        ...

    def step(
        self,
        step: int,
        metrics: Mapping[str, float],
        records: Sequence[RolloutRecord] = (),
        checks: Tables | None = None,
        outcomes: Sequence[Outcome] = (),
    ) -> None:
        """Step number `step`, from 1, is done; `records` are some of its rollouts.

        `checks`, where a model judged what rules can check: how often they agreed. `outcomes`, of a Follower's step:
        one per instruction.
        """
        ...


@dataclass(frozen=True)
class LoggedStep:
    """One line of metrics.jsonl."""

    turn: int
    stage: str
    """One of `STAGES`."""
    step: int
    """From 1."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    checks: Tables = field(default_factory=dict)

    def to_json(self) -> Json:
        """The line: metrics stand beside the place, checks are left out where there are none."""
        place = {"turn": self.turn, "stage": self.stage, "step": self.step}
        return {**place, **self.metrics, **({"checks": self.checks} if self.checks else {})}

    @classmethod
    def from_json(cls, line: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`. What is neither a number nor a table is left out. Raises KeyError, TypeError or
        ValueError for what is no such line."""
        _check_place(line)
        checks = line.get("checks", {})
        if not isinstance(checks, dict) or not all(_is_table(table) for table in checks.values()):
            raise TypeError("`checks` is no table")
        metrics = {k: v for k, v in line.items() if k not in _PLACE and isinstance(v, int | float)}
        return cls(line["turn"], line["stage"], line["step"], metrics, checks)


_PLACE = ("turn", "stage", "step")


def check_step(line: Mapping[str, Any]) -> None:
    """Raises KeyError, TypeError or ValueError for what is no line of metrics.jsonl."""
    LoggedStep.from_json(line)
    _check_stage(line)


def check_rollout(line: Mapping[str, Any]) -> None:
    """The same for rollouts/*.jsonl."""
    _check_place(line)
    _check_stage(line)
    for key in ("constraints", "verdicts"):
        if not isinstance(line[key], list) or not all(isinstance(text, str) for text in line[key]):
            raise TypeError(f"`{key}` is no list of texts")


def check_outcome(line: Mapping[str, Any]) -> None:
    """The same for outcomes.jsonl."""
    _check_place(line)
    _check_stage(line)
    Outcome.from_json(line)


def check_event(line: Mapping[str, Any]) -> None:
    """The same for events.jsonl."""
    if not isinstance(line["event"], str) or not isinstance(line["time"], int | float):
        raise TypeError("`event` or `time` has another type")
    if line["event"] == "stage_finished":
        _check_stage(line)
        if not isinstance(line["turn"], int) or not isinstance(line["seconds"], int | float):
            raise TypeError("`turn` or `seconds` is no number")


def _check_stage(line: Mapping[str, Any]) -> None:
    if line["stage"] not in STAGES:
        raise ValueError(f"no stage is called {line['stage']!r}")


def _check_place(line: Mapping[str, Any]) -> None:
    for key, kind in {"turn": int, "stage": str, "step": int}.items():
        if not isinstance(line[key], kind):
            raise TypeError(f"`{key}` is {line[key]!r}")


def _is_table(table: object) -> bool:
    return isinstance(table, list) and len(table) == 4 and all(isinstance(count, int) for count in table)
