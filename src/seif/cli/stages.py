"""Commands for one stage on a user's own files: `generate`, `train`, and `nano build`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seif.cli.options import OptionalConfig, Overrides, console, for_model, listener, quiet
from seif.outputs import check_new
from seif.quantities import quantity

Start = Annotated[str, typer.Option(help="Where training starts: a checkpoint directory or hub id.")]
Instructions = Annotated[Path, typer.Option(help="Instructions in the released schema (parquet, JSONL, JSON).")]
SeedQuestions = Annotated[
    Path, typer.Option(help="Instructions in the released schema; the seed questions in them are what it trains on.")
]
Trained = Annotated[Path, typer.Option(help="Where the trained model goes; the same command resumes.")]
Frozen = Annotated[
    str | None,
    typer.Option(help="Checkpoint of Filter, answerer and Judger; judger.checkpoint or the model itself by default."),
]


def generate(
    model: Annotated[str, typer.Option(help="The Instructor: a checkpoint directory or hub id.")],
    seeds: Annotated[Path, typer.Option(help="Seed questions (parquet, JSONL, JSON, CSV or TXT).")],
    out: Annotated[Path, typer.Option(help="Instructions in the released schema (parquet).")],
    filter_model: Annotated[
        str | None, typer.Option(help="The Filter's checkpoint; judger.checkpoint or the Instructor's by default.")
    ] = None,
    config: OptionalConfig = None,
    overrides: Overrides = None,
) -> None:
    """Let an Instructor write instructions for your seeds.

    It writes constraints for every seed, and the Filter drops contradictory ones.
    """
    from seif import api

    made = api.generate(for_model(config, model, overrides, seeds=seeds), out, filter_model, listener())
    console.print(
        f"{quantity(made.instructions, 'instruction')} in {out}; {made.parsable:.1%} of the replies could be parsed",
        highlight=False,
    )


def train_instructor(
    model: Start,
    instructions: SeedQuestions,
    out: Trained,
    judge_model: Frozen = None,
    config: OptionalConfig = None,
    overrides: Overrides = None,
) -> None:
    """Train the Instructor by GRPO on your own seed questions."""
    from seif import api

    _print_model(
        api.train("instructor", for_model(config, model, overrides), instructions, out, judge_model, listener())
    )


def train_follower(
    model: Start,
    instructions: Instructions,
    out: Trained,
    judge_model: Frozen = None,
    config: OptionalConfig = None,
    overrides: Overrides = None,
) -> None:
    """Train the Follower by GRPO on your own instructions."""
    from seif import api

    _print_model(api.train("follower", for_model(config, model, overrides), instructions, out, judge_model, listener()))


def _print_model(path: Path) -> None:
    console.print(f"model: {path}", highlight=False)


def build(
    out: Annotated[Path, typer.Option(help="Where the model and its data go.")],
    steps: Annotated[int | None, typer.Option(help="Training steps of each phase; fewer is faster and worse.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of weights and data.")] = 0,
    start: Annotated[
        Path | None, typer.Option(help="Go on from this model directory instead.", exists=True, file_okay=False)
    ] = None,
    phase: Annotated[int, typer.Option(help="The phase to begin with; see PHASES in nano/build.py.")] = 1,
) -> None:
    """Make the embedded model again from nothing.

    Measures its floors, and writes its card.
    """
    from seif.nano import build as nano_build

    check_new(out)
    quiet()
    nano_build.build(out, steps, seed, lambda line: console.print(line, highlight=False), start, phase)
    _print_model(out)
