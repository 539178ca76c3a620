"""Whole runs as measurements: every arm and seed of a study is one `seif run`; what is compared gets means with
confidence intervals."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from scipy.stats import t as student

from seif.artifacts import RunDir

ROOT = Path(__file__).parents[1]
Numbers = Callable[[RunDir, int], dict[str, float]]
"""(run, turn) -> what is compared; turn 0 is the base."""


def study(about: str, arms: Mapping[str, Sequence[str]], control: str, config: str, numbers: Numbers) -> None:
    """The command of a study: do what is missing of its runs, print the summary as JSON. `arms` gives each arm its
    `--set` overrides."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="seeds per arm, from 0")
    parser.add_argument("--arms", nargs="+", choices=arms, default=list(arms))
    parser.add_argument("--config", type=Path, default=Path(config))
    parser.add_argument(
        "--runs",
        type=Path,
        default=ROOT / "runs" / Path(config).stem,
        help="where runs are kept; finished ones are reused",
    )
    options = parser.parse_args()
    found = {
        arm: [
            run(f"{arm}-{seed}", [f"seed={seed}", *arms[arm]], options.config, options.runs)
            for seed in range(options.seeds)
        ]
        for arm in options.arms
    }
    print(json.dumps({"seeds": options.seeds, **summarise(found, control, numbers)}, indent=2))


def run(name: str, settings: Sequence[str], config: Path, runs: Path) -> RunDir:
    """One finished run: a finished one as it is, an unfinished one resumed."""
    folder = runs / name
    overrides = [part for setting in settings for part in ("--set", setting)]
    print(name, file=sys.stderr)
    subprocess.run(
        [sys.executable, "-m", "seif", "run", str(config), "--run-dir", str(folder), *overrides],
        check=True,
        cwd=ROOT,
        stdout=sys.stderr,
    )
    return RunDir(folder)


def summarise(found: Mapping[str, Sequence[RunDir]], control: str, numbers: Numbers) -> dict[str, Any]:
    """The base, every arm's turns, and the last turns' paired differences to `control`, each as an `interval` over
    the seeds."""
    rows = {
        arm: [[numbers(r, turn) for r in roots] for turn in range(roots[0].config().turns + 1)]
        for arm, roots in found.items()
    }
    arms = {
        arm: {f"turn_{turn}": _intervals(of_turn) for turn, of_turn in enumerate(turns) if turn}
        for arm, turns in rows.items()
    }
    differences = {}
    for arm in rows.keys() - {control} if control in rows else ():
        pairs = list(zip(rows[arm][-1], rows[control][-1], strict=True))
        differences[arm] = _intervals(
            [{name: ours[name] - theirs[name] for name in ours if name in theirs} for ours, theirs in pairs]
        )
    base = next(iter(rows.values()))[0]
    return {
        "base": _intervals(base),
        "arms": arms,
        f"minus_{control}": {arm: differences[arm] for arm in rows if arm in differences},
    }


def _intervals(rows: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    return {name: interval([row[name] for row in rows]) for name in rows[0]}


def interval(values: Sequence[float]) -> dict[str, Any]:
    """Mean with the half-width of its 95% Student-t confidence interval (None for a single value), and the values."""
    half = None
    if len(values) > 1:
        half = float(student.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / len(values) ** 0.5
    return {
        "mean": round(statistics.mean(values), 4),
        "ci95": half and round(half, 4),
        "values": [round(v, 4) for v in values],
    }
