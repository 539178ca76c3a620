"""Time and memory of the controller for files of 10,000, 100,000 and 1,000,000 items; prints JSON.

.venv/bin/python -m benchmarks.scale [--items 10000 100000 1000000] [--phases plan seeds generate ...] [--work DIR]

No model runs: an engine that answers at once, out of a few replies, takes its place, so what is measured is the
controller. Every phase is a process of its own, two at a time; `cpu_s` is the time it computes, and `peak_mib` its
largest resident set beyond what its imports take.

Phases: `plan` counts seeds; `seeds` validates them, leaves out what overlaps with held-out tasks and stores the rest;
`generate` writes instructions in two attempts, filters them and writes parquet; `order` finds the instructions that are
short enough, with the embedded model's tokenizer, and picks what 100 steps of 64 prompts read; `verify`, `compile` and
`judge` read and write files of responses.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow.parquet  # noqa: F401  part of the imports that are not counted

from seif import api, stages
from seif.artifacts import Beside
from seif.config import Config
from seif.config_file import build_config
from seif.constraints.files import CompiledFile, VerifiedFile, constraints_of
from seif.datasets import follower_data, instructor_data
from seif.engines.base import Completion, Request
from seif.judging import Response, judge_each
from seif.models import JudgeWeights, ModelPool
from seif.questions import iter_questions, store_questions
from seif.tables import StoredTexts, iter_rows, write_json_lines
from seif.training.data import fitting
from seif.types import Instruction

ITEMS = (10_000, 100_000, 1_000_000)
NANO = Path(__file__).parents[1] / "src" / "seif" / "nano"
TEXTS = ("Use only lowercase.", "Avoid commas.", "Write at least 5 sentences.", "Give exactly 2 bullets.", "Be kind.")
REPLIES = [
    json.dumps({"c1": a, "c2": b, "c3": c}) for i, a in enumerate(TEXTS) for b in TEXTS[:i] for c in TEXTS[i + 1 :]
]
REPLY = "it is an old house\nand it stands by the river"


class InstantEngine:
    """Answers at once: every tenth reply is no set of constraints, and the Filter accepts everything."""

    async def complete(self, request: Request) -> Completion:
        if request.top_logprobs:
            return Completion("1", "stop", {"1": -0.1, "0": -3.0})
        return Completion("none" if request.seed % 10 == 0 else REPLIES[request.seed % len(REPLIES)], "stop")

    def close(self) -> None:
        """Nothing to give back."""


def config_of(work: Path) -> Config:
    """The embedded model's prompts, two attempts per seed, 100 steps of 64 prompts."""
    grpo = {"prompts_per_step": 64, "updates_per_step": 1, "max_prompt_tokens": 256}
    instructor = {"templates": [{"prompt": "hard", "constraints": 3}], "attempts": 2, "steps": 100, "grpo": grpo}
    roles = {"instructor": instructor, "follower": {"format": "plain", "steps": 100, "grpo": grpo}}
    files = {"model": str(NANO / "model"), "seeds": str(work / "asked.parquet")}
    held_out = str(NANO / "data" / "held_out.parquet")
    compact = {"prompts": "compact", "judger": {"kind": "rules"}}
    return build_config({**files, "held_out": held_out, **compact, **roles}, "benchmark")


def prepare(work: Path, items: int) -> None:
    """Write the files that the phases read."""
    things = ("river", "clock", "owl", "train", "lamp", "bridge", "garden", "ship")
    seeds = (f"Tell me about {things[i % 8]} number {i} and the {things[i // 8 % 8]} next to it." for i in range(items))
    StoredTexts.write(work / "asked.parquet", "prompt", seeds)
    rows = (
        {
            "prompt": f"Tell me about number {i}.",
            "response": f"{REPLY} with number {i}.",
            "constraint": [TEXTS[1], TEXTS[3]],
            "instruction_id_list": ["punctuation:no_comma", "detectable_format:number_bullet_lists"],
            "kwargs": [{}, {"num_bullets": 2}],
        }
        for i in range(items)
    )
    write_json_lines(work / "responses.jsonl", rows)


def plan(work: Path) -> int:
    """`seif plan`."""
    return api.plan(config_of(work)).seeds


def seeds(work: Path) -> int:
    """What a run does with its seed file."""
    return len(store_questions(iter_questions(config_of(work), lambda line: None), work / "seeds.parquet"))


def generate(work: Path) -> int:
    """The stage, from stored seeds to parquet; how many instructions there are."""
    out, config = work / "instructions.parquet", config_of(work)
    with patch.object(ModelPool, "_load", lambda pool, weights: InstantEngine()):
        seeds = StoredTexts(work / "seeds.parquet")
        request = stages.GenerationRequest(1, "w", "f", "a", JudgeWeights("j"), seeds, out, Beside(out).stats)
        stages.generate(config, request)
    return int(json.loads(Beside(out).stats.read_text())["pool"]["instructions"])


def order(work: Path) -> int:
    """What both roles' training reads; how many prompts are rendered for it."""
    config, limit = config_of(work), 256
    asked = instructor_data(config, 1, StoredTexts(work / "seeds.parquet"))
    read = follower_data(
        config, 1, work / "instructions.parquet", lambda prompts: fitting(config.model, prompts, limit)
    )
    return len(asked.prompts) + len(read.prompts)


def verify(work: Path) -> int:
    """`seif verify --out`."""
    rows = VerifiedFile(work / "responses.jsonl", loose=False)
    write_json_lines(work / "verified.jsonl", rows)
    return int(rows.found().summary.n_prompts)


def compile_(work: Path) -> int:
    """`seif compile --out`."""
    rows = CompiledFile(work / "responses.jsonl")
    write_json_lines(work / "compiled.jsonl", ([c.instruction_id for c in row] for row in rows))
    return int(rows.counts().rows)


def judge(work: Path) -> int:
    """`seif judge --judger rules`, without the command's own output."""

    def responses() -> Iterator[Response]:
        for number, row in enumerate(iter_rows(work / "responses.jsonl"), 1):
            instruction = Instruction(str(row["prompt"]), constraints_of(row, f"row {number}"))
            yield Response(instruction, str(row["response"]))

    return sum(1 for _ in judge_each(config_of(work), responses()))


CHAINS = (("seeds", "generate", "order"), ("plan", "verify", "compile", "judge"))
"""Phases of a chain run one after the other, as they read what the one before wrote."""
PHASES: dict[str, Callable[[Path], int]] = {
    "plan": plan,
    "seeds": seeds,
    "generate": generate,
    "order": order,
    "verify": verify,
    "compile": compile_,
    "judge": judge,
}


def memory_mib(key: str) -> float:
    """What this process holds in memory: `VmRSS` now, `VmHWM` at most since its peak was last reset."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{key}:")) / 2**10


def measure(phase: str, work: Path) -> dict[str, Any]:
    """Run one phase in this process."""
    if phase == "order":
        list(fitting(str(NANO / "model"), [[{"role": "user", "content": "Why?"}]], 1))
    # Imports need more for a moment than they keep.
    Path("/proc/self/clear_refs").write_text("5")
    imports = memory_mib("VmRSS")
    began, computed = time.perf_counter(), time.process_time()
    found = PHASES[phase](work)
    seconds, cpu = time.perf_counter() - began, time.process_time() - computed
    return {
        "seconds": round(seconds, 1),
        "cpu_s": round(cpu, 1),
        "peak_mib": round(memory_mib("VmHWM") - imports),
        "imports_mib": round(imports),
        "found": found,
    }


def in_own_process(phase: str, work: Path) -> dict[str, Any]:
    """Run one phase in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.scale", "--measure", phase, "--work", str(work)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    print(f"{phase}: {done.stdout.strip()}", file=sys.stderr)
    return dict(json.loads(done.stdout))


def in_two_chains(phases: Collection[str], work: Path) -> dict[str, dict[str, Any]]:
    """Run phases, those of one chain beside those of the other."""

    def run(chain: Sequence[str]) -> dict[str, dict[str, Any]]:
        return {phase: in_own_process(phase, work) for phase in chain if phase in phases}

    with ThreadPoolExecutor(len(CHAINS)) as pool:
        return {phase: found for chain in pool.map(run, CHAINS) for phase, found in chain.items()}


READS = {"generate": ("seeds",), "order": ("seeds", "generate")}
"""The phases whose files a phase reads."""


def main() -> None:
    """Parse options, measure every phase for every size, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, nargs="+", default=ITEMS)
    parser.add_argument("--phases", nargs="+", choices=PHASES, default=list(PHASES))
    parser.add_argument("--work", type=Path, help="where the files go; a temporary directory by default")
    parser.add_argument("--measure", choices=PHASES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure, options.work)))
        return
    phases = {needed for phase in options.phases for needed in (*READS.get(phase, ()), phase)}
    results = []
    for items in options.items:
        with tempfile.TemporaryDirectory(dir=options.work) as folder:
            work = Path(folder)
            prepare(work, items)
            results.append({"items": items, "phases": in_two_chains(phases, work)})
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
