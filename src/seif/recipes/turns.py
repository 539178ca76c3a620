"""The stages that the recipes are made of: which checkpoints and files each gets in which turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from seif import stages
from seif.artifacts import RunDir
from seif.config import Config
from seif.distributed.job import RunTraining
from seif.evaluation.results import flat
from seif.models import JudgeWeights
from seif.pipeline import Pipeline, RunLog, Stage
from seif.replay import EarlierTurn
from seif.report.page import write_report
from seif.roles.assignment import Assignment, Checkpoint, assign


class Turns:
    """The turns of a run, from 1. Turn 0 is the base, which writes and answers before anything is trained."""

    def __init__(
        self, config: Config, run_dir: RunDir, seeds: Sequence[str], pipeline: Pipeline, run_training: RunTraining
    ) -> None:
        self.config, self.dir, self.seeds, self.pipeline = config, run_dir, seeds, pipeline
        self.run_training = run_training
        self.train_instructors = config.instructor.train
        self.first_reward_model = config.instructor.train or config.instructor.probes > 0
        """Whether something is judged before turn 1 has trained its reward model."""

    def __iter__(self) -> Iterator[int]:
        return iter(range(1, self.config.turns + 1))

    def judge(self, turn: int) -> JudgeWeights:
        """The language model that judges in a turn."""
        return JudgeWeights(self._frozen(turn))

    def reward_model_judge(self, turn: int, trained: int) -> JudgeWeights:
        """The reward model of turn `trained`, None before it is there; the turn's language model stays the Filter's."""
        path = self.dir.reward_model(trained)
        return JudgeWeights(self._frozen(turn), str(path) if path.exists() else None)

    def train_instructor(self, turn: int, judge: JudgeWeights) -> None:
        """[Instructor] starts from that of the turn before; the newest Follower answers it."""
        roles, out = self._roles(turn), self.dir.instructor(turn)
        start, answerer = self._path(roles.instructor_start), self._path(roles.answerer)
        archived = range(1, turn) if self.config.instructor.archive_penalty else ()
        pools = tuple(map(self.dir.instructions, archived))
        training = stages.InstructorTraining(
            turn, start, answerer, judge, self.dir.seeds, out, self._outcomes(turn), pools
        )

        def run(log: RunLog) -> None:
            self.run_training(training, log)

        self.pipeline.do(Stage(turn, "train_instructor", pools, out, run, resumable=True))

    def generate(self, turn: int, judge: JudgeWeights) -> None:
        """[Instructor, Filter] write the turn's instructions; the Follower's answers, judged by `judge`, choose among
        them where the config wants that. Or the user's own are taken."""
        out, numbers = self.dir.instructions(turn), self.dir.generation(turn)
        roles = self._roles(turn)
        writer = self._path(roles.instruction_writer) if turn else self.config.model

        def run(log: RunLog) -> None:
            if self.config.instructions is not None:
                stages.take(Path(self.config.instructions), self.seeds, out, numbers)
            else:
                request = stages.GenerationRequest(
                    turn=turn,
                    writer=writer,
                    filter_model=self._frozen(turn),
                    answerer=self._path(roles.answerer),
                    judge=judge,
                    seeds=self.seeds,
                    out=out,
                    stats=numbers,
                    outcomes=self._outcomes(turn),
                )
                stages.generate(self.config, request)

        self.pipeline.do(Stage(turn, "generate", (), out, run))

    def pseudo_label(self, turn: int) -> None:
        """[Follower] answers with and without each soft constraint."""
        instructions, out = self.dir.instructions(turn), self.dir.pseudo_labels(turn)
        answerer = self._path(self._roles(turn).follower_start)

        def run(log: RunLog) -> None:
            stages.pseudo_label(self.config, turn, answerer, instructions, out, self.dir.pseudo_label_counts(turn), log)

        self.pipeline.do(Stage(turn, "pseudo_label", (instructions,), out, run))

    def train_reward_model(self, turn: int) -> None:
        """Pseudo-labels become a calibrated classifier."""
        labels, out = self.dir.pseudo_labels(turn), self.dir.reward_model(turn)
        training = stages.RewardModelTraining(turn, labels, out, self.dir.reward_model_numbers(turn))

        def run(log: RunLog) -> None:
            self.run_training(training, log)

        self.pipeline.do(Stage(turn, "train_reward_model", (labels,), out, run, resumable=True))

    def train_follower(self, turn: int, judge: JudgeWeights) -> None:
        """[Follower] starts from that of the turn before."""
        instructions, out = self.dir.instructions(turn), self.dir.follower(turn)
        earlier = tuple(EarlierTurn(self.dir.instructions(t), self.dir.outcomes(t).path) for t in range(1, turn))
        start = self._path(self._roles(turn).follower_start)
        training = stages.FollowerTraining(turn, start, judge, instructions, out, earlier)

        def run(log: RunLog) -> None:
            self.run_training(training, log)

        self.pipeline.do(Stage(turn, "train_follower", (instructions,), out, run, resumable=True))

    def evaluate(self, turn: int, judge: JudgeWeights) -> None:
        """The turn's Follower on held-out tasks, its judge against the verifiers; then the report is written anew."""
        instructions, generation, out = (
            self.dir.instructions(turn),
            self.dir.generation(turn),
            self.dir.evaluation(turn),
        )

        def run(log: RunLog) -> None:
            request = stages.EvaluationRequest(
                turn=turn,
                model=self._path(Checkpoint("follower", turn)),
                judge=judge,
                seeds=self.seeds,
                instructions=instructions,
                generation=generation,
                out=out,
                showcase=self.dir.showcase(turn),
                checks=[s.checks for s in self.dir.steps() if s.turn == turn and s.checks],
            )
            log.result(flat(stages.evaluate(self.config, request)))

        self.pipeline.do(Stage(turn, "evaluate", (instructions, generation), out, run))
        write_report(self.dir)

    def _outcomes(self, turn: int) -> tuple[Path, ...]:
        """What the Follower's rollouts showed in the turns before."""
        return tuple(self.dir.outcomes(earlier).path for earlier in range(1, turn))

    def _roles(self, turn: int) -> Assignment:
        return assign(max(turn, 1), self.config.judger.weights, self.train_instructors)

    def _frozen(self, turn: int) -> str:
        """What filters and judges in a turn."""
        return self.config.judger.checkpoint or self._path(self._roles(turn).judger)

    def _path(self, checkpoint: Checkpoint) -> str:
        """Where a checkpoint of the paper's table lies on disk."""
        if checkpoint.turn == 0:
            return self.config.model
        return str(
            self.dir.instructor(checkpoint.turn)
            if checkpoint.role == "instructor"
            else self.dir.follower(checkpoint.turn)
        )
