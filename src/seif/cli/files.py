"""Commands on files of constraints: `seif verify`, `seif compile`, `seif conflicts`."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seif.cli.options import AsJson, console, print_json
from seif.outputs import check_file
from seif.quantities import quantity

if TYPE_CHECKING:
    from seif.types import Constraint, Json

SHOWN = ("contradictory", "witnessed", "open")
Types = Annotated[
    Path | None, typer.Option("--types", help="A Python file with constraint types of your own (docs/constraints.md).")
]


def verify(
    file: Annotated[Path, typer.Argument(help="JSONL or parquet with prompt, response, instruction_id_list, kwargs.")],
    loose: Annotated[
        bool, typer.Option("--loose", help="Also accept IFEval's loosened variants of a response.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Write every row with its verdicts to this JSONL file.")] = None,
    types: Types = None,
    as_json: AsJson = False,
) -> None:
    """Check responses against their instructions, as IFEval does."""
    from rich.table import Column, Table

    from seif.constraints.files import VerifiedFile

    _check(out, file, types)
    _load(types)
    rows = VerifiedFile(file, loose)
    _write(out, rows)
    found = rows.found()
    if as_json:
        print_json(found.to_json())
        return
    summary = found.summary
    table = Table(Column("instruction", overflow="fold"), "n", "followed", box=None, header_style="bold")
    for kind, one in summary.per_type.items():
        table.add_row(kind, f"{one.n:,}", f"{one.accuracy:.1%}")
    console.print(table)
    for level, whole, n in (
        ("prompt", summary.prompt_level, summary.n_prompts),
        ("instruction", summary.instruction_level, summary.n_instructions),
    ):
        console.print(
            f"{level}-level accuracy, {found.mode}: {whole.accuracy:.2%} ± {whole.stderr:.2%} of {n:,}",
            highlight=False,
        )


def compile_(
    file: Annotated[Path, typer.Argument(help="Parquet, JSONL or JSON with a `constraint` column of lists of texts.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Write, per row, the list of {instruction_id, kwargs} or null to this JSONL file."),
    ] = None,
    types: Types = None,
    as_json: AsJson = False,
) -> None:
    """Turn constraints' texts into rule checks, where certain."""
    from rich.table import Column, Table

    from seif.constraints.files import CompiledFile

    _check(out, file, types)
    _load(types)
    rows = CompiledFile(file)
    _write(out, ([_check_of(c) for c in row] for row in rows))
    counts = rows.counts()
    if as_json:
        print_json(asdict(counts))
        return
    table = Table(Column("instruction", overflow="fold"), "texts", "share", box=None, header_style="bold")
    for kind, n in counts.per_type.items():
        table.add_row(kind, f"{n:,}", f"{n / counts.texts:.1%}")
    console.print(table)
    console.print(
        f"{counts.compiled:,} of {quantity(counts.texts, 'text')} compiled ({counts.share:.1%}); "
        f"{counts.rows_with_any:,} of {quantity(counts.rows, 'row')} with at least one, "
        f"{counts.rows_whole:,} with nothing else",
        highlight=False,
    )


def conflicts(
    file: Annotated[Path, typer.Argument(help="Instructions in the released schema (parquet, JSONL, JSON).")],
    out: Annotated[
        Path | None, typer.Option(help="Write per row the outcome, with the reason or the witness, to this JSONL file.")
    ] = None,
    types: Types = None,
    as_json: AsJson = False,
) -> None:
    """Find constraints that exclude each other.

    A witness shows that the others can be met together.
    """
    from seif.constraints.audit import audit, examine
    from seif.constraints.files import constraint_sets

    _check(out, file, types)
    _load(types)
    found = [examine(constraints) for constraints in constraint_sets(file)]
    summary = audit(found)
    if out is not None:
        _write(out, (examined.record() for examined in found))
    if as_json:
        print_json(summary.to_json())
        return
    for number, examined in enumerate(found, 1):
        said = examined.outcome.reason or examined.refusal
        if said:
            console.print(f"row {number}: {said}", highlight=False, markup=False)
    shares = "  ".join(
        f"{kind} {summary.outcomes[kind]:,} ({share:.1%})"
        for kind, share in summary.shares.items()
        if summary.outcomes[kind] or kind in SHOWN
    )
    console.print(f"{quantity(summary.sets, 'set')}: {shares}", highlight=False)
    console.print(
        "contradictory: rules prove it; witnessed: a response satisfies "
        "what compiles; open: neither; uncheckable: nothing compiles",
        style="dim",
    )


def _check_of(constraint: Constraint) -> Json | None:
    """The rule check of a compiled constraint, as a file holds it; None for a soft one."""
    if not constraint.checkable:
        return None
    return {"instruction_id": constraint.instruction_id, "kwargs": dict(constraint.kwargs)}


def _write(out: Path | None, records: Iterable[object]) -> None:
    """Write records as they come; without a file, only read them."""
    from seif.atomic import write_atomically
    from seif.tables import write_json_lines

    if out is not None:
        write_atomically(out, lambda partial: write_json_lines(partial, records))
    else:
        deque(records, maxlen=0)


def _check(out: Path | None, *inputs: Path | None) -> None:
    if out is not None:
        check_file(out, inputs)


def _load(types: Path | None) -> None:
    if types is not None:
        from seif.plugins import load_plugins

        load_plugins([str(types)])
