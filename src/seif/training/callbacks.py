"""Callbacks of transformers' Trainer: one record per step, seeds per update, and checkpoints that are known to be
whole."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from seif.engines.memory import trim
from seif.errors import RunError
from seif.scoring import item_seed
from seif.stage_log import StageLog
from seif.training import ranks
from seif.training.checkpoints import mark_whole
from seif.training.lora import REFERENCE
from seif.training.rollouts import RewardFunction

_WALL_CLOCK = ("time", "runtime", "per_second", "profiling", "flos")
"""Logged keys that measure the machine, not the training: they differ between equal runs."""


class StepLog(TrainerCallback):
    """Turns TRL's log lines, one per update, into one record per step, without anything that measures the clock."""

    def __init__(self, updates_per_step: int, reward: RewardFunction, log: StageLog) -> None:
        self.updates_per_step, self.reward, self.log = updates_per_step, reward, log
        self.lines: list[dict[str, float]] = []

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        logs = logs or {}
        if "loss" not in logs:
            return
        for key in ("loss", "grad_norm"):
            if not math.isfinite(float(logs.get(key, 0.0))):
                raise RunError(
                    f"{key} became {logs[key]} at update {state.global_step}; "
                    "lower the learning rate in a new --run-dir"
                )
        ours = self.reward.batch.metrics if self.reward.batch else {}
        self.lines.append(
            {
                k: float(v)
                for k, v in logs.items()
                if isinstance(v, int | float) and (k in ours or not any(w in k for w in _WALL_CLOCK))
            }
        )
        if state.global_step % self.updates_per_step:
            return
        keys = {key for line in self.lines for key in line}
        metrics = {key: _mean([line[key] for line in self.lines if key in line]) for key in sorted(keys)}
        self.lines = []
        trim()
        batch = self.reward.batch
        # Not by way of TRL's log, which rounds to float32.
        if batch is not None:
            for what, by_role in (("tokens", batch.spent["tokens"]), ("calls", batch.spent["calls"])):
                metrics |= {f"{what}/{role}": n for role, n in by_role.items()}
        step = state.global_step // self.updates_per_step
        if batch is None:
            self.log.step(step, metrics)
        else:
            self.log.step(step, metrics, batch.records, batch.checks, batch.outcomes)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


class SeedUpdates(TrainerCallback):
    """Makes every update's randomness (TRL shuffles the batch) a function of the step, so a resume can't shift it."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        rank = ranks.current().rank
        # Each process drops out other inputs of its adapter.
        own = [rank] if rank else []
        torch.manual_seed(item_seed("update", self.seed, state.global_step, *own))


class MarkWhole(TrainerCallback):
    """Marks a checkpoint as whole once everything of it, by every process, is on disk."""

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        newest = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        processes = ranks.current()
        processes.barrier()
        if processes.first:
            self.complete(newest)
        processes.barrier()

    def complete(self, newest: Path) -> None:
        """Called by the first process alone."""
        mark_whole(newest)


class KeepNewest(MarkWhole):
    """Marks the newest checkpoint as whole, then removes the older ones."""

    def complete(self, newest: Path) -> None:
        # The reference is made anew from the start, and transformers would not load the trained adapter of a
        # checkpoint with several.
        shutil.rmtree(newest / REFERENCE, ignore_errors=True)
        super().complete(newest)
        for path in newest.parent.glob("checkpoint-*"):
            if path != newest:
                shutil.rmtree(path, ignore_errors=True)
