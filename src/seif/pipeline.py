"""What a stage is, and the only code that skips, rewinds and logs one."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from seif.artifacts import Beside, RunDir
from seif.atomic import JsonLines, read_json, set_aside
from seif.errors import RunError, UsageError
from seif.progress import Progress
from seif.stage_log import LoggedStep, Outcome, RolloutRecord, Tables
from seif.tables import iter_rows
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
    beside: tuple[Path, ...] = ()
    """What it writes before the output, and is checked and made again with it."""

    @property
    def outputs(self) -> tuple[Path, ...]:
        """All that it makes."""
        return (self.output, *self.beside)


class Pipeline:
    """Runs the stages of a run, each once."""

    def __init__(self, run_dir: RunDir, progress: Progress, tracker: Tracker) -> None:
        self.dir, self.progress, self.tracker = run_dir, progress, tracker

    def do(self, stage: Stage) -> None:
        """Skip a stage whose output is there and as it was written; else run it, and note its begin, its end, its peak
        of memory and the checksums of what it made. Damaged output is set aside and made again.

        Raises RunError for an input that is gone, and whatever the stage raises.
        """
        from seif.engines.memory import peak_memory, reset_peak

        checksums = self.dir.checksums
        wrong = self._damage(stage) if stage.output.exists() else None
        if stage.output.exists() and wrong is None:
            if not checksums.of([stage.output]):
                checksums.note(self._made(stage))
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
        before = checksums.of(stage.outputs) if wrong is not None else {}
        if wrong is not None:
            self._set_aside(stage, wrong)
        checksums.forget(stage.outputs)
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
        checksums.note(self._made(stage))
        self.dir.put_in_order()
        seconds = round(time.monotonic() - began, 1)
        used = {"cpu_seconds": round(_cpu_seconds() - worked, 1), "peak_bytes": peak_memory()}
        self.dir.event("stage_finished", turn=stage.turn, stage=stage.name, seconds=seconds, **used)
        self.progress.finished(stage.turn, stage.name, seconds, log.last)
        # An evaluation also says how long it took, and nothing is made from it.
        if before and stage.name != "evaluate" and checksums.of(stage.outputs) != before:
            self._note(f"{stage.output} was made again and is not what it was; later stages stand on what it was")

    def _note_end(self, stage: Stage) -> None:
        """Of a stage that was killed between its output and its end, which took until its output was there."""
        place: dict[str, str | float] = {"turn": stage.turn, "stage": stage.name}
        mine = [event for event in self.dir.events.read() if place.items() <= event.items()]
        if mine and mine[-1]["event"] == "stage_started":
            seconds = max(0.0, stage.output.stat().st_mtime - mine[-1]["time"])
            self.dir.event("stage_finished", **place, seconds=round(seconds, 1))

    def _damage(self, stage: Stage) -> str | None:
        """What is wrong with the outputs of a stage that is done. Those without a checksum are only read."""
        if self.dir.checksums.of([stage.output]):
            return self.dir.checksums.damage(stage.outputs)
        return next(filter(None, (_unreadable(path) for path in stage.outputs if path.exists())), None)

    def _made(self, stage: Stage) -> list[Path]:
        """What is there of a stage's outputs and logs."""
        logs = [self.dir.rollouts(stage.turn, stage.name).path]
        if stage.name == "train_follower":
            logs.append(self.dir.outcomes(stage.turn).path)
        return [path for path in (*stage.outputs, *logs) if path.exists()]

    def _set_aside(self, stage: Stage, wrong: str) -> None:
        """Keep what a stage has made under other names."""
        kept = [set_aside(path).name for path in stage.outputs if path.exists()]
        self._note(f"{wrong}; {stage.name} of turn {stage.turn} is done again, and {', '.join(kept)} kept")

    def _note(self, line: str) -> None:
        self.dir.event("set_aside", what=line)
        self.progress.note(line)


def _unreadable(path: Path) -> str | None:
    """Why a file, or one of a directory, can't be read; None where it can, as far as its format tells."""
    try:
        for file in path.rglob("*.json") if path.is_dir() else [path]:
            if file.suffix == ".json":
                read_json(file)
            elif file.suffix == ".jsonl":
                JsonLines(file).read()
            elif file.suffix == ".parquet":
                deque(iter_rows(file), maxlen=0)
    except UsageError as error:
        return str(error).removesuffix("; restore or remove it")
    return None

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
        rollouts.append(*({**place, **record} for record in records))
        shown.append(*({**place, **asdict(outcome)} for outcome in outcomes))
        self.dir.metrics.append(LoggedStep(self.turn, self.stage, step, metrics, checks or {}).to_json())
        self.tracker.training(self.turn, self.stage, step, metrics)
        self.last = metrics
        self.progress.step(step, metrics)

    def result(self, numbers: Mapping[str, float]) -> None:
        """The evaluation of the turn as flat numbers, for the progress display and the trackers."""
        self.last = numbers
        self.tracker.evaluation(self.turn, numbers)


def _check_step(record: Mapping[str, object]) -> None:
    if not isinstance(record["step"], int):
        raise TypeError(f"`step` is {record['step']!r}")


class FileLog:
    """A stage's log when it runs outside a run directory: metrics beside the output, and trackers. No later turn reads
    its outcomes, so they are not kept."""

    def __init__(self, out: Path, progress: Progress, tracker: Tracker | None = None, stage: str = "") -> None:
        self.metrics = JsonLines(Beside(out).metrics, _check_step)
        self.progress, self.tracker, self.stage = progress, tracker, stage

    def begin(self, total: int) -> None:
        self.progress.begin(1, "", total)

    def resumed(self, step: int) -> None:
        if (line := self.metrics.set_aside_damage()) is not None:
            self.progress.note(line)
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
