"""A training stage, in this process or as a file that tells other processes what to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from seif import stages
from seif.atomic import write_text
from seif.config import Config
from seif.config.devices import Role
from seif.stage_log import StageLog
from seif.stages import FollowerTraining, InstructorTraining, RewardModelTraining

Training = InstructorTraining | FollowerTraining | RewardModelTraining
"""The stages that train. No two have the same keys, so a file needs no tag."""
RunTraining = Callable[[Training, StageLog], None]
"""Runs or resumes one of them."""


@dataclass(frozen=True)
class Job:
    """One stage with its config. Paths mean the same in every process, on every node."""

    config: Config
    training: Training
    processes: int = 1
    """How many train together."""


_JSON = TypeAdapter(Job)


def write_job(path: Path, job: Job) -> None:
    """Write the job file, atomically."""
    write_text(path, _JSON.dump_json(job, indent=1).decode())


def read_job(path: Path) -> Job:
    """As `write_job` wrote it."""
    return _JSON.validate_json(path.read_bytes())


def role_of(training: Training) -> Role:
    """What a stage trains."""
    if isinstance(training, InstructorTraining):
        return "instructor"
    return "follower" if isinstance(training, FollowerTraining) else "reward_model"


def run_training(job: Job, log: StageLog) -> None:
    """Run or resume a stage in this process, or this process's part of it. Raises what the stage raises."""
    if isinstance(job.training, InstructorTraining):
        stages.train_instructor(job.config, job.training, log)
    elif isinstance(job.training, FollowerTraining):
        stages.train_follower(job.config, job.training, log)
    else:
        stages.train_reward_model(job.config, job.training, log)
