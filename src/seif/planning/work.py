"""What each stage of a run does, in tokens and calls, and how long that takes at given rates."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from seif.config import Config, Grpo
from seif.planning.placement import Placement
from seif.planning.rates import DISK, LONGEST, Lengths, Rates
from seif.results import Plan, PlannedTurn, StageEstimate

_SERVED_ROWS = 256
"""Requests that vLLM writes at once on one device, by default."""
_CLASSIFIER = 0.6
"""A classifier's training reads a token in this share of a GRPO update's time: it has no reference."""


@dataclass(frozen=True)
class TaskSet:
    """How large a file of tasks is."""

    tasks: int = 0
    constraints: float = 0.0
    """Mean of a task."""

    def limited(self, most: int | None) -> int:
        """How many of the tasks are used."""
        return min(most or self.tasks, self.tasks)


@dataclass(frozen=True)
class Measured:
    """The tasks that a run measures its models on."""

    held_out: TaskSet = TaskSet()
    held_out_types: TaskSet = TaskSet()
    audit: TaskSet = TaskSet()


@dataclass(frozen=True)
class _Step:
    """What one step of a training stage does beside its update."""

    seconds: float
    calls: int
    read: float
    written: float


class Work:
    """The stages of a run as `plan` lays them out, at `rates`."""

    def __init__(self, config: Config, plan: Plan, rates: Rates, placement: Placement, measured: Measured) -> None:
        self.config, self.plan, self.rates, self.placement = config, plan, rates, placement
        self.measured = measured
        self.training = placement.train if rates.gpu else placement.nodes
        """Devices that share a training stage; the processes of a CPU share its cores, so a node counts once."""
        templates = config.instructor.templates
        self.constraints = sum(t.constraints for t in templates) / len(templates)

    @property
    def lengths(self) -> Lengths:
        return self.rates.lengths

    def stages(self) -> Iterator[StageEstimate]:
        """Every stage, in the order in which a run goes through them."""
        for turn in (None, *self.plan.turns):
            if turn is not None and turn.instructor_steps:
                yield self._train_instructor(turn)
            number = turn.turn if turn else 0
            yield self._generate(number)
            settings = self.config.instructor
            if self.plan.reward_model and (turn or settings.train or settings.probes):
                yield from self._reward_model(number)
            if turn is not None:
                yield self._train_follower(turn)
            if self.measured.audit.tasks:
                yield self._audit(number)
            yield self._evaluate(number)

    # --- stages -------------------------------------------------------------------------------------------------------

    def _train_instructor(self, turn: PlannedTurn) -> StageEstimate:
        config, lengths = self.config, self.lengths
        grpo = config.instructor.grpo
        parsed = grpo.prompts_per_step * grpo.samples * lengths.parsable
        answered = parsed * lengths.accepted * config.instructor.answers
        devices, limit = self.placement.rewarding, config.follower.grpo.max_new_tokens
        deciding = self._decide(parsed, devices)
        answering = self._answer(answered, lengths.follower_prompt, limit, devices)
        judging = self._judge(answered * lengths.answered * self.constraints, devices)
        prompt, reply = lengths.instructor_prompt, lengths.instructor_reply
        return self._training(
            "train_instructor", turn.turn, turn.instructor_steps, grpo, (prompt, reply), [deciding, answering, judging]
        )

    def _train_follower(self, turn: PlannedTurn) -> StageEstimate:
        grpo, lengths = self.config.follower.grpo, self.lengths
        constraints = grpo.prompts_per_step * grpo.samples * lengths.answered * self.constraints
        judging = self._judge(constraints, self.placement.rewarding)
        texts = (lengths.follower_prompt, lengths.follower_reply)
        return self._training("train_follower", turn.turn, turn.follower_steps, grpo, texts, [judging])

    def _training(
        self, stage: str, turn: int, steps: int, grpo: Grpo, texts: tuple[float, float], asked: list[_Step]
    ) -> StageEstimate:
        speed, (prompt, reply) = self.rates.speed, texts
        rollouts = grpo.prompts_per_step * grpo.samples
        devices = self.placement.rewarding if grpo.sampler == "served" else self.training
        sampling = self._write(rollouts, reply, grpo.max_new_tokens, prompt, grpo.sampler == "engine", devices)
        sampling += grpo.prompts_per_step * prompt * speed.read / devices
        trained = rollouts * (prompt + reply)
        update = speed.around + trained * speed.trained / self.training
        step = sampling + update + sum(part.seconds for part in asked)
        models = 1 if self.config.engine.kind == "local" else 0
        around = self._around + models * speed.load
        return StageEstimate(
            turn=turn,
            stage=stage,
            seconds=around + steps * step + steps // grpo.save_every * self._save(grpo),
            trained=round(steps * trained),
            sampled=round(steps * rollouts * reply),
            calls=steps * sum(part.calls for part in asked),
            read=round(steps * sum(part.read for part in asked)),
            written=round(steps * sum(part.written for part in asked)),
        )

    def _generate(self, turn: int) -> StageEstimate:
        if self.config.instructions is not None:
            return StageEstimate(turn, "generate", 0.0)
        settings, lengths = self.config.instructor, self.lengths
        filters = self.config.filter.generation
        refused = 1 - lengths.parsable * (lengths.accepted if filters else 1)
        gated = turn > 0 and settings.probes > 0
        seeds = self.plan.seeds if self.plan.seeds_per_turn is None else self.plan.seeds_per_turn
        wanted = seeds * (settings.candidates if gated else 1)
        draws = wanted * sum(refused**attempt for attempt in range(settings.attempts))
        prompt, reply, limit = lengths.instructor_prompt, lengths.instructor_reply, settings.grpo.max_new_tokens
        seconds = self._frozen(draws, prompt, reply, limit, self._asking)
        # The turn before gives instructions to edit from turn 2 on; the Filter decides on them too.
        edits = seeds * settings.edits if gated and turn > 1 else 0.0
        deciding = self._decide(draws * lengths.parsable + edits if filters else 0, self._asking)
        probed = (wanted * (1 - refused**settings.attempts) + edits) * settings.probes if gated else 0.0
        answering = self._answer(
            probed, lengths.follower_prompt, self.config.follower.grpo.max_new_tokens, self._asking
        )
        judging = self._judge(probed * lengths.answered * self.constraints, self._asking)
        asked = (deciding, answering, judging)
        others = gated or (filters and self.config.filter.model)
        loads = 2 if turn and others else 1
        return StageEstimate(
            turn=turn,
            stage="generate",
            seconds=loads * self.rates.speed.load + seconds + sum(part.seconds for part in asked),
            sampled=round(draws * lengths.instructor_reply),
            calls=sum(part.calls for part in asked),
            read=round(sum(part.read for part in asked)),
            written=round(sum(part.written for part in asked)),
        )

    def _reward_model(self, turn: int) -> Iterator[StageEstimate]:
        reward_model, lengths = self.plan.reward_model, self.lengths
        assert reward_model is not None
        answers = int(reward_model["answers"] or 0)
        answering = self._answer(answers, lengths.follower_prompt, self.config.answer_tokens, self._asking)
        yield StageEstimate(
            turn=turn,
            stage="pseudo_label",
            seconds=self.rates.speed.load + answering.seconds,
            sampled=round(answering.written),
        )
        # Every answer is compared with the one before it, so it occurs in two pairs.
        tokens = (
            2 * answering.calls * (lengths.follower_prompt + lengths.follower_reply) * int(reward_model["epochs"] or 0)
        )
        seconds = self._around + tokens * _CLASSIFIER * self.rates.speed.trained / self.training
        yield StageEstimate(turn, "train_reward_model", seconds, trained=round(tokens))

    def _audit(self, turn: int) -> StageEstimate:
        audit, lengths = self.measured.audit, self.lengths
        limit = self.config.follower.grpo.max_new_tokens
        answering = self._answer(audit.tasks, lengths.follower_prompt, limit, self._asking)
        judges = self._audited_judges(turn)
        judging = self._judge(judges * audit.tasks * lengths.answered * audit.constraints, self._asking, alone=True)
        return StageEstimate(
            turn=turn,
            stage="audit",
            seconds=self.rates.speed.load * (2 if turn and judges else 1) + answering.seconds + judging.seconds,
            sampled=round(answering.written),
            calls=judging.calls,
            read=round(judging.read),
            written=round(judging.written),
        )

    def _audited_judges(self, turn: int) -> int:
        """How many judges the audit of a turn asks: the turn's, and the next one's where it is another and is there."""
        if self.config.judging_model == "rules":
            return 0
        if self.plan.reward_model:
            settings = self.config.instructor
            return 1 if turn or settings.train or settings.probes else 0
        judges = {planned.turn: planned.judger for planned in self.plan.turns}
        upcoming = judges.get(turn + 1) if turn else None
        return 1 if upcoming in (None, judges[max(turn, 1)]) else 2

    def _evaluate(self, turn: int) -> StageEstimate:
        config, held_out, lengths = self.config, self.measured.held_out, self.lengths
        tasks = held_out.limited(config.evaluation.tasks)
        # The Judger is measured on the held-out tasks alone.
        answered = tasks + self.measured.held_out_types.limited(config.evaluation.tasks)
        judged = min(config.evaluation.judged or tasks, tasks) if config.evaluation.judger else 0
        # Greedy and sampled answers share a task's prompt.
        answering = self._answer(2 * answered, lengths.follower_prompt / 2, config.answer_tokens, self._asking)
        judging = self._judge(judged * lengths.answered * held_out.constraints, self._asking, alone=True)
        return StageEstimate(
            turn=turn,
            stage="evaluate",
            seconds=self.rates.speed.load * (2 if turn and judged else 1) + answering.seconds + judging.seconds,
            sampled=round(answering.written),
            calls=judging.calls,
            read=round(judging.read),
            written=round(judging.written),
        )

    # --- what the stages are made of ----------------------------------------------------------------------------------

    @property
    def _around(self) -> float:
        """Seconds around the training of a stage."""
        speed = self.rates.speed
        return speed.stage + (speed.group if self.placement.started else 0.0)

    @property
    def _asking(self) -> int:
        """Devices on which models are asked while nothing is trained; in process, and on a CPU, it is one."""
        return self.placement.asking if self.config.engine.kind == "vllm" and self.rates.gpu else 1

    def _answer(self, rows: float, prompt: float, limit: int, devices: int) -> _Step:
        reply = min(self.lengths.follower_reply, limit)
        return _Step(self._frozen(rows, prompt, reply, limit, devices), round(rows), rows * prompt, rows * reply)

    def _decide(self, rows: float, devices: int) -> _Step:
        if not self.config.filter.model or not rows:
            return _Step(0.0, 0, 0.0, 0.0)
        prompt, reply, measured = self.lengths.filter_prompt, self.lengths.filter_reply, self.rates.speed.decision
        if measured is not None:
            seconds = rows * measured / devices
        else:
            seconds = self._frozen(rows, prompt, reply, self.config.filter.max_new_tokens, devices)
        return _Step(seconds, round(rows), rows * prompt, rows * reply)

    def _judge(self, constraints: float, devices: int, alone: bool = False) -> _Step:
        """`alone`: without the rules that `hybrid` asks first."""
        config, measured = self.config, self.rates.speed.verdict
        if config.judging_model == "rules" or not constraints:
            return _Step(0.0, 0, 0.0, 0.0)
        prompt, reply = self.lengths.judge_prompt, self.lengths.judge_reply
        if measured is not None and not (alone and config.judger.kind == "hybrid"):
            seconds = constraints * measured / devices
        else:
            seconds = self._frozen(constraints, prompt, reply, config.judger.max_new_tokens, devices)
        return _Step(seconds, round(constraints), constraints * prompt, constraints * reply)

    def _frozen(self, rows: float, prompt: float, reply: float, limit: int, devices: int) -> float:
        """Seconds in which a role that is not trained reads and writes."""
        in_process = self.config.engine.kind == "local"
        writing = self._write(rows, reply, limit, prompt, in_process, devices) if reply > 1 else 0.0
        return writing + rows * prompt * self.rates.speed.read / devices

    def _save(self, grpo: Grpo) -> float:
        """Seconds to write a checkpoint: weights and two moments; an adapter's are small."""
        width = 2 if grpo.dtype == "bfloat16" else 4
        return 0.0 if self.config.lora else 3 * width * self.rates.parameters / DISK

    def _write(self, rows: float, reply: float, limit: int, prompt: float, in_process: bool, devices: int) -> float:
        """Seconds to write `rows` replies, spread over `devices`."""
        rows = rows / devices
        longest = min(limit, LONGEST * reply)
        if in_process:
            # A batch is written until its longest reply ends; the token budget says how many rows it has.
            batch = max(1, self.config.engine.token_budget // round(prompt + limit))
            steps = math.ceil(rows / batch) * longest
        else:
            steps = max(longest if rows else 0.0, rows * reply / _SERVED_ROWS)
        return steps * self.rates.speed.step + rows * reply * self.rates.speed.written
