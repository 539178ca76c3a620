"""[4] Evaluate: a Follower on held-out tasks, the Judger against the verifiers, and what the report shows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seif.artifacts import read_json, write_json
from seif.config import Config
from seif.constraints.conflicts import find_conflict
from seif.constraints.verifiers import verify
from seif.engines.base import Engine, Request
from seif.evaluation import held_out
from seif.instructions import read_instructions
from seif.models import ModelPool, judging
from seif.roles import follower
from seif.self_supervised import curriculum
from seif.self_supervised.general import accuracy as general_accuracy
from seif.self_supervised.general import load_questions
from seif.types import Instruction


def evaluate(
    config: Config,
    turn: int,
    model: str,
    judger: str | None,
    seeds: Sequence[str],
    instructions: Path | None,
    stats: Path | None,
    out: Path,
    showcase: Path,
    checks: Sequence[held_out.Tables] = (),
    reward_model: str | None = None,
) -> dict[str, Any]:
    """Held-out accuracy of one Follower, the Judger against the verifiers, and the Instructor's numbers of the turn.

    `checks` are the turn's verdicts in training on what rules can check, step by step.
    """
    began = time.time()
    with ModelPool(config, out) as pool:
        # All that the Follower answers comes before the Judger is loaded in its place.
        if instructions is not None:
            with pool.use(model) as engine:
                write_json(showcase, asyncio.run(_showcase(config, engine, seeds, read_instructions(instructions))))
        result = asyncio.run(measure(config, pool, turn, model, judger, reward_model))
    if checks:
        result["judger"]["in_training"] = held_out.describe_tables(held_out.add_up(checks))
    if stats is not None:
        numbers = read_json(stats)
        keys = ("parsable", "conflict_share", "pool_conflict_share", "top_type_share", "type_entropy")
        result["instructor"] = {k: numbers[k] for k in keys} | {"types": numbers["pool"]["types"], "mean_constraints": numbers["pool"]["mean_constraints"]}
    result["seconds"] = round(time.time() - began, 1)
    write_json(out, result)
    return result


async def measure(config: Config, pool: ModelPool, turn: int, model: str, judger: str | None, reward_model: str | None = None) -> dict[str, Any]:
    """Greedy and sampled held-out accuracy of `model`; with `judger`, how far that one agrees with the verifiers.

    Where the config's Judger is a classifier, `reward_model` is measured in its place, on what it judges; without one, nobody is.
    """
    result: dict[str, Any] = {"turn": turn, "held_out": {}, "judger": {}, "instructor": {}}
    if config.self_supervised.general.held_out is not None:
        questions = load_questions(Path(config.self_supervised.general.held_out))
        with pool.use(model) as engine:
            result["general"] = await general_accuracy(engine, questions, config.prompts, config.follower.format, config.answer_tokens)
    if config.held_out is None:
        return result
    tasks = held_out.load_tasks(Path(config.held_out))[: config.evaluation.tasks]
    limit = config.answer_tokens
    with pool.use(model) as engine:
        # Asked at once, so that an engine can read every task once for both.
        both = (held_out.answer_tasks(engine, tasks, config.prompts, config.follower.format, limit, temperature, config.seed) for temperature in (0.0, 1.0))
        greedy, sampled = await asyncio.gather(*both)
    result["held_out"] = {"greedy": held_out.accuracy(greedy), "sampled": held_out.accuracy(sampled)}
    answers = greedy[: config.evaluation.judged]
    if config.evaluation.judger and config.judging_model == "classifier":
        if reward_model is not None or config.self_supervised.reward_model.given:
            with judging(pool, model, reward_model, alone=True) as judge:
                result["judger"] = await held_out.judger_agreement(judge, answers, curriculum.soft(config))
    elif config.evaluation.judger and judger is not None:
        with judging(pool, judger, alone=True) as judge:
            result["judger"] = await held_out.judger_agreement(judge, answers)
    return result


async def _showcase(config: Config, engine: Engine, seeds: Sequence[str], instructions: list[Instruction]) -> list[dict[str, Any]]:
    """The first seeds, what the Instructor made of them, and the Follower's greedy answers."""
    by_seed = {x.seed: x for x in instructions}

    async def show(seed: str) -> dict[str, Any]:
        task = by_seed.get(seed)
        if task is None:
            return {"seed": seed, "constraints": [], "answer": None, "conflict": None}
        completion = await engine.complete(Request(follower.messages(config.prompts, task, config.follower.format), config.answer_tokens))
        reply = follower.parse(completion.text, completion.finish_reason == "stop", config.follower.format)
        constraints = [
            {
                "text": c.text,
                "holds": verify(reply, c.instruction_id, c.kwargs) if c.checkable and reply is not None else None,
            }
            for c in task.constraints
        ]
        return {"seed": seed, "constraints": constraints, "answer": reply, "conflict": find_conflict(task.constraints)}

    return list(await asyncio.gather(*map(show, seeds[: config.evaluation.showcase])))
