"""Commands for one stage on a user's own files: `generate`, `train`, and `nano build`."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from seif.cli.options import OptionalConfig, Overrides, console, for_model, fresh, preflight, questions_of, quiet
from seif.progress import Progress
from seif.run_dir import JsonLines, hold


class Role(StrEnum):
    """The roles that are trained."""

    instructor = "instructor"
    follower = "follower"


def generate(
    model: Annotated[str, typer.Option(help="The Instructor: a checkpoint directory or hub id.")],
    seeds: Annotated[Path, typer.Option(help="Seed questions (parquet, JSONL, JSON with a `prompt` column).")],
    out: Annotated[Path, typer.Option(help="Instructions in the released schema (parquet).")],
    filter_model: Annotated[str | None, typer.Option(help="The Filter's checkpoint; the Instructor's by default.")] = None,
    config: OptionalConfig = None,
    overrides: Overrides = None,
) -> None:
    """Let an Instructor write constraints for every seed, and the Filter drop contradictory ones."""
    from seif import stages

    cfg = for_model(config, model, overrides, seeds=seeds)
    questions = questions_of(cfg)
    fresh(out)
    preflight(cfg, questions, filter_model)
    stats = out.with_suffix(".stats.json")
    stages.generate(cfg, 1, model, filter_model or model, questions, out, stats)
    numbers = json.loads(stats.read_text(encoding="utf-8"))
    console.print(f"{numbers['pool']['instructions']} instructions in {out}; {numbers['parsable']:.1%} of the replies could be parsed", highlight=False)


def train(
    role: Annotated[Role, typer.Argument(help="Which role to train.")],
    model: Annotated[str, typer.Option(help="Where training starts: a checkpoint directory or hub id.")],
    instructions: Annotated[Path, typer.Option(help="Instructions in the released schema; the Instructor trains on their seed questions.")],
    out: Annotated[Path, typer.Option(help="Where the trained model goes; the same command resumes.")],
    judge_model: Annotated[str | None, typer.Option(help="Checkpoint of Filter, answerer and Judger; the model itself by default.")] = None,
    config: OptionalConfig = None,
    overrides: Overrides = None,
) -> None:
    """Train one role by GRPO on your own data."""
    from seif import stages
    from seif.instructions import read_instructions

    cfg = for_model(config, model, overrides)
    tasks = read_instructions(instructions)
    fresh(out)
    preflight(cfg, [t.seed for t in tasks], judge_model)
    progress = Progress(console)
    log = _FileLog(out, progress)
    frozen = judge_model or model
    with hold(out.with_name(f".{out.name}.lock"), f"another seif train is writing {out}; wait for it or choose another --out"):
        progress.started(1, f"train_{role.value}")
        try:
            if role is Role.follower:
                stages.train_follower(cfg, 1, model, frozen, instructions, out, log)
            else:
                stages.train_instructor(cfg, 1, model, frozen, frozen, list(dict.fromkeys(t.seed for t in tasks)), out, log)
        finally:
            progress.close()
    console.print(f"model: {out}", highlight=False)


def build(
    out: Annotated[Path, typer.Option(help="Where the model and its data go.")],
    steps: Annotated[int | None, typer.Option(help="Training steps; fewer is faster and worse.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of weights and data.")] = 0,
) -> None:
    """Make the embedded model again from nothing, measure its floors, and write its card."""
    from seif.nano import build as nano_build

    fresh(out)
    quiet()
    nano_build.build(out, steps, seed, lambda line: console.print(line, highlight=False))
    console.print(f"model: {out}", highlight=False)


class _FileLog:
    """A stage's log when it runs outside a run directory: metrics beside the output."""

    def __init__(self, out: Path, progress: Progress) -> None:
        self.metrics = JsonLines(out.with_name(f"{out.name}.metrics.jsonl"))
        self.progress = progress

    def begin(self, total: int) -> None:
        self.progress.begin(1, "", total)

    def resumed(self, step: int) -> None:
        self.metrics.keep(lambda record: record["step"] <= step)
        self.progress.resumed(step)

    def step(self, step: int, metrics: dict[str, Any], records: list[dict[str, Any]]) -> None:
        self.metrics.append({"step": step, **metrics})
        self.progress.step(step, metrics)
