"""The stages that the recipes are made of: which checkpoints and files each gets in which turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from seif import stages
from seif.artifacts import EarlyStop, RunDir
from seif.atomic import read_json
from seif.config import Config
from seif.distributed.job import RunTraining
from seif.evaluation.audit import Audit
from seif.evaluation.results import GenerationNumbers, flat
from seif.evaluation.stopping import Pool, best_turn, reason_to_stop
from seif.instructions import types_in
from seif.models import JudgeWeights
from seif.pipeline import Pipeline, RunLog, Stage
from seif.quantities import quantity
from seif.repair import reads_outcomes
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
        """The turns, up to the one behind which the loop should end (docs/audit.md)."""
        self.dir.stop_early(None)
        for turn in range(1, self.config.turns + 1):
            yield turn
            if turn < self.config.turns and self._ends(turn):
                return

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
        judge = self._audited(turn, judge)
        archived = range(1, turn) if self.config.instructor.archive_penalty else ()
        pools = tuple(map(self.dir.instructions, archived))
        training = stages.InstructorTraining(
            turn, start, answerer, judge, self.dir.seeds, out, self._outcomes(turn), pools
        )

        def run(log: RunLog) -> None:
            self.run_training(training, log)

        inputs = (*pools, *_files(judge.audit), *self._allocated_by(turn))
        self.pipeline.do(Stage(turn, "train_instructor", inputs, out, run, resumable=True))

    def generate(self, turn: int, judge: JudgeWeights) -> None:
        """[Instructor, Filter] write the turn's instructions; the Follower's answers, judged by `judge`, choose among
        them where the config wants that. Or the user's own are taken."""
        out, numbers = self.dir.instructions(turn), self.dir.generation(turn)
        roles, judge = self._roles(turn), self._audited(turn, judge)
        writer = self._path(roles.instruction_writer) if turn else self.config.model

        def run(log: RunLog) -> None:
            if self.config.instructions is not None:
                held_out = types_in(self.config.held_out_types)
                dropped = stages.take(Path(self.config.instructions), self.seeds, out, numbers, held_out)
                if dropped:
                    self.pipeline.progress.note(f"{quantity(dropped, 'instruction')} of held-out types left out")
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

        read = set(self._allocated_by(turn))
        if self.config.instructor.probes:
            read.update(_files(judge.audit))
        if self.config.instructor.edits:
            read.update(self._outcomes(turn)[-1:])
        self.pipeline.do(Stage(turn, "generate", tuple(sorted(read)), out, run, beside=(numbers,)))

    def pseudo_label(self, turn: int) -> None:
        """[Follower] answers with and without each soft constraint."""
        instructions, out = self.dir.instructions(turn), self.dir.pseudo_labels(turn)
        answerer, counts = self._path(self._roles(turn).follower_start), self.dir.pseudo_label_counts(turn)

        def run(log: RunLog) -> None:
            stages.pseudo_label(self.config, turn, answerer, instructions, out, counts, log)

        self.pipeline.do(Stage(turn, "pseudo_label", (instructions,), out, run, beside=(counts,)))

    def train_reward_model(self, turn: int) -> None:
        """Pseudo-labels become a calibrated classifier."""
        labels, out = self.dir.pseudo_labels(turn), self.dir.reward_model(turn)
        numbers = self.dir.reward_model_numbers(turn)
        training = stages.RewardModelTraining(turn, labels, out, numbers)

        def run(log: RunLog) -> None:
            self.run_training(training, log)

        self.pipeline.do(Stage(turn, "train_reward_model", (labels,), out, run, resumable=True, beside=(numbers,)))

    def train_follower(self, turn: int, judge: JudgeWeights) -> None:
        """[Follower] starts from that of the turn before."""
        instructions, out = self.dir.instructions(turn), self.dir.follower(turn)
        judge = self._audited(turn, judge)
        settings = self.config.follower
        earlier = tuple(EarlierTurn(self.dir.instructions(t), self.dir.outcomes(t).path) for t in range(1, turn))
        # Of the turns that `replay` draws from, both files; of the last one, its outcomes for `hindsight`.
        read = {path for t in earlier if settings.replay for path in (t.instructions, t.outcomes)}
        read |= {t.outcomes for t in earlier[-1:] if settings.hindsight}
        inputs = (instructions, *_files(judge.audit), *sorted(read))
        start = self._path(self._roles(turn).follower_start)
        training = stages.FollowerTraining(turn, start, judge, instructions, out, earlier)

        def run(log: RunLog) -> None:
            self.run_training(training, log)
            if too_long := round(log.last.get("too_long", 0)):
                self.pipeline.progress.note(f"{quantity(too_long, 'task')} longer than the limit left out of training")

        outcomes = (self.dir.outcomes(turn).path,) if reads_outcomes(self.config) else ()
        self.pipeline.do(Stage(turn, "train_follower", inputs, out, run, resumable=True, beside=outcomes))

    def audit(self, turn: int, judge: JudgeWeights, upcoming: JudgeWeights | None = None) -> None:
        """The turn's judge, and the `upcoming` one of the next turn, against the verifiers on the turn's Follower's
        answers; then `best` links to the best Follower so far. Nothing without audit tasks.
        """
        if self.config.audit is None:
            return
        out, judge = self.dir.audit(turn), self._audited(turn, judge)

        request = stages.AuditRequest(
            turn=turn,
            model=self._path(Checkpoint("follower", turn)),
            judge=judge,
            next_judge=upcoming if turn < self.config.turns else None,
            rollouts=self.dir.rollouts(turn, "train_follower"),
            out=out,
        )
        if out.exists() and stages.lacks_next_judge(self.config, request):
            self.dir.event("audit_repeated", turn=turn, reason="there are more turns now")
            out.unlink()

        def run(log: RunLog) -> None:
            stages.audit(self.config, request)

        self.pipeline.do(Stage(turn, "audit", _files(judge.audit), out, run))
        # Of a run that is resumed, the newest audit alone says which turn is the best.
        if not self.dir.audit(turn + 1).exists():
            self._choose_best(turn)

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
            audited = self._audits(turn)[-1].numbers if self.config.audit is not None else {}
            log.result({**flat(stages.evaluate(self.config, request)), **audited})

        beside = (self.dir.showcase(turn),)
        self.pipeline.do(Stage(turn, "evaluate", (instructions, generation), out, run, beside=beside))
        write_report(self.dir)

    def _audited(self, turn: int, judge: JudgeWeights) -> JudgeWeights:
        """The judge with what the audit of the turn before says of it."""
        return replace(judge, audit=str(self.dir.audit(turn - 1))) if self.config.audit is not None and turn else judge

    def _audits(self, turn: int) -> list[Audit]:
        """Those of the turns up to this one, the base first."""
        files = [self.dir.audit(t) for t in range(turn + 1)]
        return [Audit.from_json(read_json(file), file) for file in files]

    def _choose_best(self, turn: int) -> None:
        best = best_turn(self._audits(turn))
        assert best is not None
        path = self._path(Checkpoint("follower", best.turn))
        numbers: dict[str, float | str] = {
            "turn": best.turn,
            "model": path,
            "accuracy": best.accuracy or 0.0,
            "stderr": best.stderr or 0.0,
        }
        self.dir.choose_best(numbers, Path(path) if Path(path).is_dir() else None)

    def _ends(self, turn: int) -> bool:
        """Whether the loop should end behind this turn; why is shown, and noted once."""
        if self.config.audit is None:
            return False
        pool = None
        if self.train_instructors:
            files = (self.dir.generation(0), self.dir.generation(turn))
            base, written = (GenerationNumbers.from_json(read_json(file), file).pool for file in files)
            pool = Pool(written.top_type or "", written.type_entropy, base.type_entropy)
        settings = self.config.stop
        reason = reason_to_stop(self._audits(turn), pool, settings)
        if reason is None:
            return False
        kind = "stopped_early" if settings.enabled else "stop_ignored"
        noted = {(event["event"], event.get("turn")) for event in self.dir.events.whole()}
        if (kind, turn) not in noted:
            self.dir.event(kind, turn=turn, reason=reason)
        if not settings.enabled:
            self.pipeline.progress.note(f"turn {turn}: {reason}; the run goes on, because stop.enabled is false")
            return False
        self.pipeline.progress.note(f"stopped after turn {turn}: {reason}; --set stop.enabled=false goes on")
        self.dir.stop_early(EarlyStop(turn, reason))
        write_report(self.dir)
        return True

    def _outcomes(self, turn: int) -> tuple[Path, ...]:
        """What the Follower's rollouts showed in the turns before."""
        return tuple(self.dir.outcomes(earlier).path for earlier in range(1, turn))

    def _allocated_by(self, turn: int) -> tuple[Path, ...]:
        """The files that say what the Instructor is asked to write."""
        return self._outcomes(turn) if self.config.instructor.allocation == "bandit" else ()

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


def _files(path: str | None) -> tuple[Path, ...]:
    return () if path is None else (Path(path),)
