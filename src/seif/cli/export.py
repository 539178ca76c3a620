"""The command `export`: a run's Follower as a model folder, ready for the hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seif.cli.options import console
from seif.errors import UsageError


def export(
    run: Annotated[Path, typer.Argument(help="A run directory.")],
    out: Annotated[Path, typer.Option(help="The folder to write; it must not exist, or be empty.")],
    turn: Annotated[
        str | None,
        typer.Option(help="Whose Follower: `best` by the audit, `last`, or turn N; best where there is an audit."),
    ] = None,
    adapter: Annotated[
        bool, typer.Option("--adapter", help="Keep a LoRA adapter alone instead of merging it into its base.")
    ] = False,
    push_to_hub: Annotated[
        str | None, typer.Option(metavar="NAME", help="Push the folder to this repository of the hub, private.")
    ] = None,
    public: Annotated[bool, typer.Option("--public", help="With --push-to-hub: let everybody see it.")] = False,
) -> None:
    """Write a trained Follower as a folder for `hf upload`.

    With its weights, tokenizer, chat template and a model card.
    """
    from seif.exporting import Push
    from seif.exporting import export as write

    if public and push_to_hub is None:
        raise UsageError("--public goes with --push-to-hub NAME")
    found = write(run, out, turn, adapter, Push(push_to_hub, public) if push_to_hub is not None else None)
    what = "adapter" if found.adapter else "model"
    console.print(f"turn {found.turn}, {what}: {found.path}", highlight=False, markup=False)
    if found.url:
        console.print(f"pushed: {found.url}", highlight=False, markup=False)
