"""What a verdict costs, and what it is worth: classifier, generative and logprob Judger on the same answers, against
the verifiers.

    .venv/bin/python -m benchmarks.judgers --reward-model runs/x/turn_01/reward_model --tasks 300

The model answers held-out tasks once. Then every Judger judges all answers on all constraints of the config's soft
types, one engine and one batch after another on the same device, and JSON is printed: verdicts per second (the first
call, which warms up, is not counted), how many verdicts were given, and the agreement with the verifiers over those.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import torch

from seif.config import Config
from seif.config_file import load_config
from seif.engines.local import LocalEngine
from seif.evaluation import held_out
from seif.judges.base import Judge
from seif.judges.generative import GenerativeJudge
from seif.judges.logprob import LogprobJudge
from seif.self_supervised.classifier import ClassifierJudge, in_process
from seif.self_supervised.scorer import Scorer
from seif.types import Constraint

ROOT = Path(__file__).parents[1]


async def timed(judger: Judge, answers: list[held_out.Answer], judges: Callable[[Constraint], bool]) -> dict[str, Any]:
    """Verdicts of one Judger, with their speed."""
    await held_out.judger_agreement(judger, answers[:8], judges)
    began = time.perf_counter()
    found = await held_out.judger_agreement(judger, answers, judges)
    seconds = time.perf_counter() - began
    asked = found.n + found.unjudged
    return {
        "verdicts": asked,
        "seconds": round(seconds, 3),
        "verdicts_per_second": round(asked / seconds, 1),
        **found.to_json(),
    }


def measure(config: Config, reward_model: str, tasks: int, generative_style: str) -> dict[str, Any]:
    """All Judgers on the same answers."""
    assert config.held_out is not None
    model = config.model
    rows = held_out.load_tasks(Path(config.held_out))[:tasks]
    length = config.follower.grpo.max_new_tokens
    soft = config.self_supervised.soft_types

    def judges(constraint: Constraint) -> bool:
        return not soft or constraint.instruction_id in soft

    budget, attention = config.engine.token_budget, config.attn_implementation
    with closing(LocalEngine.load(model, config.engine.dtype, budget, attention)) as engine:
        sampling = held_out.Sampling(config.prompts, config.follower.format, length, 1.0, config.seed)
        answers = asyncio.run(held_out.answer_tasks(engine, rows, sampling))
        found = {
            "generative": asyncio.run(
                timed(GenerativeJudge(engine, generative_style, config.judger.max_new_tokens), answers, judges)
            ),
            "logprob": asyncio.run(timed(LogprobJudge(engine, config.prompts), answers, judges)),
        }
    with closing(Scorer.load(reward_model, config.engine.dtype, budget, attention)) as scorer:
        found["classifier"] = asyncio.run(timed(ClassifierJudge(in_process(scorer)), answers, judges))
    faster = {
        name: round(found["classifier"]["verdicts_per_second"] / found[name]["verdicts_per_second"], 2)
        for name in ("generative", "logprob")
    }
    return {
        "model": model,
        "reward_model": reward_model,
        "tasks": len(rows),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "threads": torch.get_num_threads(),
        "judgers": found,
        "classifier_times_faster_than": faster,
    }


def main() -> None:
    """Measure, print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reward-model", required=True)
    parser.add_argument("--config", type=Path, default=Path("nano-self-supervised"))
    parser.add_argument("--model", help="the model of the other Judgers and of the answers; the config's by default")
    parser.add_argument("--tasks", type=int, default=300)
    parser.add_argument("--verdict-tokens", type=int, default=64, help="length limit of a generative verdict")
    options = parser.parse_args()
    config = load_config(options.config, [f"judger.max_new_tokens={options.verdict_tokens}"], model=options.model)
    # The generative Judger has no compact wording: very small models were never taught to reason about a verdict.
    print(json.dumps(measure(config, options.reward_model, options.tasks, "full"), indent=2))


if __name__ == "__main__":
    main()
