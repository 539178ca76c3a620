"""The in-process engine on the embedded model: rollouts, and verdicts with and without shared prefixes; prints JSON.

.venv/bin/python benchmarks/engine.py
"""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Any

import seif
from seif.engines import local
from seif.engines.base import Request
from seif.nano import examples, world, writer
from seif.roles.templates import render

MODEL = Path(seif.__file__).parent / "nano" / "model"


def timed(engine: local.LocalEngine, requests: list[Request], repeats: int = 3) -> float:
    """Best wall-clock seconds of answering all requests at once."""
    best = float("inf")
    for _ in range(repeats):
        began = time.perf_counter()
        engine.answer(requests)
        best = min(best, time.perf_counter() - began)
    return best


def main() -> None:
    """Measure and print."""
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
            Request(render(examples.STYLE, "judger", seed=seed, instruction=seed, response=reply, constraint=r.text), 1, top_logprobs=8) for r in rules
        ]
    result: dict[str, Any] = {"rollouts": {"requests": len(rollouts), "new_tokens": tokens}, "verdicts": {"requests": len(verdicts)}}
    for name, least in (("shared_prefixes", local.MIN_SHARED), ("no_sharing", 1 << 30)):
        local.MIN_SHARED = least
        seconds = timed(engine, rollouts)
        result["rollouts"][name] = {"seconds": round(seconds, 3), "tokens_per_second": round(tokens / seconds)}
        seconds = timed(engine, verdicts)
        result["verdicts"][name] = {"seconds": round(seconds, 3), "verdicts_per_second": round(len(verdicts) / seconds)}
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
