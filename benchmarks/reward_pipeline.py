"""The Instructor's reward against a server: filter, one answer, one judgement per constraint; prints JSON.

.venv/bin/python -m benchmarks.reward_pipeline --base-url http://127.0.0.1:8000/v1 --model fake --instructions
FILE.parquet --rows 384 --json

`requests` counts every attempt, `unjudged` verdicts that are missing; `wall_s` begins with the first request.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seif.config import Instructor
from seif.constraints.compiler import compile_text
from seif.constraints.conflicts import find_conflict
from seif.constraints.verifiers import verify
from seif.engines.openai import Limits, OpenAIEngine
from seif.judges.base import Judge
from seif.judges.generative import GenerativeJudge
from seif.judges.hybrid import HybridJudge
from seif.judges.logprob import LogprobJudge
from seif.roles.filter import Filter
from seif.scoring import Answerer, InstructorScorer, Writing
from seif.tables import read_rows

STYLE = "full"


def judger_of(kind: str, engine: OpenAIEngine) -> Judge:
    """The Judger with the paper's settings; `hybrid` asks on nothing that rules decide."""
    match kind:
        case "logprob":
            return LogprobJudge(engine, STYLE)
        case "hybrid":
            return HybridJudge(GenerativeJudge(engine, STYLE, 1024), sample=0.0)
        case _:
            return GenerativeJudge(engine, STYLE, 1024)


def load_what_is_loaded_once(texts: Sequence[str]) -> None:
    """The rules' word lists and tokenizers, which a run reads once and not for every reward."""
    constraints = tuple(map(compile_text, texts))
    find_conflict(constraints)
    for c in constraints:
        if c.checkable:
            verify("It is so.", c.instruction_id, c.kwargs)


def score(engine: OpenAIEngine, rows: Sequence[Mapping[str, Any]], judger: str = "generative") -> dict[str, Any]:
    """The rewards of rows with `seed_question` and `constraint`, as if the Instructor had just written them, and
    what they cost."""
    scorer = InstructorScorer(
        filter=Filter(engine, STYLE, rules=True, model=True, max_new_tokens=512),
        # Plain: any server's words are an answer.
        answerer=Answerer(engine, STYLE, response_format="plain", max_new_tokens=8192, temperature=1.0, seed=0),
        judge=judger_of(judger, engine),
        settings=Instructor(),
    )
    written = [json.dumps({f"c{i}": text for i, text in enumerate(row["constraint"], 1)}) for row in rows]
    samples = [
        Writing(row["seed_question"], len(row["constraint"]), text, True)
        for row, text in zip(rows, written, strict=True)
    ]
    load_what_is_loaded_once([text for row in rows for text in row["constraint"]])
    began, cpu = time.perf_counter(), time.process_time()
    scores = asyncio.run(scorer.score_batch(samples, 1))
    wall, busy = time.perf_counter() - began, time.process_time() - cpu
    return {
        "wall_s": round(wall, 3),
        "cpu_s": round(busy, 3),
        "requests": engine.attempts.total(),
        "unjudged": sum(s.failures for s in scores),
        "causes": dict(engine.failures),
        "outcomes": dict(Counter(s.outcome for s in scores)),
        "attempts": dict(engine.attempts),
        "scores": [s.reward for s in scores],
    }


def main() -> None:
    """Parse options, score, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base-url", required=True, nargs="+", help="several are replicas")
    parser.add_argument("--model", required=True, help="its name on the server")
    parser.add_argument("--instructions", required=True, type=Path)
    parser.add_argument("--rows", type=int, default=384)
    parser.add_argument("--judger", choices=("generative", "logprob", "hybrid"), default="generative")
    parser.add_argument("--concurrency", type=int, default=128)
    parser.add_argument("--timeout", type=float, default=60.0)
    parser.add_argument("--retries", type=int, default=10)
    parser.add_argument("--json", action="store_true", help="print everything as JSON, the scores included")
    options = parser.parse_args()
    engine = OpenAIEngine(
        options.model,
        options.base_url,
        os.environ.get("OPENAI_API_KEY", ""),
        Limits(options.concurrency, timeout=options.timeout, retries=options.retries),
    )
    result = score(engine, read_rows(options.instructions)[: options.rows], options.judger)
    if options.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        if name != "scores":
            print(f"{name}: {value}")


if __name__ == "__main__":
    main()
