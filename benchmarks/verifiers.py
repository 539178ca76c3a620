"""Verifications and compilations a second on one core, and the worst texts of a megabyte; prints JSON.

    .venv/bin/python -m benchmarks.verifiers --data ../shared/data

`--data` is a folder with ifeval_prompts.parquet (ids and kwargs) and seif_qwen7b_q_T1.parquet (texts to compile,
and, for want of replies, the instructions as texts to check).
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections import defaultdict
from pathlib import Path

import pyarrow.parquet as pq

from seif.constraints import compiler
from seif.constraints.compiler import compile_text
from seif.constraints.rows import parse_row
from seif.constraints.text import language_of
from seif.constraints.verifiers import verify, verify_loose
from seif.errors import UsageError
from seif.types import Json, Kwargs

WORST = {
    "line breaks": "\n",
    "spaces": " ",
    "asterisks": "*",
    "opening angles": "<<",
    "opening brackets": "[",
    "stops": ". ",
    "short sentences": "It is old. ",
    "quotes": '"',
    "addresses": "a@",
    "emoji": "😀",
    "one word": "a",
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    generated = pq.read_table(options.data / "seif_qwen7b_q_T1.parquet").to_pylist()
    replies = [row["prompt"] for row in generated]
    asked = [
        (i, k)
        for n, r in enumerate(pq.read_table(options.data / "ifeval_prompts.parquet").to_pylist(), 1)
        for i, k in _checks(n, r)
    ]
    texts = [text for row in generated for text in row["constraint"]]
    verify("It is old. It is NEW.", "length_constraints:number_sentences", {"num_sentences": 2, "relation": "at least"})
    language_of("Everything is loaded before the clock starts.")

    spent: dict[str, list[float]] = defaultdict(list)
    for (instruction_id, kwargs), reply in zip(asked * 4, replies, strict=False):
        began = time.perf_counter()
        verify(reply, instruction_id, kwargs)
        spent[instruction_id].append(time.perf_counter() - began)
    began = time.perf_counter()
    for (instruction_id, kwargs), reply in zip(asked * 2, replies, strict=False):
        verify_loose(reply, instruction_id, kwargs)
    loose = min(2 * len(asked), len(replies)) / (time.perf_counter() - began)
    compiler._compiled.cache_clear()
    began = time.perf_counter()
    compiled = sum(compile_text(text).checkable for text in texts)
    compiling = time.perf_counter() - began
    total = sum(map(sum, spent.values()))
    print(
        json.dumps(
            {
                "verifications_per_second": round(sum(map(len, spent.values())) / total),
                "loose_verifications_per_second": round(loose),
                "mean_characters": round(sum(map(len, replies)) / len(replies)),
                "microseconds_by_type": {k: round(1e6 * sum(v) / len(v), 1) for k, v in sorted(spent.items())},
                "compiler": {
                    "texts": len(texts),
                    "compiled": compiled,
                    "seconds": round(compiling, 2),
                    "seconds_per_25000": round(25_000 * compiling / len(texts), 2),
                },
                "slowest_check_of_a_megabyte": _worst(asked),
            },
            indent=2,
        )
    )


def _checks(number: int, record: Json) -> list[tuple[str, Kwargs]]:
    row = parse_row(number, record, "ifeval_prompts.parquet", response=False)
    return list(zip(row.instruction_ids, row.kwargs, strict=True))


def _worst(asked: list[tuple[str, Kwargs]]) -> Json:
    """Per kind of text the slowest check, its seconds, and how it ended."""
    one_each = dict(asked)
    found: Json = {}
    for name, unit in WORST.items():
        text = unit * (1_000_000 // len(unit))
        slowest: tuple[float, str, str] = (0.0, "", "")
        for instruction_id, kwargs in one_each.items():
            began = time.perf_counter()
            try:
                outcome = "followed" if verify(text, instruction_id, kwargs) else "not followed"
            except UsageError as error:
                outcome = f"refused: {error}"
            slowest = max(slowest, (time.perf_counter() - began, instruction_id, outcome))
        found[name] = {"seconds": round(slowest[0], 2), "check": slowest[1], "outcome": slowest[2]}
    return found


if __name__ == "__main__":
    main()
