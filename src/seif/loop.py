"""The self-evolving loop, as in the paper (SEIF, arXiv 2605.07465).

    seeds -> [1] train Instructor -> [2] generate (Instructor, parse, Filter) -> instructions
          -> [3] train Follower (rollouts, Judger, GRPO) -> [4] evaluate -> next turn

Every stage is skipped when its output is whole, so running the same command again continues where it stopped.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seif import stages
from seif.config import Config
from seif.progress import Progress
from seif.report.page import write_report
from seif.roles.assignment import Checkpoint, assign
from seif.run_dir import RunDir


def run(config: Config, run_dir: RunDir, seeds: list[str], progress: Progress) -> None:
    """Run or resume the whole loop in an opened, locked run directory."""
    Loop(config, run_dir, seeds, progress).run()


class Loop:
    """The algorithm. `run` is the paper's pseudo-code; the methods below it only say which files a stage gets."""

    def __init__(self, config: Config, run_dir: RunDir, seeds: list[str], progress: Progress) -> None:
        self.config, self.dir, self.seeds, self.progress = config, run_dir, seeds, progress

    def run(self) -> None:
        self.generate(0)
        self.evaluate(0)
        for turn in range(1, self.config.turns + 1):
            if self.config.instructor.train:
                self.train_instructor(turn)
            self.generate(turn)
            self.train_follower(turn)
            self.evaluate(turn)

    def train_instructor(self, turn: int) -> None:
        roles = assign(turn, self.config.judger.weights)
        with self.stage(turn, "train_instructor", self.dir.instructor(turn)) as log:
            start, answerer, judger = map(self.path, (roles.instructor_start, roles.answerer, roles.judger))
            stages.train_instructor(self.config, turn, start, answerer, judger, self.seeds, self.dir.instructor(turn), log)

    def generate(self, turn: int) -> None:
        roles = assign(max(turn, 1), self.config.judger.weights, self.config.instructor.train)
        writer = self.path(roles.instruction_writer) if turn else self.config.model
        out = self.dir.instructions(turn)
        with self.stage(turn, "generate", out):
            stages.generate(self.config, turn, writer, self.path(roles.filter), self.seeds, out, self.dir.generation(turn))

    def train_follower(self, turn: int) -> None:
        roles = assign(turn, self.config.judger.weights)
        with self.stage(turn, "train_follower", self.dir.follower(turn)) as log:
            start, judger = map(self.path, (roles.follower_start, roles.judger))
            stages.train_follower(self.config, turn, start, judger, self.dir.instructions(turn), self.dir.follower(turn), log)

    def evaluate(self, turn: int) -> None:
        roles = assign(max(turn, 1), self.config.judger.weights)
        model = self.path(Checkpoint("follower", turn))
        files = (self.dir.instructions(turn), self.dir.generation(turn), self.dir.evaluation(turn), self.dir.showcase(turn))
        with self.stage(turn, "evaluate", self.dir.evaluation(turn)) as log:
            checks = [m["checks"] for m in self.dir.metrics.read() if m["turn"] == turn and "checks" in m]
            log.result(stages.evaluate(self.config, turn, model, self.path(roles.judger), self.seeds, *files, checks))
        write_report(self.dir)

    def path(self, checkpoint: Checkpoint) -> str:
        """Where a checkpoint of the paper's table lies on disk."""
        if checkpoint.turn == 0:
            return self.config.model
        return str(self.dir.instructor(checkpoint.turn) if checkpoint.role == "instructor" else self.dir.follower(checkpoint.turn))

    @contextmanager
    def stage(self, turn: int, name: str, output: Path) -> Iterator[RunLog]:
        """Skip, or note begin and end of, one stage; a half-finished one forgets what it had logged past its checkpoint."""
        log = RunLog(self.dir, turn, name, self.progress)
        if output.exists():
            self.progress.skipped(turn, name)
            yield log
            return
        self.dir.rewind(turn, name, -1 if name in ("generate", "evaluate") else 1 << 60)
        self.progress.started(turn, name)
        self.dir.event("stage_started", turn=turn, stage=name)
        began = time.time()
        yield log
        seconds = round(time.time() - began, 1)
        self.dir.event("stage_finished", turn=turn, stage=name, seconds=seconds)
        self.progress.finished(turn, name, seconds, log.last)


class RunLog:
    """A stage's log: metrics.jsonl, rollouts and the progress display."""

    def __init__(self, run_dir: RunDir, turn: int, stage: str, progress: Progress) -> None:
        self.dir, self.turn, self.stage, self.progress = run_dir, turn, stage, progress
        self.last: dict[str, Any] = {}

    def begin(self, total: int) -> None:
        self.progress.begin(self.turn, self.stage, total)

    def resumed(self, step: int) -> None:
        self.dir.rewind(self.turn, self.stage, step)
        self.progress.resumed(step)

    def step(self, step: int, metrics: dict[str, Any], records: list[dict[str, Any]]) -> None:
        place = {"turn": self.turn, "stage": self.stage, "step": step}
        rollouts = self.dir.rollouts(self.turn, self.stage)
        for record in records:
            rollouts.append({**place, **record})
        self.dir.metrics.append({**place, **metrics})
        self.last = metrics
        self.progress.step(step, metrics)

    def result(self, evaluation: dict[str, Any]) -> None:
        self.last = evaluation


def plan(config: Config, seeds: int) -> dict[str, Any]:
    """What a run will do, in numbers, from the config and the number of seeds alone: no model is loaded."""
    settings = config.instructor
    n, prompts = settings.grpo.samples, settings.grpo.prompts_per_step
    constraints = sum(t.constraints for t in settings.templates) / len(settings.templates)
    turns = []
    for turn in range(1, config.turns + 1):
        roles = assign(turn, config.judger.weights, settings.train)
        turns.append(
            {
                "turn": turn,
                "instructor_starts_from": str(roles.instructor_start) if settings.train else None,
                "instructions_written_by": str(roles.instruction_writer),
                "filter": str(roles.filter),
                "answerer": str(roles.answerer),
                "judger": str(roles.judger),
                "follower_starts_from": str(roles.follower_start),
                "instructor_steps": stages.instructor_steps(config, seeds) if settings.train else 0,
                "follower_steps": stages.follower_steps(config, turn, seeds),
            }
        )
    samples = prompts * n
    follower = config.follower.grpo.prompts_per_step * config.follower.grpo.samples
    return {
        "model": config.model,
        "seeds": seeds,
        "turns": turns,
        "instructor_step": {
            "filter_calls": samples if config.filter.model else 0,
            "answer_calls": samples * settings.answers,
            "judge_calls": round(samples * settings.answers * constraints),
        },
        "follower_step": {"answers": follower, "judge_calls": round(follower * constraints)},
    }
