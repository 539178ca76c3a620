"""What `seif plan` estimates with measured rates, against what a run takes; prints JSON.

.venv/bin/python -m benchmarks.plan

The machine is measured before and after the run, each time in a process of its own as `seif bench` does it, and the
mean of the two are the rates: a machine whose speed drifts is then met in the middle. With --cpu-time the clock is
the process's own CPU time, for a machine that does other work too; give every process one thread then
(OMP_NUM_THREADS=1), so that a second of it is a second.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from seif.api import estimate, load_config, run
from seif.artifacts import RunDir
from seif.bench import bench
from seif.cli.options import quiet
from seif.config import Config
from seif.planning.machine import Machine
from seif.planning.rates import Lengths, Rates, Speed
from seif.preflight import settle
from seif.questions import iter_questions
from seif.report.estimates import StageActual, stages_of


def measured(config: Config, cpu_time: bool) -> Rates:
    """The rates of this machine."""
    quiet()
    settled, _ = settle(config)
    now = time.process_time if cpu_time else time.perf_counter
    say = partial(print, file=sys.stderr)
    return bench(settled, iter_questions(settled, say), say, now)


def alone(task: Callable[..., Any], *arguments: Any) -> Any:
    """The result of a task in a fresh process."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(task, *arguments).result()


def mean(before: Rates, after: Rates) -> Rates:
    """The rates between the two."""
    speed, lengths = (
        {
            name: None if value is None else (value + getattr(getattr(after, part), name)) / 2
            for name, value in dict(getattr(before, part)).items()
        }
        for part in ("speed", "lengths")
    )
    process = (before.process + after.process) / 2
    return before.model_copy(update={"process": process, "speed": Speed(**speed), "lengths": Lengths(**lengths)})


def compared(estimated: float, actual: float) -> dict[str, float]:
    """Both, and by how much the estimate is off."""
    return {"estimate": round(estimated, 1), "actual": round(actual, 1), "off": round(estimated / actual - 1, 3)}


def main() -> None:
    """Measure, run, measure and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="nano")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    parser.add_argument("--cpu-time", action="store_true")
    options = parser.parse_args()
    config = load_config(options.config, options.overrides)
    with tempfile.TemporaryDirectory() as folder:
        before = alone(measured, config, options.cpu_time)
        alone(run, config, Path(folder) / "run")
        after = alone(measured, config, options.cpu_time)
        rates = Path(folder) / "rates.json"
        rates.write_text(mean(before, after).model_dump_json(), encoding="utf-8")
        needs = estimate(config, Machine(rates=rates))
        took = stages_of(RunDir(Path(folder) / "run"))
    assert needs is not None

    def seconds(actual: StageActual) -> float:
        return (actual.cpu_seconds if options.cpu_time else actual.seconds) or 0.0

    stages = {
        name: compared(
            sum(stage.seconds for stage in needs.stages if stage.stage == name),
            sum(seconds(actual) for (_, stage), actual in took.items() if stage == name),
        )
        for name in dict.fromkeys(stage.stage for stage in needs.stages)
    }
    stages["all"] = compared(needs.seconds, sum(map(seconds, took.values())))
    peak = max(actual.peak or 0 for actual in took.values())
    result = {
        "config": options.config,
        "cores": os.cpu_count(),
        "clock": "CPU time" if options.cpu_time else "wall-clock",
        "seconds": stages,
        "peak_mb": compared(max(device.total for device in needs.devices) / 1e6, peak / 1e6),
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
