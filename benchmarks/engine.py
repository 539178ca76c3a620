"""The in-process engine on the embedded model: held-out answers in a fresh process, then rollouts and verdicts with
and without shared prefixes; prints JSON.

.venv/bin/python -m benchmarks.engine
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import time
from pathlib import Path
from typing import Any

import seif
from seif.config_file import load_config
from seif.engines import local
from seif.engines.base import Request
from seif.instructions import read_instructions
from seif.nano import examples, world, writer
from seif.roles import follower
from seif.roles.templates import render

MODEL = Path(seif.__file__).parent / "nano" / "model"
CONFIG = Path("nano")


def timed(engine: local.LocalEngine, requests: list[Request], repeats: int = 3) -> float:
    """Best wall-clock seconds of answering all requests at once."""
    best = float("inf")
    for _ in range(repeats):
        began = time.perf_counter()
        engine.answer(requests)
        best = min(best, time.perf_counter() - began)
    return best


def held_out() -> dict[str, Any]:
    """A greedy and a sampled answer to every held-out task, with the budget of the demo, in a process that has not
    seen their shapes yet."""
    config = load_config(CONFIG, [])
    assert config.held_out is not None
    tasks = read_instructions(Path(config.held_out))
    messages = [follower.messages(config.prompts, task, config.follower.format) for task in tasks]
    requests = [
        Request(m, config.follower.grpo.max_new_tokens, temperature, i)
        for temperature in (0.0, 1.0)
        for i, m in enumerate(messages)
    ]
    engine = local.LocalEngine.load(
        config.model, config.engine.dtype, config.engine.token_budget, config.attn_implementation
    )
    seconds = timed(engine, requests, 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "requests": len(requests),
        "seconds": round(seconds, 1),
        "answers_per_second": round(len(requests) / seconds),
        "peak_memory_mib": round(peak),
    }


def main() -> None:
    """Measure and print."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    fresh = held_out()
    rng = random.Random(0)
    seeds = world.all_seeds()
    engine = local.LocalEngine.load(MODEL)
    prompts = [examples.follower_example(rng, rng.choice(seeds)).messages for _ in range(32)]
    rollouts = [Request(p, 80, 1.0, 5 * i + k) for i, p in enumerate(prompts) for k in range(5)]
    tokens = sum(len(engine.tokenizer(c.text).input_ids) + 1 for c in engine.answer(rollouts))
    verdicts = []
    for _ in range(160):
        seed = rng.choice(seeds)
        rules = world.draw_constraints(rng, 4)
        reply = writer.write(rng, world.topic_of(seed), writer.casual_plan(rng))
        verdicts += [
            Request(
                render(examples.STYLE, "judger", seed=seed, instruction=seed, response=reply, constraint=r.text),
                1,
                top_logprobs=8,
            )
            for r in rules
        ]
    result: dict[str, Any] = {
        "held_out": fresh,
        "rollouts": {"requests": len(rollouts), "new_tokens": tokens},
        "verdicts": {"requests": len(verdicts)},
    }
    for name, least in (("shared_prefixes", local.MIN_SHARED), ("no_sharing", 1 << 30)):
        local.MIN_SHARED = least
        seconds = timed(engine, rollouts)
        result["rollouts"][name] = {"seconds": round(seconds, 3), "tokens_per_second": round(tokens / seconds)}
        seconds = timed(engine, verdicts)
        result["verdicts"][name] = {"seconds": round(seconds, 3), "verdicts_per_second": round(len(verdicts) / seconds)}
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
