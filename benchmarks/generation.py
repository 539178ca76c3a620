"""Tokens/s of the in-process engine by the number of rows that are written at once, as JSON.

python -m benchmarks.generation MODEL --rows 32 128 256
"""

from __future__ import annotations

import argparse
import json
import random
import time
from dataclasses import asdict, dataclass

import torch

from seif.engines.local import LocalEngine

LOWEST = 300
"""The lowest token id of a prompt: those below it are bytes and special tokens."""


@dataclass(frozen=True)
class Batch:
    """One measurement."""

    rows: int
    tokens: int
    """Written, over all rows."""
    seconds: float
    tokens_per_s: float
    peak: int | None
    """torch.cuda.max_memory_allocated, in bytes; None without a GPU."""


def measure(engine: LocalEngine, rows: int, prompt_tokens: int, new_tokens: int) -> Batch:
    """Let the engine continue `rows` random prompts at temperature 1, after a warm-up of a few tokens."""
    draw = random.Random(rows)
    prompts = [[draw.randrange(LOWEST, 2 * LOWEST) for _ in range(prompt_tokens)] for _ in range(rows)]
    seeds = list(range(rows))
    engine.generate_tokens(prompts, 4, [1.0] * rows, seeds)
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        torch.cuda.synchronize()
    began = time.perf_counter()
    # The tokens come back as lists, so the GPU is done.
    written, _ = engine.generate_tokens(prompts, new_tokens, [1.0] * rows, seeds)
    seconds, tokens = time.perf_counter() - began, sum(map(len, written))
    peak = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None
    return Batch(rows, tokens, seconds, tokens / seconds, peak)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a checkpoint directory or hub id")
    parser.add_argument("--rows", nargs="+", type=int, default=[32, 128, 256])
    parser.add_argument("--prompt-tokens", type=int, default=256)
    parser.add_argument("--new-tokens", type=int, default=128)
    options = parser.parse_args()
    engine = LocalEngine.load(options.model)
    batches = [measure(engine, rows, options.prompt_tokens, options.new_tokens) for rows in options.rows]
    print(json.dumps([asdict(batch) for batch in batches]))


if __name__ == "__main__":
    main()
