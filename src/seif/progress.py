"""Turn, stage, step, reward and time left: live in a terminal, plain lines elsewhere. NO_COLOR is honoured."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from seif.activity import Activity, current
from seif.quantities import clock

__all__ = ["NAMES", "SHOWN", "Progress", "clock"]

NAMES = {
    "train_instructor": "train Instructor",
    "generate": "generate",
    "pseudo_label": "pseudo-label",
    "train_reward_model": "train reward model",
    "train_follower": "train Follower",
    "audit": "audit",
    "evaluate": "evaluate",
}
SHOWN = {"reward": "reward", "loss": "loss", "accuracy": "accuracy", "held_out_accuracy": "held-out accuracy"}
"""Logged numbers that are shown at a step: the reward, or else what there is of the others."""
_ACCURACY, _STDERR = (f"held_out/greedy/{key}" for key in ("constraint_accuracy", "stderr"))


class Progress:
    """Shows where the run is. One instance per command; `close` when done."""

    def __init__(self, console: Console, turns: int = 0) -> None:
        self.console, self.turns = console, turns
        self.live = console.is_terminal
        self.bar: Bar | None = None
        self.task: Any = None
        self.total = self.first = 0
        self.began = 0.0
        self.title = ""

    def started(self, turn: int, stage: str) -> None:
        self.title = f"turn {turn}/{self.turns}  {NAMES[stage]}" if self.turns else NAMES[stage]
        if display := current():
            display.begin_stage(self)
        if self.live:
            self.bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(24),
                TimeElapsedColumn(),
                console=self.console,
                transient=True,
            )
            self.task = self.bar.add_task(self.title, total=None)
            self.bar.start()
        else:
            self._print(self.title)

    def show(self, activity: Activity | None) -> None:
        """What is under way within the stage, on a terminal."""
        if self.bar is not None and not self.total:
            what = f"{self.title}  {activity.line()}" if activity else self.title
            total, done = (activity.total, activity.done) if activity else (None, 0)
            self.bar.update(self.task, description=what, total=total, completed=done)

    def say(self, line: str) -> None:
        """A line on what is under way, where there is no terminal."""
        if not self.live:
            self.console.print(line, highlight=False, markup=False)

    def skipped(self, turn: int, stage: str) -> None:
        self.console.print(f"turn {turn}/{self.turns}  {NAMES[stage]}: already done", style="dim", highlight=False)

    def begin(self, turn: int, stage: str, total: int) -> None:
        """A stage of `total` steps begins."""
        self._stop_bar()
        self.total, self.first, self.began = total, 0, time.time()
        if self.live:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(24),
                MofNCompleteColumn(),
                TextColumn("{task.fields[numbers]}"),
                TimeElapsedColumn(),
            )
            self.bar = Bar(*columns, console=self.console, transient=True)
            self.task = self.bar.add_task(self.title, total=total, numbers="")
            self.bar.start()

    def resumed(self, step: int) -> None:
        """The stage starts behind `step`, from a checkpoint."""
        self.first, self.began = step, time.time()
        if step:
            self._print(f"{self.title}: continuing after step {step}")

    def step(self, step: int, metrics: Mapping[str, float]) -> None:
        """One step is done."""
        done = step - self.first
        left = (time.time() - self.began) / done * (self.total - step) if done else 0.0
        shown = ["reward"] if "reward" in metrics else [key for key in SHOWN if key in metrics]
        numbers = "  ".join([*(f"{SHOWN[key]} {metrics[key]:.3f}" for key in shown), f"left {clock(left)}"])
        if self.bar is not None:
            self.bar.update(self.task, completed=step, numbers=numbers)
        else:
            self._print(f"{self.title}  step {step}/{self.total}  {numbers}")

    def finished(self, turn: int, stage: str, seconds: float, last: Mapping[str, float]) -> None:
        """The stage is done; `last` holds its final numbers."""
        self.close()
        note = ""
        for key in ("reward", "held_out_accuracy"):
            if key in last:
                note = f"  {SHOWN[key]} {last[key]:.3f}"
        if _ACCURACY in last:
            note = f"  constraint accuracy {last[_ACCURACY]:.1%} ± {last.get(_STDERR, 0.0):.1%}"
        self.console.print(f"{self.title}: done in {clock(seconds)}{note}", highlight=False)

    def note(self, line: str) -> None:
        """One line between stages."""
        self.close()
        self.console.print(line, highlight=False)

    def close(self) -> None:
        self._stop_bar()
        self.total = 0
        if display := current():
            display.begin_stage(None)

    def _stop_bar(self) -> None:
        if self.bar is not None:
            self.bar.stop()
            self.bar = None

    def _print(self, line: str) -> None:
        self.console.print(line, highlight=False)
        if display := current():
            display.spoken()
