"""Commands on files of constraints: `seif verify`, `seif compile`, `seif conflicts`."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from seif.artifacts import write_json_lines
from seif.cli.options import AsJson, console

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
    from seif.constraints.files import VerifiedFile

    _load(types)
    rows = VerifiedFile(file, loose)
    _write(out, rows)
    numbers = rows.numbers()
    if as_json:
        print(json.dumps(numbers, indent=2))
        return
    table = Table("instruction", "n", "followed", box=None, header_style="bold")
    for kind, found in numbers["per_type"].items():
        table.add_row(kind, f"{found['n']:,}", f"{found['accuracy']:.1%}")
    console.print(table)
    for level, n in (("prompt", "n_prompts"), ("instruction", "n_instructions")):
        found = numbers[f"{level}_level"]
        console.print(
            f"{level}-level accuracy, {numbers['mode']}: "
            f"{found['accuracy']:.2%} ± {found['stderr']:.2%} of {numbers[n]:,}",
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
    """Turn constraints' texts into rule checks, where that is certain."""
    from seif.constraints.files import CompiledFile

    _load(types)
    compiled = CompiledFile(file)
    _write(out, compiled)
    numbers = compiled.numbers()
    if as_json:
        print(json.dumps(numbers, indent=2))
        return
    table = Table("instruction", "texts", "share", box=None, header_style="bold")
    for kind, n in numbers["per_type"].items():
        table.add_row(kind, f"{n:,}", f"{n / numbers['texts']:.1%}")
    console.print(table)
    console.print(
        f"{numbers['compiled']:,} of {numbers['texts']:,} texts compile ({numbers['share']:.1%}); "
        f"{numbers['rows_with_any']:,} of {numbers['rows']:,} rows have at least one, "
        f"{numbers['rows_whole']:,} nothing else",
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
    """Find constraints that exclude each other; a witness shows that the others can be met together."""
    from seif.constraints.audit import audit, examine
    from seif.constraints.files import constraint_sets

    _load(types)
    found = [examine(constraints) for constraints in constraint_sets(file)]
    numbers = audit(found)
    if out is not None:
        write_json_lines(out, [examined.record() for examined in found])
    if as_json:
        print(json.dumps(numbers, indent=2))
        return
    for number, examined in enumerate(found, 1):
        said = examined.outcome.reason or examined.refusal
        if said:
            console.print(f"row {number}: {said}", highlight=False, markup=False)
    shares = "  ".join(
        f"{kind} {numbers[kind]:,} ({share:.1%})"
        for kind, share in numbers["shares"].items()
        if numbers[kind] or kind in SHOWN
    )
    console.print(f"{numbers['sets']:,} sets: {shares}", highlight=False)
    console.print(
        "contradictory: rules prove it; witnessed: a response satisfies "
        "what compiles; open: neither; uncheckable: nothing compiles",
        style="dim",
    )


def _write(out: Path | None, records: Iterable[object]) -> None:
    """Write records as they come; without a file, only read them."""
    if out is not None:
        write_json_lines(out, records)
    else:
        deque(records, maxlen=0)


def _load(types: Path | None) -> None:
    if types is not None:
        from seif.plugins import load_plugins

        load_plugins([str(types)])
