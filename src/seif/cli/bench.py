"""The command that measures a machine: `seif bench`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seif.activity import doing
from seif.cli.options import (
    Overrides,
    Seeds,
    console,
    listener,
    load,
    quiet,
    settle_dtype,
)
from seif.errors import UsageError
from seif.outputs import check_new

if TYPE_CHECKING:
    from seif.config import Config

_SEEDS = "nano:data/seeds.parquet"


def bench(
    config: Annotated[
        Path | None,
        typer.Option("--config", help="The config of the run to be planned: a file or the name of a shipped one."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Measure this model, a directory or hub id, instead of the config's.")
    ] = None,
    seeds: Seeds = None,
    overrides: Overrides = None,
    out: Annotated[Path, typer.Option(help="The rates, for `seif plan --rates`.")] = Path("rates.json"),
) -> None:
    """Measure how fast a model is on this machine.

    How fast the config's model writes, reads, judges and trains here.
    """
    from seif.atomic import write_text
    from seif.bench import bench as measure
    from seif.preflight import check_names, iter_questions

    check_new(out, [config, seeds], stream=True)
    settled = settle_dtype(_config(config, model, seeds, overrides))
    check_names(settled)
    quiet()
    hears = listener()
    questions = iter_questions(settled, hears.note)
    with doing("measuring"):
        rates = measure(settled, questions, hears.info)
    write_text(out, rates.model_dump_json(indent=2) + "\n")
    console.print(f"{out}: for seif plan CONFIG --rates {out}", highlight=False, markup=False)


def _config(config: Path | None, model: str | None, seeds: Path | None, overrides: list[str] | None) -> Config:
    if config is not None:
        return load(config, [*(overrides or []), *([f"model={_place(model)}"] if model else [])], seeds)
    if model is None:
        raise UsageError("give --config CONFIG, e.g. --config nano, or --model DIR")
    from seif.api import load_config

    # Without seeds of one's own the embedded ones do.
    return load_config(None, overrides or (), model=_place(model), seeds=str(seeds.resolve()) if seeds else _SEEDS)


def _place(model: str) -> str:
    """A directory as it is found from here; a config's own paths are relative to its file."""
    return str(Path(model).resolve()) if Path(model).is_dir() else model
