"""Commands for one stage on a user's own files: `generate`, `train`, and `nano build`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from seif.cli.options import FileLog, OptionalConfig, Overrides, console, for_model, fresh, preflight, questions_of, quiet, settle_dtype
from seif.errors import UsageError
from seif.progress import Progress
from seif.run_dir import hold

Start = Annotated[str, typer.Option(help="Where training starts: a checkpoint directory or hub id.")]
Instructions = Annotated[Path, typer.Option(help="Instructions in the released schema; the Instructor trains on their seed questions.")]
Trained = Annotated[Path, typer.Option(help="Where the trained model goes; the same command resumes.")]
Frozen = Annotated[str | None, typer.Option(help="Checkpoint of Filter, answerer and Judger; the model itself by default.")]


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
    cfg = settle_dtype(cfg)
    preflight(cfg, questions, filter_model)
    stats = out.with_suffix(".stats.json")
    stages.generate(cfg, 1, model, filter_model or model, questions, out, stats)
    numbers = json.loads(stats.read_text(encoding="utf-8"))
    console.print(f"{numbers['pool']['instructions']} instructions in {out}; {numbers['parsable']:.1%} of the replies could be parsed", highlight=False)


def train_instructor(
    model: Start, instructions: Instructions, out: Trained, judge_model: Frozen = None, config: OptionalConfig = None, overrides: Overrides = None
) -> None:
    """Train the Instructor by GRPO on your own seed questions."""
    _train("instructor", model, instructions, out, judge_model, config, overrides)


def train_follower(
    model: Start, instructions: Instructions, out: Trained, judge_model: Frozen = None, config: OptionalConfig = None, overrides: Overrides = None
) -> None:
    """Train the Follower by GRPO on your own instructions."""
    _train("follower", model, instructions, out, judge_model, config, overrides)


def _train(role: str, model: str, instructions: Path, out: Path, judge_model: str | None, config: Path | None, overrides: list[str] | None) -> None:
    from seif import stages
    from seif.instructions import read_instructions
    from seif.stages.common import checkpoints_of
    from seif.tracking import open_tracker

    cfg = for_model(config, model, overrides)
    tasks = read_instructions(instructions)
    fresh(out)
    if cfg.trains_reward_model:
        raise UsageError("a classifier judges: name it with --set self_supervised.reward_model.checkpoint=DIR, or url=URL")
    cfg = settle_dtype(cfg, checkpoints_of(out))
    preflight(cfg, [t.seed for t in tasks], judge_model, trains=True)
    progress = Progress(console)
    frozen = judge_model or model
    with (
        hold(out.with_name(f".{out.name}.lock"), f"another seif train is writing {out}; wait for it or choose another --out"),
        open_tracker(cfg.report_to, out.with_name(f"{out.name}.tracking"), cfg.model_dump(mode="json")) as tracker,
    ):
        log = FileLog(out, progress, tracker, f"train_{role}")
        progress.started(1, f"train_{role}")
        try:
            if role == "follower":
                stages.train_follower(cfg, 1, model, frozen, instructions, out, log)
            else:
                stages.train_instructor(cfg, 1, model, frozen, frozen, list(dict.fromkeys(t.seed for t in tasks)), out, log)
        finally:
            progress.close()
    console.print(f"model: {out}", highlight=False)


def build(
    out: Annotated[Path, typer.Option(help="Where the model and its data go.")],
    steps: Annotated[int | None, typer.Option(help="Training steps of each phase; fewer is faster and worse.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of weights and data.")] = 0,
    start: Annotated[Path | None, typer.Option(help="Go on from this model directory instead.", exists=True, file_okay=False)] = None,
    phase: Annotated[int, typer.Option(help="The phase to begin with; see PHASES in nano/build.py.")] = 1,
) -> None:
    """Make the embedded model again from nothing, measure its floors, and write its card."""
    from seif.nano import build as nano_build

    fresh(out)
    quiet()
    nano_build.build(out, steps, seed, lambda line: console.print(line, highlight=False), start, phase)
    console.print(f"model: {out}", highlight=False)
