"""`seif analyze`: how the instructions of a run change from turn to turn."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seif.cli.options import AsJson, console, listener, print_json, quiet

Run = Annotated[Path, typer.Argument(help="A run directory.")]


def analyze(
    run: Run,
    out: Annotated[
        Path | None, typer.Option(help="A folder for JSON, CSV, SVG and PNG; RUN/analysis by default.")
    ] = None,
    embeddings: Annotated[
        bool, typer.Option("--embeddings", help="Also map the instructions, by the run's own model.")
    ] = False,
    embedder: Annotated[str | None, typer.Option(help="Map them by this checkpoint or hub id instead.")] = None,
    adherence: Annotated[
        bool, typer.Option("--adherence", help="Also let the base answer each turn's instructions: their difficulty.")
    ] = False,
    sample: Annotated[int, typer.Option(min=3, help="Instructions of each turn that a model reads.")] = 200,
    as_json: AsJson = False,
) -> None:
    """How a run's instructions change from turn to turn.

    Constraint types that grew and shrank, difficulty and rewards per turn; as files and figures.
    """
    from seif.analysis.run import analyze as analyze_run
    from seif.report.table import pool_parts

    quiet()
    hears = listener(as_json)
    found = analyze_run(run, out, embeddings, embedder, adherence, sample, hears)
    if as_json:
        print_json(found.to_json())
        return
    for part in pool_parts(found):
        console.print(part)
    for file in found.files:
        console.print(f"written: {file}", highlight=False)
