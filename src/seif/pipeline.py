"""What a stage is, and the only code that skips, rewinds and logs one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from seif.artifacts import Beside, RunDir
from seif.atomic import JsonLines
from seif.errors import RunError
from seif.progress import Progress
from seif.stage_log import LoggedStep, Outcome, RolloutRecord, Tables
from seif.tracking import Tracker


@dataclass(frozen=True)
class Stage:
    """One stage of a turn: files in, one file or directory out."""

    turn: int
    name: str
    """One of `artifacts.STAGES`."""
    inputs: tuple[Path, ...]
    """What earlier stages made and this one reads."""
    output: Path
    """It appears only when the stage is done, and then the stage is not run again."""
    run: Callable[[RunLog], None]
    resumable: bool = False
    """It goes on after its last checkpoint and says so to the log; any other stage logs all of its steps anew."""


class Pipeline:
    """Runs the stages of a run, each once."""

    def __init__(self, run_dir: RunDir, progress: Progress, tracker: Tracker) -> None:
        self.dir, self.progress, self.tracker = run_dir, progress, tracker

    def do(self, stage: Stage) -> None:
        """Skip a stage whose output is there; else run it, and note its begin, its end and its peak of memory.

        Raises RunError for an input that is gone, and whatever the stage raises.
        """
        from seif.engines.memory import peak_memory, reset_peak

        if stage.output.exists():
            Beside(stage.output).drop_unfinished()
            self._note_end(stage)
            self.progress.skipped(stage.turn, stage.name)
            return
        for path in stage.inputs:
            if not path.exists():
                raise RunError(
                    f"{path} is gone, which {stage.name} of turn {stage.turn} "
                    f"reads; remove {path.parent} to make it again"
                )
        if stage.resumable:
            self.dir.forget_later(stage.turn, stage.name)
        else:
            self.dir.forget(stage.turn, stage.name)
        log = RunLog(self.dir, stage.turn, stage.name, self.progress, self.tracker)
        self.progress.started(stage.turn, stage.name)
        self.dir.event("stage_started", turn=stage.turn, stage=stage.name)
        reset_peak()
        began, worked = time.monotonic(), _cpu_seconds()
        stage.run(log)
        seconds = round(time.monotonic() - began, 1)
        used = {"cpu_seconds": round(_cpu_seconds() - worked, 1), "peak_bytes": peak_memory()}
        self.dir.event("stage_finished", turn=stage.turn, stage=stage.name, seconds=seconds, **used)
        self.progress.finished(stage.turn, stage.name, seconds, log.last)

    def _note_end(self, stage: Stage) -> None:
        """Of a stage that was killed between its output and its end, which took until its output was there."""
        place: dict[str, str | float] = {"turn": stage.turn, "stage": stage.name}
        mine = [event for event in self.dir.events.read() if place.items() <= event.items()]
        if mine and mine[-1]["event"] == "stage_started":
            seconds = max(0.0, stage.output.stat().st_mtime - mine[-1]["time"])
            self.dir.event("stage_finished", **place, seconds=round(seconds, 1))


def _cpu_seconds() -> float:
    """Of this process, and of those that it has started and that have ended."""
    return sum(os.times()[:4])


class RunLog:
    """A stage's log in a run directory: metrics.jsonl, rollouts, outcomes, trackers and the progress display."""

    def __init__(self, run_dir: RunDir, turn: int, stage: str, progress: Progress, tracker: Tracker) -> None:
        self.dir, self.turn, self.stage, self.progress, self.tracker = run_dir, turn, stage, progress, tracker
        self.last: Mapping[str, float] = {}

    def begin(self, total: int) -> None:
        self.progress.begin(self.turn, self.stage, total)

    def resumed(self, step: int) -> None:
        self.dir.rewind(self.turn, self.stage, step)
        self.progress.resumed(step)

    def step(
        self,
        step: int,
        metrics: Mapping[str, float],
        records: Sequence[RolloutRecord] = (),
        checks: Tables | None = None,
        outcomes: Sequence[Outcome] = (),
    ) -> None:
        place = {"turn": self.turn, "stage": self.stage, "step": step}
        rollouts, shown = self.dir.rollouts(self.turn, self.stage), self.dir.outcomes(self.turn)
        for record in records:
            rollouts.append({**place, **record})
        for outcome in outcomes:
            shown.append({**place, **asdict(outcome)})
        self.dir.metrics.append(LoggedStep(self.turn, self.stage, step, metrics, checks or {}).to_json())
        self.tracker.training(self.turn, self.stage, step, metrics)
        self.last = metrics
        self.progress.step(step, metrics)

    def result(self, numbers: Mapping[str, float]) -> None:
        """The evaluation of the turn as flat numbers, for the progress display and the trackers."""
        self.last = numbers
        self.tracker.evaluation(self.turn, numbers)


class FileLog:
    """A stage's log when it runs outside a run directory: metrics beside the output, and trackers. No later turn reads
    its outcomes, so they are not kept."""

    def __init__(self, out: Path, progress: Progress, tracker: Tracker | None = None, stage: str = "") -> None:
        self.metrics = JsonLines(Beside(out).metrics)
        self.progress, self.tracker, self.stage = progress, tracker, stage

    def begin(self, total: int) -> None:
        self.progress.begin(1, "", total)

    def resumed(self, step: int) -> None:
        self.metrics.keep(lambda record: record["step"] <= step)
        self.progress.resumed(step)

    def step(
        self,
        step: int,
        metrics: Mapping[str, float],
        records: Sequence[RolloutRecord] = (),
        checks: Tables | None = None,
        outcomes: Sequence[Outcome] = (),
    ) -> None:
        self.metrics.append({"step": step, **metrics, **({"checks": checks} if checks else {})})
        if self.tracker is not None:
            self.tracker.training(1, self.stage, step, metrics)
        self.progress.step(step, metrics)
