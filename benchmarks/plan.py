"""What `seif plan` estimates with measured rates, against what a run takes; prints JSON.

.venv/bin/python -m benchmarks.plan

The machine is measured before and after the run, each time by `seif bench` in a process of its own, and the two means
are the rates: a machine whose speed drifts is then met in the middle.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from seif.api import estimate, load_config
from seif.artifacts import RunDir
from seif.planning.machine import Machine
from seif.planning.rates import Lengths, Rates, Speed, read_rates
from seif.report.estimates import stages_of

ROOT = Path(__file__).parents[1]


def seif(*arguments: str) -> None:
    """Run a command; what it prints goes to standard error."""
    subprocess.run([sys.executable, "-m", "seif", *arguments], cwd=ROOT, stdout=sys.stderr, check=True)


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
    options = parser.parse_args()
    chosen = [word for override in options.overrides for word in ("--set", override)]
    with tempfile.TemporaryDirectory() as folder:
        before, run, after = (Path(folder) / name for name in ("before.json", "run", "after.json"))
        seif("bench", "--config", options.config, *chosen, "--out", str(before))
        seif("run", options.config, *chosen, "--run-dir", str(run))
        seif("bench", "--config", options.config, *chosen, "--out", str(after))
        Path(folder, "rates.json").write_text(mean(read_rates(before), read_rates(after)).model_dump_json())
        config = load_config(options.config, options.overrides)
        needs = estimate(config, Machine(rates=Path(folder, "rates.json")))
        took = stages_of(RunDir(run))
    assert needs is not None
    stages: dict[str, Any] = {}
    for name in dict.fromkeys(stage.stage for stage in needs.stages):
        stages[name] = compared(
            sum(stage.seconds for stage in needs.stages if stage.stage == name),
            sum(actual.seconds for (_, stage), actual in took.items() if stage == name),
        )
    total = compared(needs.seconds, sum(actual.seconds for actual in took.values()))
    peak = max(actual.peak or 0 for actual in took.values())
    memory = compared(max(device.total for device in needs.devices) / 1e6, peak / 1e6)
    found = {"config": options.config, "cores": os.cpu_count(), "seconds": stages | {"all": total}, "peak_mb": memory}
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
