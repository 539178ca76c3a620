"""Runs the phases of `benchmarks.gpu` and writes what they found, after each of them."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from benchmarks.flops import peak_flops
from benchmarks.generation import Batch
from benchmarks.gpu_bench import TINY, Bench, LeftOut, PhaseFailed, Sizes, run_command
from benchmarks.gpu_phases import PHASES, Resumption, Training
from seif.atomic import write_json
from seif.errors import SeifError
from seif.footprint import Device
from seif.planning.hardware import Hardware

Result = Training | Resumption | Sequence[Batch]


@dataclass(frozen=True)
class Outcome:
    """What became of a phase."""

    status: Literal["done", "failed", "left out"]
    seconds: float
    why: str = ""
    """Where it is not done."""
    result: Result | None = None


@dataclass(frozen=True)
class Report:
    """The JSON."""

    device: Device
    peak_bf16_flops: float | None
    versions: Mapping[str, str]
    tiny: bool
    """Whether this only checks the program: its figures mean nothing."""
    sizes: Sizes
    models_made_seconds: Mapping[str, float]
    phases: Mapping[str, Outcome]


_LOOK = TypeAdapter(tuple[Device, Hardware, dict[str, str]])


def run(out: Path, bench: Bench, versions: Mapping[str, str], names: Sequence[str]) -> bool:
    """Run the named phases and write the report to `out`; whether one failed."""
    outcomes: dict[str, Outcome] = {}
    for name in names:
        outcomes[name] = _outcome(bench, name)
        report = Report(
            bench.device,
            peak_flops(bench.device.name),
            versions,
            bench.sizes == TINY,
            bench.sizes,
            bench.made,
            outcomes,
        )
        write_json(out, TypeAdapter(Report).dump_python(report, mode="json"))
        print(line(name, outcomes[name]), flush=True)
    print(f"written: {out}")
    return any(outcome.status == "failed" for outcome in outcomes.values())


def look(deadline: float) -> tuple[Device, Hardware, Mapping[str, str]]:
    """The device, the data sheet that `seif plan` takes for it, and the versions of what runs on it.

    Raises PhaseFailed.
    """
    found = json.loads(run_command([sys.executable, "-m", "benchmarks.gpu_device"], deadline))
    return _LOOK.validate_python((found["device"], found["hardware"], found["versions"]))


def line(name: str, outcome: Outcome) -> str:
    """An outcome for the terminal."""
    if outcome.status != "done":
        return f"{name}: {outcome.status}: {outcome.why}"
    return f"{name}: {_described(outcome.result)} ({outcome.seconds:.0f} s)"


def _outcome(bench: Bench, name: str) -> Outcome:
    began = time.monotonic()
    try:
        result = PHASES[name](bench)
    except LeftOut as reason:
        return Outcome("left out", 0.0, str(reason))
    except (PhaseFailed, SeifError, OSError, ValueError) as error:
        return Outcome("failed", time.monotonic() - began, " ".join(str(error).split())[:400])
    return Outcome("done", time.monotonic() - began, result=result)


def _described(result: Result | None) -> str:
    if isinstance(result, Training):
        sampled, trained = result.rollout_tokens_per_s, result.training_tokens_per_s
        rates = f"rollouts {sampled:,.0f} tokens/s, training {trained:,.0f} tokens/s"
        share = "" if result.mfu is None else f", MFU {result.mfu:.1%}"
        if result.generate_peak is None or result.update_peak is None:
            return rates + share
        peak = max(result.generate_peak, result.update_peak)
        estimated = max(result.estimated_generate_peak, result.estimated_update_peak)
        return f"{rates}{share}, peak {peak / 1e9:.1f} GB (estimate {estimated / 1e9:.1f} GB)"
    if isinstance(result, Resumption):
        same = "the same weights" if result.identical else f"weights differ by up to {result.furthest:.1e}"
        return f"killed after step {result.killed_after}, resumed at step {result.resumed_at}, {same}"
    batches = [f"{batch.tokens_per_s:,.0f} tokens/s with {batch.rows} rows" for batch in result or ()]
    return ", ".join(batches)
