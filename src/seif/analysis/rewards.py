"""How the rewards of the rollouts are spread, step by step."""

from __future__ import annotations

from seif.artifacts import RunDir
from seif.evaluation.results import Result
from seif.report.text import number
from seif.stage_log import REWARD_PERCENTILES


class StepRewards(Result):
    """The rewards of the rollouts of one training step."""

    turn: int
    stage: str
    """train_instructor or train_follower."""
    step: int
    """From 1."""
    mean: float
    percentiles: dict[str, float]
    """By `p10`, `p25`, `p50`, `p75` and `p90`; empty where nothing was judged, and where an earlier version trained."""


def read_rewards(run: RunDir) -> list[StepRewards]:
    """The rewards of all steps, of both roles, in the order in which they were logged."""
    found = []
    for step in run.steps():
        if (mean := number(step.metrics.get("reward"))) is not None:
            names = (f"p{p}" for p in REWARD_PERCENTILES)
            known = {name: step.metrics[f"reward/{name}"] for name in names if f"reward/{name}" in step.metrics}
            found.append(StepRewards(turn=step.turn, stage=step.stage, step=step.step, mean=mean, percentiles=known))
    return found
