"""[1] and [3] Train: GRPO on the Instructor and on the Follower."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seif.archive import Archive
from seif.artifacts import Beside
from seif.chat import chat_format
from seif.config import Config, Grpo
from seif.config.changes import ANY_TIME, BETWEEN_EVALUATIONS, without_changeable
from seif.datasets import FollowerData, InstructorData, Task, follower_data, instructor_data, training_seed
from seif.engines.base import Messages
from seif.engines.metered import Meter, Metered, counting
from seif.instructions import types_in
from seif.metrics import Role
from seif.models import JudgeWeights, ModelPool, filtering, rewarding
from seif.outcomes import outcomes_of
from seif.replay import EarlierTurn
from seif.roles import follower
from seif.scoring import Answerer, FollowerScorer, InstructorScorer, Score, Writing, item_seed
from seif.self_supervised.general import Question, correct
from seif.stage_log import StageLog
from seif.stages.metrics import checks_of, follower_metrics, instructor_metrics, plugin_metrics, records_of
from seif.tables import StoredTexts
from seif.types import Instruction, Json

if TYPE_CHECKING:
    from seif.engines.policy import ServedPolicy
    from seif.training.rollouts import Reward, RewardBatch, Rollout


@dataclass(frozen=True)
class InstructorTraining:
    """Which models train an Instructor, on what."""

    turn: int
    start: str
    answerer: str
    judge: JudgeWeights
    seeds: Path
    """Seed questions, as `StoredTexts` reads them."""
    out: Path
    """The trained model; it appears only when the stage is done."""
    outcomes: tuple[Path, ...] = ()
    """What the Follower's rollouts showed in the turns before, oldest first, for `allocation: bandit`."""
    pools: tuple[Path, ...] = ()
    """The instructions of earlier turns, the oldest first; `instructor.archive_penalty` reads them."""


@dataclass(frozen=True)
class FollowerTraining:
    """Which models train a Follower, on what."""

    turn: int
    start: str
    judge: JudgeWeights
    instructions: Path
    out: Path
    """The trained model; it appears only when the stage is done."""
    earlier: tuple[EarlierTurn, ...] = ()
    """The turns before, oldest first, for `replay` and `hindsight`."""


def train_instructor(config: Config, training: InstructorTraining, log: StageLog) -> None:
    """GRPO on the Instructor: seeds in, a model directory out. Raises as `seif.training.grpo.train` does."""
    data = instructor_data(config, training.turn, StoredTexts(training.seeds), training.outcomes)
    length, temperature = config.follower.grpo.max_new_tokens, config.follower.grpo.temperature
    seed = item_seed(config.seed, training.turn, "instructor")
    judge = training.judge
    rewarded_by = _rewarded_by(config, {"judge": asdict(judge), "answerer": training.answerer})
    job = _Job(
        "instructor", training.turn, training.start, training.out, data.prompts, data.steps, data.order, rewarded_by
    )

    @contextmanager
    def models() -> Iterator[_Held]:
        with (
            ModelPool(config, training.out) as pool,
            filtering(pool, judge.model) as checking,
            rewarding(pool, judge) as judger,
            pool.use(training.answerer) as engine,
            _sampling(pool, config.instructor.grpo, training.start) as policy,
        ):
            answerer = Answerer(
                Metered(engine, "answerer"), config.prompts, config.follower.format, length, temperature, seed
            )
            scorer = InstructorScorer(
                checking,
                answerer,
                judger,
                config.instructor,
                held_out_types=types_in(config.held_out_types),
                archive=Archive.read(training.pools),
                seed=seed,
            )
            yield _Held(_instructor_reward(config, data, scorer), policy)

    _train(config, job, config.instructor.grpo, models, log)


def train_follower(config: Config, training: FollowerTraining, log: StageLog) -> None:
    """GRPO on the Follower: instructions in, a model directory out.

    Raises as `seif.training.grpo.train` and `follower_data` do.
    """
    from seif.training.data import fitting, prompt_limit

    limit = prompt_limit(training.start, config.follower.grpo)
    data = follower_data(
        config,
        training.turn,
        training.instructions,
        lambda prompts: fitting(training.start, prompts, limit, chat_format(config.chat)),
        training.earlier,
    )
    judge = training.judge
    rewarded_by = _rewarded_by(config, {"judge": asdict(judge)})
    job = _Job(
        "follower", training.turn, training.start, training.out, data.prompts, data.steps, data.order, rewarded_by
    )

    @contextmanager
    def models() -> Iterator[_Held]:
        with (
            ModelPool(config, training.out) as pool,
            rewarding(pool, judge) as judger,
            _sampling(pool, config.follower.grpo, training.start) as policy,
        ):
            seed = item_seed(config.seed, training.turn, "follower")
            scorer = FollowerScorer(judger, config.follower.format, config.follower.reward, seed)
            yield _Held(_follower_reward(config, data, scorer), policy)

    _train(config, job, config.follower.grpo, models, log)


def _rewarded_by(config: Config, models: Json) -> Json:
    """What the reward depends on beside the data, less how GRPO trains, which is in the job."""
    keys = {"prompts", "held_out_types", "instructor", "filter", "judger", "follower", "self_supervised", "plugins"}
    grpo = ("instructor.grpo", "follower.grpo")
    return {**without_changeable(config, keys, (*ANY_TIME, *BETWEEN_EVALUATIONS, *grpo)), **models}


def _instructor_reward(config: Config, data: InstructorData, scorer: InstructorScorer) -> Reward:
    async def reward(samples: list[Rollout], step: int) -> RewardBatch:
        from seif.training.rollouts import RewardBatch

        writings = [
            Writing(data.seeds[s.row], data.asks[s.row].template.constraints, s.text, s.finished) for s in samples
        ]
        with counting() as meter:
            scores = await scorer.score_batch(writings, step)
        _count_rollouts(meter, "instructor", samples)
        records = records_of(samples, scores, [data.seeds[s.row] for s in samples], config.rollouts)
        own = plugin_metrics("instructor", samples, scores, [data.seeds[s.row] for s in samples])
        metrics = {**own, **instructor_metrics(samples, scores, config.judger.max_unjudged)}
        return RewardBatch([s.reward for s in scores], metrics, records, checks_of(scores), meter.spent())

    return reward


def _follower_reward(config: Config, data: FollowerData, scorer: FollowerScorer) -> Reward:
    instructions = {row: task for row, task in enumerate(data.tasks) if isinstance(task, Instruction)}

    async def score(task: Task, sample: Rollout, *place: int) -> Score:
        if isinstance(task, Instruction):
            return await scorer.score(task, sample.text, sample.finished, *place)
        return _score_answer(config, task, sample)

    async def reward(samples: list[Rollout], step: int) -> RewardBatch:
        from seif.training.rollouts import RewardBatch

        with counting() as meter:
            scores = await asyncio.gather(*(score(data.tasks[s.row], s, step, i) for i, s in enumerate(samples)))
        _count_rollouts(meter, "follower", samples)
        records = records_of(samples, scores, [data.tasks[s.row].prompt for s in samples], config.rollouts)
        own = plugin_metrics("follower", samples, scores, [data.tasks[s.row].prompt for s in samples])
        metrics = {**own, **follower_metrics(samples, scores, data, config.judger.max_unjudged)}
        outcomes = outcomes_of([s.row for s in samples], scores, instructions, data.replayed | data.relabelled)
        return RewardBatch([s.reward for s in scores], metrics, records, checks_of(scores), meter.spent(), outcomes)

    return reward


def _count_rollouts(meter: Meter, role: Role, samples: Sequence[Rollout]) -> None:
    meter.add(role, sum(s.prompt_tokens + s.new_tokens for s in samples), len(samples))


def _score_answer(config: Config, question: Question, sample: Rollout) -> Score:
    """1 for the known answer in \\boxed{}, 0 for any other."""
    reply = follower.parse(sample.text, sample.finished, config.follower.format)
    if reply is None:
        return Score(0.0, "bad format")
    right = correct(reply, question.answer)
    return Score(float(right), "right" if right else "wrong")


@dataclass(frozen=True)
class _Job:
    """What differs between the two roles."""

    role: Role
    turn: int
    start: str
    out: Path
    prompts: list[Messages]
    steps: int
    order: tuple[int, ...]
    rewarded_by: Json


@dataclass(frozen=True)
class _Held:
    """What the models beside the trained one are for."""

    reward: Reward
    policy: ServedPolicy | None = None
    """Serves the rollouts of `grpo.sampler: served`."""


def _sampling(pool: ModelPool, settings: Grpo, start: str) -> AbstractContextManager[ServedPolicy | None]:
    return pool.policy(start) if settings.sampler == "served" else nullcontext()


def _train(
    config: Config, job: _Job, settings: Grpo, models: Callable[[], AbstractContextManager[_Held]], log: StageLog
) -> None:
    """`models` holds those that are not trained; of several processes, the first one alone enters it."""
    from seif.training import ranks
    from seif.training.grpo import train
    from seif.training.job import GrpoJob

    log.begin(job.steps)
    with models() if ranks.current().first else nullcontext(_Held(_elsewhere)) as held:
        train(
            GrpoJob(
                model=job.start,
                prompts=job.prompts,
                steps=job.steps,
                settings=settings,
                seed=training_seed(config, job.turn, job.role),
                work=Beside(job.out).checkpoints,
                out=job.out,
                chat=chat_format(config.chat),
                token_budget=config.engine.token_budget,
                dtype=config.dtype,
                attn_implementation=config.attn_implementation,
                lora=config.lora,
                order=job.order,
                rewarded_by=job.rewarded_by,
            ),
            held.reward,
            log,
            held.policy,
        )


async def _elsewhere(samples: list[Rollout], step: int) -> RewardBatch:
    """The reward in a process that gives none."""
    raise AssertionError("only the first process rewards")
