"""[4] Evaluate: a Follower on held-out tasks, the Judger against the verifiers, and what the report shows."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from seif.artifacts import Beside
from seif.atomic import read_json, write_json
from seif.config import Config
from seif.config.changes import ANY_TIME, without_changeable
from seif.constraints.conflicts import find_conflict
from seif.constraints.verifiers import verdict_of
from seif.engines.base import Engine, Request
from seif.errors import UsageError
from seif.evaluation import checklist, harness, held_out, ifeval, suites
from seif.evaluation.results import (
    Accuracy,
    Decoding,
    Evaluation,
    GeneralAccuracy,
    GenerationNumbers,
    InstructorNumbers,
    JudgeAgreement,
    SuiteResult,
)
from seif.evaluation.showcase import ShownConstraint, ShownSeed, write_showcase
from seif.evaluation.suites import SuiteSettings, suite
from seif.instructions import iter_instructions
from seif.models import JudgeWeights, ModelPool, judging
from seif.roles import follower
from seif.self_supervised import curriculum
from seif.self_supervised.general import accuracy as general_accuracy
from seif.self_supervised.general import load_questions
from seif.stage_log import Tables
from seif.training.checkpoints import claim
from seif.types import Verdict

BUILT_IN = (harness.lm_eval, ifeval.ifeval, ifeval.ifbench, checklist.checklist)
"""Suites that are registered as their modules are imported; `held-out` is below."""


@dataclass(frozen=True)
class EvaluationRequest:
    """Which models one evaluation measures, the files it reads, and those it writes."""

    turn: int
    model: str
    """The Follower: a checkpoint directory or hub id."""
    judge: JudgeWeights
    """What judged; it is measured against the verifiers."""
    seeds: Sequence[str]
    instructions: Path
    """The turn's instructions; those of the first seeds are shown."""
    generation: Path
    """What the Instructor wrote, in numbers."""
    out: Path
    showcase: Path
    checks: Sequence[Tables] = ()
    """The turn's verdicts in training on what rules can check, step by step."""


def evaluate(config: Config, request: EvaluationRequest) -> Evaluation:
    """Write, and return, what one turn's models are measured at."""
    began = time.monotonic()
    parts = Beside(request.out).parts
    claim(parts, _identity(config, request), config.dtype)
    with ModelPool(config, request.out) as pool:
        evaluation = asyncio.run(_evaluate(config, pool, request))
    # The engines' memory is free now for suites that load the model themselves.
    results = evaluation.suites | asyncio.run(suites.run_suites(config, request.model, None))
    more = {"suites": results} if results else {}
    evaluation = evaluation.model_copy(update={"seconds": round(time.monotonic() - began, 1), **more})
    write_json(request.out, evaluation.to_json())
    shutil.rmtree(parts)
    return evaluation


def _identity(config: Config, request: EvaluationRequest) -> list[object]:
    """What two equal evaluations have in common, as JSON values."""
    judge = [request.judge.model, request.judge.reward_model]
    return [request.turn, request.model, judge, without_changeable(config, keys=ANY_TIME)]


async def _evaluate(config: Config, pool: ModelPool, request: EvaluationRequest) -> Evaluation:
    """The Judger comes last, because the Follower's weights are given back for its."""
    with ExitStack() as asking:
        engine = asking.enter_context(pool.use(request.model))
        write_showcase(request.showcase, await _showcase(config, engine, request))
        parts = Beside(request.out).parts
        judge = partial(judging, pool, request.judge.model, request.judge.reward_model, alone=True)
        results = await suites.run_suites(config, request.model, engine, parts, judge)
        measure_judger = judger_measure(config, pool, request.judge, asking.close, parts)
        found = await measure(engine, SuiteSettings(config, request.model, measure_judger=measure_judger, parts=parts))
    judger = found.judger
    if request.checks:
        in_training = held_out.describe_tables(held_out.add_up(request.checks))
        judger = judger.model_copy(update={"in_training": in_training})
    more = {"suites": results} if results else {}
    instructor = _instructor(request.generation)
    return found.model_copy(update={"turn": request.turn, "judger": judger, "instructor": instructor, **more})


async def measure(engine: Engine, settings: SuiteSettings) -> Evaluation:
    """Held-out accuracy of the engine's model, that on general questions, and the Judger against the verifiers.

    Only what the config asks for is measured. The evaluation is that of turn 0.
    """
    config = settings.config
    more: dict[str, GeneralAccuracy | dict[Decoding, Accuracy]] = {}
    if config.self_supervised.general.held_out is not None:
        questions = load_questions(Path(config.self_supervised.general.held_out))
        more["general"] = await general_accuracy(
            engine,
            questions,
            config.prompts,
            config.follower.format,
            config.answer_tokens,
            settings.parts and settings.parts / "general.jsonl",
        )
    if config.held_out_types is not None:
        answers = await held_out.answer_by_decoding(engine, config, config.held_out_types, settings.parts, "types_")
        more["held_out_types"] = {decoding: held_out.accuracy(given) for decoding, given in answers.items()}
    answers = await held_out.answer_by_decoding(engine, config, config.held_out, settings.parts)
    greedy = answers.get("greedy")
    return Evaluation(
        turn=0,
        held_out={decoding: held_out.accuracy(given) for decoding, given in answers.items()},
        judger=await settings.measure_judger(greedy) if greedy and settings.measure_judger else JudgeAgreement(),
        instructor=InstructorNumbers(),
        **more,
    )


def judger_measure(
    config: Config,
    pool: ModelPool,
    judge: JudgeWeights | None,
    answered: Callable[[], object],
    parts: Path | None = None,
) -> Callable[[Sequence[held_out.Answer]], Awaitable[JudgeAgreement]] | None:
    """What measures the config's Judger with the weights `judge`; None where there is none to measure.

    `answered` is called first: it gives back the weights that answered, so that the Judger's take their place. Its
    verdicts are kept in the folder `parts`, and not asked for again.
    """
    classifies = config.judging_model == "classifier"
    given = config.self_supervised.reward_model.given
    there = judge is not None and (not classifies or judge.reward_model is not None)
    if not config.evaluation.judger or not (there or (classifies and given)):
        return None
    model, reward_model = (judge.model, judge.reward_model) if judge else (config.model, None)

    async def measure_judger(answers: Sequence[held_out.Answer]) -> JudgeAgreement:
        answered()
        answers = answers[: config.evaluation.judged]
        with judging(pool, model, reward_model, alone=True) as found:
            asked = curriculum.soft(config) if classifies else lambda constraint: True
            return await held_out.judger_agreement(found, answers, asked, parts and parts / "verdicts.jsonl")

    return measure_judger


def _needs_tasks(settings: SuiteSettings) -> None:
    if settings.config.held_out is None:
        raise UsageError("there is nothing to evaluate on: give --held-out FILE, or a --config with held_out")


@suite("held-out", takes=("held_out", "judge_model"), check=_needs_tasks)
async def held_out_suite(engine: Engine, settings: SuiteSettings) -> SuiteResult:
    """What every turn of a run measures."""
    evaluation = await measure(engine, settings)
    found = evaluation.held_out
    return SuiteResult(
        numbers={decoding: accuracy.constraint_accuracy for decoding, accuracy in found.items()},
        stderr={decoding: accuracy.stderr for decoding, accuracy in found.items()},
        n=evaluation.greedy.n,
        details=evaluation.to_json(),
    )


def _instructor(generation: Path) -> InstructorNumbers:
    """The Instructor's numbers of the turn, as the generation wrote them."""
    numbers = GenerationNumbers.from_json(read_json(generation), generation)
    return InstructorNumbers(
        parsable=numbers.parsable,
        conflict_share=numbers.conflict_share,
        pool_conflict_share=numbers.pool_conflict_share,
        top_type_share=numbers.top_type_share,
        type_entropy=numbers.type_entropy,
        types=numbers.pool.types,
        mean_constraints=numbers.pool.mean_constraints,
    )


async def _showcase(config: Config, engine: Engine, request: EvaluationRequest) -> list[ShownSeed]:
    """The first seeds, what the Instructor made of them, and the Follower's greedy answers."""
    seeds = request.seeds[: config.evaluation.showcase]
    by_seed = {x.seed: x for x in iter_instructions(request.instructions) if x.seed in seeds}

    async def show(seed: str) -> ShownSeed:
        task = by_seed.get(seed)
        if task is None:
            return ShownSeed(seed)
        prompt = follower.messages(config.prompts, task, config.follower.format)
        completion = await engine.complete(Request(prompt, config.answer_tokens))
        reply = follower.parse(completion.text, completion.finish_reason == "stop", config.follower.format)
        verdicts = [
            verdict_of(reply, c) if c.checkable and reply is not None else Verdict.UNJUDGED for c in task.constraints
        ]
        constraints = tuple(
            ShownConstraint(c.text, None if v is Verdict.UNJUDGED else v is Verdict.SATISFIED)
            for c, v in zip(task.constraints, verdicts, strict=True)
        )
        return ShownSeed(seed, constraints, reply, find_conflict(task.constraints))

    return list(await asyncio.gather(*map(show, seeds)))
