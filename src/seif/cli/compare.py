"""The command `compare`: runs beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seif.cli.options import AsJson, console, print_json
from seif.outputs import check_file


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Run directories; the others are compared with the first.")],
    turn: Annotated[
        str, typer.Option(help="Compare the `last` evaluated turn of each run, the `best` by its audit, or turn N.")
    ] = "last",
    out: Annotated[
        Path | None, typer.Option(help="Write one HTML page with all curves and tables here; replaced if it exists.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show runs beside each other.

    Accuracy over the turns, differences with 95% intervals, settings and costs.
    """
    from seif.comparison.page import write_comparison
    from seif.comparison.runs import compare_runs
    from seif.comparison.table import comparison_parts

    if out is not None:
        check_file(out)
    found = compare_runs(runs, turn)
    if out is not None:
        write_comparison(found, out)
    if as_json:
        print_json(found.to_json())
        return
    for part in comparison_parts(found):
        console.print(part, highlight=False, markup=False)
    if out is not None:
        console.print(f"page: {out}", highlight=False, markup=False)
