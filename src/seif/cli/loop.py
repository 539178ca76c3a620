"""Commands on whole runs: `run`, `plan`, `status`, `report`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from seif import api
from seif.artifacts import RunDir
from seif.cli.options import AsJson, ConfigFile, Overrides, Seeds, console, listener, load
from seif.configs import find


def run(
    config: ConfigFile,
    run_dir: Annotated[
        Path | None, typer.Option(help="Where the run lives; runs/<config name> by default. The same command resumes.")
    ] = None,
    seeds: Seeds = None,
    overrides: Overrides = None,
) -> None:
    """Run or resume the whole loop."""
    from seif.report.table import turn_table

    found = api.run(load(config, overrides, seeds), run_dir or Path("runs") / find(config).stem, listener())
    console.print(turn_table(RunDir(found.path)))
    console.print(f"report: {found.report}", highlight=False)


def plan(config: ConfigFile, seeds: Seeds = None, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Validate a config and say what a run would do; needs no GPU and no download."""
    from seif.preflight import settle
    from seif.report.table import plan_table

    cfg, precision = settle(load(config, overrides, seeds))
    found = api.plan(cfg, listener())
    if as_json:
        print(json.dumps({"dtype": asdict(precision), **asdict(found)}, indent=2))
        return
    console.print(str(precision), highlight=False)
    for part in plan_table(found):
        console.print(part)


def status(run: Annotated[Path, typer.Argument(help="A run directory.")], as_json: AsJson = False) -> None:
    """Where a run is, and its numbers so far."""
    from seif.report.table import turn_table

    found = api.load_run(run)
    if as_json:
        print(json.dumps(found.to_json(), indent=2))
        return
    console.print(f"{run}: {found.state}, {found.seconds:.0f} s in finished stages", highlight=False)
    console.print(turn_table(RunDir(found.path)))


def report(run: Annotated[Path, typer.Argument(help="A run directory.")]) -> None:
    """Write the run's report.html anew."""
    console.print(f"report: {api.write_report(run)}", highlight=False)
