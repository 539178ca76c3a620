"""Measures training steps from inside: a plugin for `benchmarks.gpu`, which the training processes load.

TRL's trainer is timed around sampling and scoring, and a callback of transformers' Trainer closes every step.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback
from trl import GRPOTrainer

from benchmarks.gpu_steps import PROBE_FILE, Step, append_step


class StepProbe(TrainerCallback):
    """Writes a line per step."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.generate_seconds = self.scored_seconds = self.began = 0.0
        self.prompt_tokens = self.completion_tokens = self.rows = 0
        self.generate_peak: int | None = None
        self.device_used: int | None = None

    def generated(self, seconds: float, prompts: list[list[int]], completions: list[list[int]]) -> None:
        """Note a batch of rollouts."""
        self.generate_seconds, self.rows = seconds, len(completions)
        self.prompt_tokens, self.completion_tokens = sum(map(len, prompts)), sum(map(len, completions))
        self.generate_peak, self.device_used = _peak(), _device_used()
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        self.began = now()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        seconds, used = now() - self.began, _device_used()
        step = Step(
            step=state.global_step,
            seconds=seconds,
            generate_seconds=self.generate_seconds,
            score_seconds=self.scored_seconds - self.generate_seconds,
            rows=self.rows,
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            generate_peak=self.generate_peak,
            update_peak=_peak(),
            device_used=None if used is None else max(used, self.device_used or 0),
        )
        append_step(self.path, step)


def now() -> float:
    """Seconds, once the GPU has done what it was given."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def _peak() -> int | None:
    return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None


def _device_used() -> int | None:
    if not torch.cuda.is_available():
        return None
    free, total = torch.cuda.mem_get_info()
    return int(total - free)


def _probe(trainer: Any, path: Path) -> None:
    """Time one trainer."""
    probe = StepProbe(path)
    generate, score = trainer._generate, trainer._generate_and_score_completions

    def timed_generate(prompts: Any) -> Any:
        began = now()
        found = generate(prompts)
        probe.generated(now() - began, found[0], found[1])
        return found

    def timed_score(inputs: Any) -> Any:
        began = now()
        found = score(inputs)
        probe.scored_seconds = now() - began
        return found

    trainer._generate, trainer._generate_and_score_completions = timed_generate, timed_score
    trainer.add_callback(probe)


def _install(path: Path) -> None:
    begin = GRPOTrainer.__init__

    def begin_with_probe(self: Any, *args: Any, **options: Any) -> None:
        begin(self, *args, **options)
        _probe(self, path)

    GRPOTrainer.__init__ = begin_with_probe


if PROBE_FILE in os.environ:
    _install(Path(os.environ[PROBE_FILE]))
