"""What the commands share: option types, and how a config, its files and its checkpoints are made ready."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from seif.activity import current
from seif.engines.quiet import quiet
from seif.listener import Listener
from seif.redaction import redacted

if TYPE_CHECKING:
    from seif.config import Config

console = Console(soft_wrap=True)

ConfigFile = Annotated[
    Path, typer.Argument(help="A YAML file, or the name of a shipped config, e.g. nano; `seif configs` lists them.")
]
Seeds = Annotated[Path | None, typer.Option(help="Seed questions (parquet, JSONL, JSON, CSV or TXT).")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a config key, e.g. --set follower.grpo.kl=0.02."),
]
OptionalConfig = Annotated[
    Path | None,
    typer.Option(
        "--config", help="YAML config (a file or a shipped name) with the role settings; the paper's by default."
    ),
]
Gpu = Annotated[
    str | None,
    typer.Option(help="Estimate for this device: h100, h200, a100, l40s, 24gb or cpu; by default for this machine's."),
]
RatesFile = Annotated[
    Path | None, typer.Option("--rates", help="Estimate with what `seif bench` measured, instead of a data sheet.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the numbers as JSON.")]

__all__ = [
    "AsJson",
    "ConfigFile",
    "Gpu",
    "OptionalConfig",
    "Overrides",
    "RatesFile",
    "Seeds",
    "console",
    "for_model",
    "listener",
    "load",
    "print_json",
    "quiet",
    "settle_dtype",
]


def _info(line: str) -> None:
    console.print(redacted(line), highlight=False)


def _note(line: str) -> None:
    Console(stderr=True, soft_wrap=True).print(f"note: {redacted(line)}", style="yellow", highlight=False, markup=False)


def _progress(line: str) -> None:
    Console(stderr=True, soft_wrap=True).print(redacted(line), highlight=False, markup=False)
    if display := current():
        display.spoken()


def listener(as_json: bool = False) -> Listener:
    """Shows on the terminal what a command does; with `as_json` its standard output is left to the numbers."""
    if as_json:
        return Listener(note=_note, progress=_progress)
    return Listener(_info, _note, _progress, console)


def print_json(value: object) -> None:
    """The numbers of a command, and nothing else, on standard output."""
    if display := current():
        display.close()
    print(json.dumps(value, indent=2))


def load(config: Path, overrides: list[str] | None, seeds: Path | None) -> Config:
    """A config for a run, with its overrides and seed file."""
    from seif.api import load_config

    return load_config(config, overrides or (), seeds=str(seeds.resolve()) if seeds else None)


def for_model(config: Path | None, model: str, overrides: list[str] | None, **files: Path | None) -> Config:
    """The role settings for a command that names its model itself."""
    from seif.api import load_config

    direct = {"model": model, **{k: str(v.resolve()) for k, v in files.items() if v is not None}}
    return load_config(config, overrides or (), **direct)


def settle_dtype(config: Config, work: Path | None = None, tell: bool = True) -> Config:
    """As `seif.preflight.settle`; prints what was chosen, and why."""
    from seif.preflight import settle

    settled, precision = settle(config, work)
    if tell:
        _info(str(precision))
    return settled
