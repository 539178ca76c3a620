"""Commands on whole runs: `run`, `plan`, `status`, `report`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seif.cli.options import (
    AsJson,
    ConfigFile,
    Gpu,
    Overrides,
    RatesFile,
    Seeds,
    console,
    listener,
    load,
    print_json,
    quiet,
)
from seif.configs import find
from seif.errors import UsageError
from seif.listener import Listener

if TYPE_CHECKING:
    from seif.config import Config
    from seif.planning.machine import Machine
    from seif.results import Estimate


def run(
    config: ConfigFile,
    run_dir: Annotated[
        Path | None, typer.Option(help="Where the run lives; runs/<config name> by default. The same command resumes.")
    ] = None,
    seeds: Seeds = None,
    overrides: Overrides = None,
) -> None:
    """Run or resume the whole loop."""
    from seif import api
    from seif.artifacts import RunDir
    from seif.report.table import audit_parts, turn_table

    found = api.run(load(config, overrides, seeds), run_dir or Path("runs") / find(config).stem, listener())
    console.print(turn_table(RunDir(found.path)))
    for part in audit_parts(found):
        console.print(part)
    console.print(f"report: {found.report}", highlight=False)


def plan(
    config: ConfigFile,
    seeds: Seeds = None,
    overrides: Overrides = None,
    gpu: Gpu = None,
    rates: RatesFile = None,
    price: Annotated[
        str | None,
        typer.Option("--price-per-mtok", metavar="IN[,OUT]", help="Price of a million tokens, to add up the calls."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a config, and say what a run would do and need.

    How long it would take, and how much memory. Needs no GPU and no download; hours and memory follow from the model's
    config.json.
    """
    from seif import api
    from seif.planning.forecast import forecast
    from seif.planning.machine import Machine
    from seif.preflight import settle
    from seif.report.estimates import estimate_parts
    from seif.report.table import plan_table

    cfg = load(config, overrides, seeds)
    settled, precision = settle(cfg)
    quiet()
    hears = listener(as_json)
    machine = Machine(gpu, rates, price)
    found = api.plan(settled, hears, machine)
    needs = forecast(cfg, found, machine, hears.note)
    if as_json:
        estimate = asdict(needs) if needs else None
        print_json({"dtype": asdict(precision), **asdict(found), "estimate": estimate})
        return
    if gpu is None and rates is None:
        # What this machine computes in says nothing about another.
        console.print(str(precision), highlight=False)
    for part in [*plan_table(found), *(estimate_parts(needs) if needs else [])]:
        console.print(part)


def status(
    run: Annotated[Path, typer.Argument(help="A run directory.")],
    gpu: Gpu = None,
    rates: RatesFile = None,
    as_json: AsJson = False,
) -> None:
    """Where a run is, its numbers, and what its stages took.

    What they took is shown beside what was estimated.
    """
    from seif import api
    from seif.artifacts import RunDir
    from seif.planning.machine import Machine
    from seif.report.estimates import comparison, stages_of
    from seif.report.table import audit_parts, turn_table
    from seif.spending import calls_by_turn, tokens_by_turn

    found = api.load_run(run)
    root = RunDir(found.path)
    quiet()
    hears = listener(as_json)
    for line in found.damaged:
        hears.note(line)
    needs = _needs(root.config(), Machine(gpu, rates), hears)
    took = stages_of(root)
    if as_json:
        stages = [
            {"turn": turn, "stage": stage, "seconds": t.seconds, "peak_bytes": t.peak}
            for (turn, stage), t in took.items()
        ]
        estimate = asdict(needs) if needs else None
        spent = {
            what: [{"turn": turn, **by_role} for turn, by_role in enumerate(by_turn(root), 1)]
            for what, by_turn in (("tokens", tokens_by_turn), ("calls", calls_by_turn))
        }
        print_json({**found.to_json(), "stages": stages, **spent, "estimate": estimate})
        return
    console.print(f"{run}: {found.state}, {found.seconds:.0f} s in finished stages", highlight=False)
    for change in found.config_changes:
        console.print(f"changed when it was resumed: {change}", highlight=False, markup=False)
    console.print(turn_table(root))
    for part in audit_parts(found):
        console.print(part)
    console.print()
    console.print(comparison(needs, took))


def _needs(config: Config, machine: Machine, hears: Listener) -> Estimate | None:
    """The estimate of a run; None where its files are gone, which takes nothing from what the run has done."""
    from seif.loop import plan as lay_out
    from seif.planning.forecast import forecast
    from seif.questions import count_questions

    try:
        planned = lay_out(config, *count_questions(config, hears.note))
    except UsageError as error:
        hears.note(f"nothing is estimated: {error}")
        return None
    return forecast(config, planned, machine, hears.note)


def report(run: Annotated[Path, typer.Argument(help="A run directory.")]) -> None:
    """Write the run's report.html anew."""
    from seif import api

    written, hears = api.write_report(run), listener()
    for line in api.load_run(run).damaged:
        hears.note(line)
    console.print(f"report: {written}", highlight=False)
