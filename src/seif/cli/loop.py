"""Commands on whole runs: `run`, `plan`, `status`, `report`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from seif.cli.options import AsJson, ConfigFile, Overrides, Seeds, console, load, manifest_of, preflight, questions_of
from seif.config import Config
from seif.configs import find
from seif.progress import Progress
from seif.run_dir import RunDir


def run(
    config: ConfigFile,
    run_dir: Annotated[Path | None, typer.Option(help="Where the run lives; runs/<config name> by default. The same command resumes.")] = None,
    seeds: Seeds = None,
    overrides: Overrides = None,
) -> None:
    """Run or resume the whole loop."""
    from seif import loop
    from seif.engines.precision import resolve
    from seif.report.table import turn_table

    cfg = load(config, overrides, seeds)
    questions = questions_of(cfg)
    root = RunDir(run_dir or Path("runs") / find(config).stem)
    with root.locked():
        settled, precision = resolve(cfg, root.manifest().get("dtype", {}).get("dtype"))
        console.print(str(precision), highlight=False)
        # A first start is checked before the config is written down, so that a mistake does not use up the directory.
        if root.started():
            root.open(cfg, manifest_of(cfg, precision))
        preflight(settled, questions, trains=True)
        root.open(cfg, manifest_of(cfg, precision))
        progress = Progress(console, cfg.turns)
        try:
            loop.run(settled, root, questions, progress)
        finally:
            progress.close()
    console.print(turn_table(root))
    console.print(f"report: {root.report}", highlight=False)


def plan(config: ConfigFile, seeds: Seeds = None, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Validate a config and say what a run would do; needs no GPU and no download."""
    from seif import loop
    from seif.engines.precision import resolve
    from seif.report.table import plan_table

    cfg, precision = resolve(load(config, overrides, seeds))
    numbers = {"dtype": asdict(precision), **loop.plan(cfg, len(questions_of(cfg)), _mean_constraints(cfg))}
    if as_json:
        print(json.dumps(numbers, indent=2))
        return
    console.print(str(precision), highlight=False)
    for part in plan_table(numbers):
        console.print(part)


def _mean_constraints(config: Config) -> float | None:
    """How many constraints the config's own instructions have; None where it has none."""
    if config.instructions is None:
        return None
    from seif.instructions import read_instructions

    tasks = read_instructions(Path(config.instructions))
    return sum(len(x.constraints) for x in tasks) / len(tasks)


def status(run: Annotated[Path, typer.Argument(help="A run directory.")], as_json: AsJson = False) -> None:
    """Where a run is, and its numbers so far."""
    from seif.report.table import run_status, turn_table

    root = RunDir(run)
    state = run_status(root)
    if as_json:
        print(json.dumps(state, indent=2))
        return
    console.print(f"{run}: {state['state']}, {state['seconds']:.0f} s in finished stages", highlight=False)
    console.print(turn_table(root))


def report(run: Annotated[Path, typer.Argument(help="A run directory.")]) -> None:
    """Write the run's report.html anew."""
    from seif.report.page import write_report

    root = RunDir(run)
    root.config()
    write_report(root)
    console.print(f"report: {root.report}", highlight=False)
