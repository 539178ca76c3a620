"""The `seif` command. Every stage of `run` is a command of its own on files."""

from __future__ import annotations

import json
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from seif import __version__
from seif.config import Config, build_config, load_config
from seif.errors import RunError, SeifError, UsageError
from seif.progress import Progress
from seif.run_dir import JsonLines, RunDir, hold

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help="Self-evolving RL for instruction following.")
nano_app = typer.Typer(no_args_is_help=True, help="The embedded model.")
app.add_typer(nano_app, name="nano")
console = Console(soft_wrap=True)

ConfigFile = Annotated[Path, typer.Argument(help="YAML config, e.g. configs/nano.yaml.")]
Seeds = Annotated[Path | None, typer.Option(help="Seed questions (parquet, JSONL, JSON with a `prompt` column).")]
Overrides = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a config key, e.g. --set follower.grpo.kl=0.02.")]
OptionalConfig = Annotated[Path | None, typer.Option("--config", help="YAML config with the role settings; the paper's by default.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class Role(StrEnum):
    """The roles that are trained."""

    instructor = "instructor"
    follower = "follower"


def _print_version(wanted: bool) -> None:
    if wanted:
        console.print(__version__, highlight=False)
        raise typer.Exit


@app.callback()
def _main(version: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")] = False) -> None:
    pass


@app.command()
def run(
    config: ConfigFile,
    run_dir: Annotated[Path | None, typer.Option(help="Where the run lives; runs/<config name> by default. The same command resumes.")] = None,
    seeds: Seeds = None,
    overrides: Overrides = None,
) -> None:
    """Run or resume the whole loop."""
    from seif import loop
    from seif.report.table import turn_table

    cfg = _load(config, overrides, seeds)
    questions = _questions(cfg)
    root = RunDir(run_dir or Path("runs") / config.stem)
    with root.locked():
        # A first start is checked before the config is written down, so that a mistake does not use up the directory.
        if root.started():
            root.open(cfg, _manifest(cfg))
        _preflight(cfg, questions)
        root.open(cfg, _manifest(cfg))
        progress = Progress(console, cfg.turns)
        try:
            loop.run(cfg, root, questions, progress)
        finally:
            progress.close()
    console.print(turn_table(root))
    console.print(f"report: {root.report}", highlight=False)


@app.command()
def plan(config: ConfigFile, seeds: Seeds = None, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Validate a config and say what a run would do; needs no GPU and no download."""
    from seif import loop
    from seif.report.table import plan_table

    cfg = _load(config, overrides, seeds)
    numbers = loop.plan(cfg, len(_questions(cfg)))
    if as_json:
        print(json.dumps(numbers, indent=2))
        return
    for part in plan_table(numbers):
        console.print(part)


@app.command()
def status(run: Annotated[Path, typer.Argument(help="A run directory.")], as_json: AsJson = False) -> None:
    """Where a run is, and its numbers so far."""
    from seif.report.table import run_status, turn_table

    root = RunDir(run)
    state = run_status(root)
    if as_json:
        print(json.dumps(state, indent=2))
        return
    console.print(f"{run}: {state['state']}, {state['seconds']:.0f} s in finished stages", highlight=False)
    console.print(turn_table(root))


@app.command()
def report(run: Annotated[Path, typer.Argument(help="A run directory.")]) -> None:
    """Write the run's report.html anew."""
    from seif.report.page import write_report

    root = RunDir(run)
    root.config()
    write_report(root)
    console.print(f"report: {root.report}", highlight=False)


@app.command()
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

    cfg = _for_model(config, model, overrides, seeds=seeds)
    questions = _questions(cfg)
    _fresh(out)
    _preflight(cfg, questions, filter_model)
    stats = out.with_suffix(".stats.json")
    stages.generate(cfg, 1, model, filter_model or model, questions, out, stats)
    numbers = json.loads(stats.read_text(encoding="utf-8"))
    console.print(f"{numbers['pool']['instructions']} instructions in {out}; {numbers['parsable']:.1%} of the replies could be parsed", highlight=False)


@app.command()
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

    cfg = _for_model(config, model, overrides)
    tasks = read_instructions(instructions)
    _fresh(out)
    _preflight(cfg, [t.seed for t in tasks], judge_model)
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


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(help="A checkpoint directory or hub id.")],
    held_out: Annotated[Path | None, typer.Option(help="Tasks in the released schema with ids and kwargs; the config's by default.")] = None,
    judge_model: Annotated[str | None, typer.Option(help="Also measure this checkpoint as a Judger against the verifiers.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the numbers to this JSON file.")] = None,
    config: OptionalConfig = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Held-out accuracy of a Follower, checked by verifiers alone."""
    import asyncio

    from seif import stages
    from seif.report.table import evaluation_table
    from seif.run_dir import write_json

    cfg = _for_model(config, model, overrides, held_out=held_out)
    if cfg.held_out is None:
        raise UsageError("there is nothing to evaluate on: give --held-out FILE, or a --config with held_out")
    _preflight(cfg, [], judge_model)
    engines = stages.Engines(cfg)
    result = asyncio.run(stages.measure(cfg, engines, 0, model, judge_model))
    engines.close()
    if out is not None:
        write_json(out, result)
    if as_json:
        print(json.dumps(result, indent=2))
    else:
        console.print(evaluation_table([result]))


@nano_app.command()
def build(
    out: Annotated[Path, typer.Option(help="Where the model and its data go.")],
    steps: Annotated[int | None, typer.Option(help="Training steps; fewer is faster and worse.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of weights and data.")] = 0,
) -> None:
    """Make the embedded model again from nothing, measure its floors, and write its card."""
    from seif.nano import build as nano_build

    _fresh(out)
    _quiet()
    nano_build.build(out, steps, seed, lambda line: console.print(line, highlight=False))
    console.print(f"model: {out}", highlight=False)


# --- helpers ----------------------------------------------------------------------------------------------------------


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

    def step(self, step: int, metrics: dict[str, float], records: list[dict[str, Any]]) -> None:
        self.metrics.append({"step": step, **metrics})
        self.progress.step(step, metrics)


def _load(config: Path, overrides: list[str] | None, seeds: Path | None) -> Config:
    return load_config(config, overrides, seeds=str(seeds.resolve()) if seeds else None)


def _for_model(config: Path | None, model: str, overrides: list[str] | None, **files: Path | None) -> Config:
    """The role settings for a command that names its model itself."""
    direct = {"model": model, **{k: str(v.resolve()) for k, v in files.items() if v is not None}}
    if config is not None:
        return load_config(config, overrides, **direct)
    if overrides:
        raise UsageError("--set changes a config: give --config too")
    return build_config(direct, "options")


def _questions(config: Config) -> list[str]:
    from seif.seeds import load_seeds

    if config.seeds is None:
        raise UsageError("no seeds: give --seeds FILE, or set `seeds` in the config")
    return load_seeds(Path(config.seeds))


def _preflight(config: Config, prompts: list[str], *others: str | None) -> None:
    """Everything that can be told before hours are spent; `others` are further checkpoints that the command names."""
    from seif.engines.checkpoint import check_checkpoint
    from seif.evaluation.held_out import load_tasks
    from seif.training.trackers import check_trackers

    _quiet()
    check_trackers(config.report_to)
    grpo = config.follower.grpo
    check_checkpoint(config.model, prompts, grpo.max_new_tokens)
    for other in others:
        if other is not None:
            check_checkpoint(other)
    if config.held_out is not None:
        load_tasks(Path(config.held_out))


def _manifest(config: Config) -> dict[str, Any]:
    import hashlib
    from importlib.metadata import version

    for file in filter(None, (config.seeds, config.held_out)):
        if not Path(file).is_file():
            raise UsageError(f"no file at {file}")
    files = {"seeds_sha256": config.seeds, "held_out_sha256": config.held_out}
    digests = {k: hashlib.sha256(Path(v).read_bytes()).hexdigest() if v else None for k, v in files.items()}
    return {"seif": __version__, **digests, "versions": {p: version(p) for p in ("torch", "transformers", "trl", "accelerate", "datasets")}}


def _fresh(out: Path) -> None:
    if out.exists():
        raise UsageError(f"{out} exists already; remove it or choose another --out")


def _quiet() -> None:
    """Keep the libraries' progress bars and advice out of ours; their errors still come through."""
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import datasets
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    datasets.disable_progress_bars()
    import logging
    import warnings

    logging.getLogger("trl").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"(torch|trl|transformers|accelerate)\b")


def main() -> None:
    """Entry point: a user's mistake or a broken run is one line and an exit code; SEIF_TRACEBACK=1 shows where it broke."""
    from safetensors import SafetensorError

    try:
        app()
    except SeifError as error:
        _fail(str(error), error.exit_code)
    except (OSError, RuntimeError, ImportError, MemoryError, SafetensorError) as error:
        # What breaks below us: a full disk, memory, a library, the network. The run directory stays as it is.
        if os.environ.get("SEIF_TRACEBACK"):
            raise
        what = error.strerror if isinstance(error, OSError) and error.strerror else " ".join(str(error).split())[:300]
        where = f" ({error.filename})" if isinstance(error, OSError) and error.filename else ""
        _fail(f"{type(error).__name__}: {what}{where}; mend the cause and run the same command again; SEIF_TRACEBACK=1 shows where", RunError.exit_code)


def _fail(message: str, code: int) -> None:
    Console(stderr=True, soft_wrap=True).print(f"error: {message}", style="red", highlight=False, markup=False)
    sys.exit(code)
