"""Measure a machine's rates with a config's own model, prompts and lengths, in about two minutes at most.

Every role is asked as a run asks it, in batches as large as time allows, and one small GRPO stage is trained."""

from __future__ import annotations

import asyncio
import itertools
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from seif.chat import chat_format
from seif.config import Config
from seif.constraints import TYPES
from seif.constraints.compiler import compile_text
from seif.engines.base import Completion, Engine, Messages, Request
from seif.errors import RunError
from seif.footprint import training_footprint
from seif.judges.asking import question
from seif.models import ModelPool, filtering, judging
from seif.planning.rates import LONGEST, Lengths, Rates, Speed, usual_lengths
from seif.roles import follower, instructor
from seif.scoring import item_seed, judge_all
from seif.stage_log import Outcome, RolloutRecord, Tables
from seif.types import Instruction, Verdict

if TYPE_CHECKING:
    from seif.training.rollouts import RewardBatch, Rollout

R = TypeVar("R")
T = TypeVar("T")
Say = Callable[[str], None]
Now = Callable[[], float]
_ROWS = 384
"""Replies of a large batch, at most."""
_MANY = 64
"""Of a batch that shows what a row costs."""
_FEW = 4
"""Of a small one, which shows what a step costs."""
_SHORT = 16
"""New tokens of these two."""
_LEAST = 0.1
"""Share of a large batch's time, at the least, that is due to its rows."""
_SECONDS = 15.0
"""What one measurement may take."""
_TRAINING = 40.0
"""What the GRPO stage may take."""
_STEPS = 5
"""Of the GRPO stage; the first one warms up."""
_FORWARDS = 4.0
"""Where training does not fit, a trained token is taken to cost this many times as much as one that is read."""


def bench(config: Config, questions: Iterable[str], say: Say, now: Now = time.perf_counter) -> Rates:
    """The rates of this machine. `config` has its types settled; `say` gets a line about each measurement; `now` is
    the clock, in seconds.

    Raises UsageError for a model that can't be loaded, RunError for a server that does not come up.
    """
    import seif.training.grpo  # noqa: F401  libraries first, so that what grows later is not theirs
    from seif.engines.architecture import describe
    from seif.engines.devices import this_device
    from seif.engines.memory import kernels_to_come, peak_memory, reset_peak, resident_memory

    architecture, device = describe(config.model).architecture, this_device()
    reset_peak()
    before = resident_memory()
    with tempfile.TemporaryDirectory(prefix="seif-bench-") as folder, ModelPool(config, Path(folder) / "out") as pool:
        asked = asyncio.run(_Roles(config, questions, pool, say, now).measure())
    needed = training_footprint(architecture, config, config.dtype).total
    group = _start_group(say)
    trained, around, stage = _FORWARDS * asked.read, 0.0, 0.0
    if needed <= 0.9 * device.memory:
        trained, around, stage = _train(config, asked, now)
        say(f"training: {1 / trained:,.0f} tokens/s, and {stage:.1f} s around a stage")
        process = max(0, peak_memory() - needed) + kernels_to_come(config.dtype, before)
    else:
        say(f"training needs about {needed / 1e9:.0f} GB, more than {device.name} has: its rate is a guess")
        process = 0
    speed = Speed(
        step=asked.step,
        written=asked.written,
        read=asked.read,
        trained=trained,
        around=around,
        verdict=asked.verdict,
        decision=asked.decision,
        load=asked.load,
        stage=stage,
        group=group,
    )
    return Rates(
        source=f"{device.name}, measured",
        parameters=architecture.parameters,
        gpu=device.gpu,
        compute=config.dtype,
        memory=device.memory,
        process=process,
        speed=speed,
        lengths=asked.lengths,
    )


@dataclass(frozen=True)
class _Asked:
    """What asking the roles showed; seconds and tokens as in `Speed` and `Lengths`."""

    load: float
    step: float
    written: float
    read: float
    verdict: float | None
    decision: float | None
    lengths: Lengths
    prompts: list[Messages]
    """Of the Follower."""


@dataclass(frozen=True)
class _Timing:
    """A batch that was answered."""

    seconds: float
    prompts: list[int]
    """Tokens of each prompt."""
    completions: list[Completion]
    replies: list[int]
    """Tokens of each reply."""

    @property
    def finished(self) -> bool:
        """Whether hardly any reply was cut off."""
        return sum(c.finish_reason == "length" for c in self.completions) <= 0.2 * len(self.completions)


class _Roles:
    """Asks every role that is not trained, and times it."""

    def __init__(self, config: Config, questions: Iterable[str], pool: ModelPool, say: Say, now: Now) -> None:
        from seif.engines.tokens import TokenCounter

        self.config, self.pool, self.say, self.now = config, pool, say, now
        some = list(itertools.islice(questions, _ROWS))
        self.questions = list(itertools.islice(itertools.cycle(some), _ROWS))
        self.count = TokenCounter(config.model, chat_format(config.chat))
        self.numbers = itertools.count()

    async def measure(self) -> _Asked:
        """Everything about the roles, in the order in which they follow each other in a run."""
        config, began = self.config, self.now()
        with self.pool.use(config.model) as engine:
            load = self.now() - began
            step, rows, limit = await self._batch(engine)
            settings = config.instructor
            wrote = await self._ask(
                engine, self._writing(rows), min(limit, settings.grpo.max_new_tokens), settings.generation_temperature
            )
            instructions, parsable, known = self._instructions(wrote.completions)
            tasks = list(itertools.islice(itertools.cycle(instructions), rows))
            prompts = [follower.messages(config.prompts, task, config.follower.format) for task in tasks]
            limit = min(limit, config.follower.grpo.max_new_tokens)
            read = (await self._ask(engine, prompts, 1)).seconds / sum(self.count.prompts(prompts))
            answered = await self._ask(engine, prompts, limit, config.follower.grpo.temperature)
        written = self._written(answered, step, read, limit)
        self.say(f"writing: {sum(answered.replies) / answered.seconds:,.0f} tokens/s in {rows} rows")
        self.say(f"reading: {1 / read:,.0f} tokens/s")
        decision, accepted = await self._decide(tasks)
        replies = [
            follower.parse(c.text, c.finish_reason == "stop", config.follower.format) for c in answered.completions
        ]
        # What was cut off here has its full length in a run, and then its form.
        texts = replies if answered.finished else [c.text for c in answered.completions]
        verdict, judge_prompt = await self._judge(
            [(task, text) for task, text in zip(tasks, texts, strict=True) if text is not None]
        )
        measured = {"instructor_prompt": _mean(wrote.prompts), "follower_prompt": _mean(answered.prompts)}
        if wrote.finished:
            measured |= {"instructor_reply": _mean(wrote.replies), "parsable": parsable, "accepted": known * accepted}
        if answered.finished:
            measured |= {
                "follower_reply": _mean(answered.replies),
                "answered": sum(reply is not None for reply in replies) / rows,
            }
        if judge_prompt is not None:
            measured["judge_prompt"] = judge_prompt
        lengths = usual_lengths(config).model_copy(update=measured)
        return _Asked(load, step, written, read, verdict, decision, lengths, prompts)

    async def _batch(self, engine: Engine) -> tuple[float, int, int]:
        """Seconds per step of a small batch; rows and new tokens of a large one that takes as long as it may."""
        times = {}
        for rows in (_FEW, _FEW, _MANY, _MANY):
            # The second time, libraries are loaded and kernels chosen.
            times[rows] = (await self._ask(engine, self._writing(rows), _SHORT)).seconds / _SHORT
        step, row = times[_FEW], max(0.0, times[_MANY] - times[_FEW]) / (_MANY - _FEW)
        longest = max(self.config.instructor.grpo.max_new_tokens, self.config.follower.grpo.max_new_tokens)
        limits = [longest >> halvings for halvings in range(longest.bit_length()) if longest >> halvings >= _SHORT]
        sizes = [_ROWS >> halvings for halvings in range(5)]
        for limit, rows in itertools.product(limits or [longest], sizes):
            if limit * (step + row * rows) <= _SECONDS:
                return step, rows, limit
        return step, sizes[-1], min(longest, _SHORT)

    def _written(self, answered: _Timing, step: float, read: float, limit: int) -> float:
        """Seconds per written token and row, beyond what a step takes however many rows it has."""
        tokens, longest = sum(answered.replies), max(answered.replies)
        batch = len(answered.prompts)
        if self.config.engine.kind == "local":
            batch = max(1, self.config.engine.token_budget // (max(answered.prompts) + limit))
        steps = math.ceil(len(answered.prompts) / batch) * longest
        seconds = answered.seconds - read * sum(answered.prompts) - steps * step
        return max(seconds, _LEAST * answered.seconds) / tokens

    def _writing(self, rows: int) -> list[Messages]:
        """Prompts of the Instructor."""
        templates = self.config.instructor.templates
        return [
            instructor.messages(self.config.prompts, templates[i % len(templates)], question)
            for i, question in enumerate(self.questions[:rows])
        ]

    def _instructions(self, replies: Sequence[Completion]) -> tuple[list[Instruction], float, float]:
        """Instructions to go on with; the share of replies that are sets of constraints, and of these, the share that
        can be used."""
        settings = self.config.instructor
        found = []
        for i, reply in enumerate(replies):
            count = settings.templates[i % len(settings.templates)].constraints
            constraints = instructor.parse(reply.text, reply.finish_reason == "stop", count)
            if constraints is not None:
                found.append(Instruction(self.questions[i], constraints))
        usable = [x for x in found if not instructor.invalid(x.constraints, settings.known_types)]
        parsable, known = len(found) / len(replies), len(usable) / max(1, len(found))
        if usable:
            return usable, parsable, known
        # Where the model wrote nothing of use, the types' own examples stand in.
        examples = tuple(compile_text(kind.example) for kind in TYPES.values())[: settings.templates[0].constraints]
        return [Instruction(question, examples) for question in self.questions], parsable, known

    async def _decide(self, tasks: Sequence[Instruction]) -> tuple[float | None, float]:
        """Seconds per decision of the Filter, and the share that it accepts."""
        if not self.config.filter.model:
            return None, 1.0
        with filtering(self.pool, self.config.model) as checking:
            seconds, decisions = await _within_time(tasks, checking.check, self.now)
        self.say(f"Filter: {1 / seconds:,.1f} decisions/s")
        return seconds, sum(d.verdict is Verdict.SATISFIED for d in decisions) / len(decisions)

    async def _judge(self, answers: Sequence[tuple[Instruction, str]]) -> tuple[float | None, float | None]:
        """Seconds per verdict, and the mean tokens of what is asked; None where no language model judges."""
        config = self.config
        if config.judging_model in ("rules", "classifier") or not answers:
            return None, None
        with judging(self.pool, config.model) as judge:
            seconds, judged = await _within_time(answers, lambda pair: judge_all(judge, *pair), self.now)
        seconds *= len(judged) / sum(map(len, judged))
        self.say(f"Judger: {1 / seconds:,.1f} verdicts/s")
        asked = [question(config.prompts, "judger", task, reply, task.constraints[0]) for task, reply in answers]
        return seconds, _mean(self.count.prompts(asked))

    async def _ask(self, engine: Engine, prompts: Sequence[Messages], limit: int, temperature: float = 0.0) -> _Timing:
        requests = [Request(prompt, limit, temperature, item_seed("bench", next(self.numbers))) for prompt in prompts]
        began = self.now()
        completions = await asyncio.gather(*(engine.complete(r) for r in requests))
        seconds = self.now() - began
        failed = next((c.error for c in completions if c.error), "")
        if failed:
            raise RunError(f"the model could not be measured: {failed}")
        replies = self.count.replies([c.text for c in completions])
        return _Timing(seconds, self.count.prompts(prompts), completions, replies)


async def _within_time(items: Sequence[T], ask: Callable[[T], Awaitable[R]], now: Now) -> tuple[float, list[R]]:
    """Seconds per item, asked at once, and the answers: of a few items, then of as many as time allows."""
    few = items[:_FEW]
    began = now()
    await asyncio.gather(*map(ask, few))
    each = (now() - began) / len(few)
    some = items[: max(_FEW, int(_SECONDS / max(each, 1e-9)))]
    began = now()
    answers = await asyncio.gather(*map(ask, some))
    return (now() - began) / len(some), list(answers)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _start_group(say: Say) -> float:
    """Seconds until two processes under torchrun have imported what training needs: the wall-clock, which is what a
    stage waits. Raises RunError where they do not start."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    began = time.perf_counter()
    # Run as a program, the module is imported and does nothing.
    done = subprocess.run([*torchrun, "-m", "seif.training.grpo"], capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    if done.returncode:
        raise RunError(f"two processes could not be started: {' '.join(done.stderr.split())[-300:]}")
    say(f"several processes: {seconds:.1f} s to start them")
    return seconds


# --- training ---------------------------------------------------------------------------------------------------------


class _Clock:
    """A training log, and a reward, that note when each step was scored and done."""

    def __init__(self, tokens: Callable[[list[Rollout]], int], now: Now) -> None:
        self.tokens, self.now = tokens, now
        self.read: list[int] = []
        self.scored: list[float] = []
        self.done: list[float] = []
        self.began = self.now()

    def begin(self, total: int) -> None:
        """Not called by `train`."""

    def resumed(self, step: int) -> None:
        """Always a fresh start; training begins now."""
        self.began = self.now()

    def step(
        self,
        step: int,
        metrics: Mapping[str, float],
        records: Sequence[RolloutRecord] = (),
        checks: Tables | None = None,
        outcomes: Sequence[Outcome] = (),
    ) -> None:
        """A step is done."""
        self.done.append(self.now())

    async def reward(self, rollouts: list[Rollout], step: int) -> RewardBatch:
        """Rewards that differ within a group."""
        from seif.training.rollouts import RewardBatch

        self.read.append(self.tokens(rollouts))
        self.scored.append(self.now())
        return RewardBatch([i % 2 for i in range(len(rollouts))], {}, [])


def _train(config: Config, asked: _Asked, now: Now) -> tuple[float, float, float]:
    """Seconds per token of a GRPO update, around a step, and around a stage."""
    from seif.engines.tokens import TokenCounter
    from seif.training.grpo import train
    from seif.training.job import GrpoJob

    grpo = config.follower.grpo
    per_prompt = grpo.samples * (asked.lengths.follower_prompt + asked.lengths.follower_reply)
    fitting = int(_TRAINING / _STEPS / (_FORWARDS * asked.read * per_prompt))
    prompts_per_step = max(1, min(grpo.prompts_per_step, fitting) // grpo.updates_per_step) * grpo.updates_per_step
    count = TokenCounter(config.model, chat_format(config.chat))
    lengths = count.prompts(asked.prompts)
    limit = min(grpo.max_new_tokens, max(_SHORT, int(2 * asked.lengths.follower_reply)))
    clock = _Clock(
        lambda rollouts: sum(lengths[r.row] for r in rollouts) + sum(count.replies([r.text for r in rollouts])),
        now,
    )
    began = now()
    with tempfile.TemporaryDirectory(prefix="seif-bench-") as folder:
        job = GrpoJob(
            model=config.model,
            prompts=asked.prompts,
            steps=_STEPS,
            settings=grpo.model_copy(
                update={
                    "prompts_per_step": prompts_per_step,
                    "save_every": _STEPS + 1,
                    "max_new_tokens": limit,
                    "max_prompt_tokens": max(grpo.max_prompt_tokens, *lengths),
                    "sampler": "engine",
                }
            ),
            seed=config.seed,
            work=Path(folder) / "work",
            out=Path(folder) / "out",
            chat=chat_format(config.chat),
            token_budget=config.engine.token_budget,
            dtype=config.dtype,
            attn_implementation=config.attn_implementation,
            lora=config.lora,
        )
        train(job, clock.reward, clock)
    stage = now() - began - (clock.done[-1] - clock.began)
    steps = list(zip(clock.done, clock.scored, clock.read, strict=True))
    seconds = statistics.median((done - scored) / read for done, scored, read in steps[1:])
    sampled = statistics.median(scored - done for done, scored in zip(clock.done, clock.scored[1:], strict=False))
    reply, rows = asked.lengths.follower_reply, prompts_per_step * grpo.samples
    writing = min(limit, LONGEST * reply) * asked.step + rows * reply * asked.written
    reading = prompts_per_step * asked.lengths.follower_prompt * asked.read
    return seconds, max(0.0, sampled - writing - reading), stage
