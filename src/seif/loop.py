"""The self-evolving loop, as in the paper (SEIF, arXiv 2605.07465).

    seeds -> [1] train Instructor -> [2] generate (Instructor, parse, Filter) -> instructions
          -> [3] train Follower (rollouts, Judger, GRPO) -> [4] evaluate -> next turn

Where a classifier is the Judger (arXiv 2510.14420), it learns from what the newest Follower answers to the instructions:

    instructions -> pseudo-label -> train reward model -> [3]

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
from seif.roles.assignment import REWARD_MODEL, Checkpoint, assign
from seif.run_dir import RunDir
from seif.tracking import Tracker, open_tracker


def run(config: Config, run_dir: RunDir, seeds: list[str], progress: Progress) -> None:
    """Run or resume the whole loop in an opened, locked run directory."""
    with open_tracker(config.report_to, run_dir.root, config.model_dump(mode="json")) as tracker:
        Loop(config, run_dir, seeds, progress, tracker).run()


class Loop:
    """The algorithm. `run` is the paper's pseudo-code; the methods below it only say which files a stage gets."""

    def __init__(self, config: Config, run_dir: RunDir, seeds: list[str], progress: Progress, tracker: Tracker) -> None:
        self.config, self.dir, self.seeds, self.progress, self.tracker = config, run_dir, seeds, progress, tracker

    def run(self) -> None:
        self.generate(0)
        if self.config.instructor.train:
            self.refresh_reward_model(0)
        self.evaluate(0)
        for turn in range(1, self.config.turns + 1):
            if self.config.instructor.train:
                self.train_instructor(turn)
            self.generate(turn)
            self.refresh_reward_model(turn)
            self.train_follower(turn)
            self.evaluate(turn)

    def train_instructor(self, turn: int) -> None:
        roles = assign(turn, self.config.judger.weights)
        with self.stage(turn, "train_instructor", self.dir.instructor(turn)) as log:
            start, answerer, judger = map(self.path, (roles.instructor_start, roles.answerer, roles.judger))
            reward_model = self.reward_model(roles.instructor_reward_model)
            stages.train_instructor(self.config, turn, start, answerer, judger, self.seeds, self.dir.instructor(turn), log, reward_model)

    def generate(self, turn: int) -> None:
        roles = assign(max(turn, 1), self.config.judger.weights, self.config.instructor.train)
        writer = self.path(roles.instruction_writer) if turn else self.config.model
        out = self.dir.instructions(turn)
        with self.stage(turn, "generate", out):
            if self.config.instructions is not None:
                stages.take(Path(self.config.instructions), self.seeds, out, self.dir.generation(turn))
                return
            stages.generate(self.config, turn, writer, self.path(roles.filter), self.seeds, out, self.dir.generation(turn))

    def refresh_reward_model(self, turn: int) -> None:
        """Where a classifier judges: the Follower that the turn starts from labels its own answers, and the classifier learns from them."""
        if not self.config.trains_reward_model:
            return
        labels = self.dir.pseudo_labels(turn)
        with self.stage(turn, "pseudo_label", labels) as log:
            answerer = self.path(assign(max(turn, 1)).follower_start)
            stages.pseudo_label(self.config, turn, answerer, self.dir.instructions(turn), labels, self.dir.pseudo_label_counts(turn), log)
        out = self.dir.reward_model(turn)
        with self.stage(turn, "train_reward_model", out) as log:
            stages.train_reward_model(self.config, turn, labels, out, self.dir.reward_model_numbers(turn), log)

    def train_follower(self, turn: int) -> None:
        roles = assign(turn, self.config.judger.weights)
        with self.stage(turn, "train_follower", self.dir.follower(turn)) as log:
            start, judger = map(self.path, (roles.follower_start, roles.judger))
            reward_model = self.reward_model(roles.follower_reward_model)
            stages.train_follower(self.config, turn, start, judger, self.dir.instructions(turn), self.dir.follower(turn), log, reward_model)

    def evaluate(self, turn: int) -> None:
        roles = assign(max(turn, 1), self.config.judger.weights)
        model = self.path(Checkpoint("follower", turn))
        files = (self.dir.instructions(turn), self.dir.generation(turn), self.dir.evaluation(turn), self.dir.showcase(turn))
        with self.stage(turn, "evaluate", self.dir.evaluation(turn)) as log:
            checks = [m["checks"] for m in self.dir.metrics.read() if m["turn"] == turn and "checks" in m]
            reward_model = self.reward_model(Checkpoint(REWARD_MODEL, turn))
            log.result(stages.evaluate(self.config, turn, model, self.path(roles.judger), self.seeds, *files, checks, reward_model))
        write_report(self.dir)

    def path(self, checkpoint: Checkpoint) -> str:
        """Where a checkpoint of the paper's table lies on disk."""
        if checkpoint.turn == 0:
            return self.config.model
        return str(self.dir.instructor(checkpoint.turn) if checkpoint.role == "instructor" else self.dir.follower(checkpoint.turn))

    def reward_model(self, checkpoint: Checkpoint) -> str | None:
        """The classifier that a turn trained; None where none is trained."""
        path = self.dir.reward_model(checkpoint.turn)
        return str(path) if path.exists() else None

    @contextmanager
    def stage(self, turn: int, name: str, output: Path) -> Iterator[RunLog]:
        """Skip, or note begin and end of, one stage; a half-finished one forgets what it had logged past its checkpoint."""
        log = RunLog(self.dir, turn, name, self.progress, self.tracker)
        if output.exists():
            self.progress.skipped(turn, name)
            yield log
            return
        self.dir.rewind(turn, name, -1 if name in ("generate", "pseudo_label", "evaluate") else 1 << 60)
        self.progress.started(turn, name)
        self.dir.event("stage_started", turn=turn, stage=name)
        began = time.time()
        yield log
        seconds = round(time.time() - began, 1)
        self.dir.event("stage_finished", turn=turn, stage=name, seconds=seconds)
        self.progress.finished(turn, name, seconds, log.last)


class RunLog:
    """A stage's log: metrics.jsonl, rollouts, trackers and the progress display."""

    def __init__(self, run_dir: RunDir, turn: int, stage: str, progress: Progress, tracker: Tracker) -> None:
        self.dir, self.turn, self.stage, self.progress, self.tracker = run_dir, turn, stage, progress, tracker
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
        self.tracker.training(self.turn, self.stage, step, metrics)
        self.last = metrics
        self.progress.step(step, metrics)

    def result(self, evaluation: dict[str, Any]) -> None:
        self.last = evaluation
        self.tracker.evaluation(self.turn, evaluation)


def plan(config: Config, seeds: int, constraints: float | None = None) -> dict[str, Any]:
    """What a run will do, in numbers, from the config and the number of seeds alone: no model is loaded.

    `constraints` is how many an instruction has on average; by default what the Instructor is asked for.
    """
    settings = config.instructor
    n, prompts = settings.grpo.samples, settings.grpo.prompts_per_step
    constraints = constraints or sum(t.constraints for t in settings.templates) / len(settings.templates)
    # A curriculum makes an instruction of every level, and general questions take their share of the places.
    general = config.self_supervised.general
    tasks = seeds * (constraints if config.self_supervised.curriculum != "none" else 1) / (1 - general.share if general.train else 1)
    trained = config.trains_reward_model
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
                "reward_model_for_instructor": str(roles.instructor_reward_model) if trained and settings.train else None,
                "reward_model_for_follower": str(roles.follower_reward_model) if trained else None,
                "follower_steps": stages.follower_steps(config, turn, round(tasks)),
            }
        )
    samples = prompts * n
    follower = config.follower.grpo.prompts_per_step * config.follower.grpo.samples
    return {
        "model": config.model,
        "seeds": seeds,
        "instructions": config.instructions,
        "turns": turns,
        "instructor_step": {
            "filter_calls": samples if config.filter.model else 0,
            "answer_calls": samples * settings.answers,
            "judge_calls": round(samples * settings.answers * constraints),
        },
        "follower_step": {"answers": follower, "judge_calls": round(follower * constraints)},
        "reward_model": {
            "starts_from": config.self_supervised.reward_model.base or config.model,
            "answers": round(seeds * (constraints + 1)) * config.self_supervised.answers,
            "epochs": config.self_supervised.reward_model.epochs,
        }
        if trained
        else None,
    }
