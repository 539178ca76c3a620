"""What the commands share: option types, and how a config, its files and its checkpoints are made ready."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from seif import __version__
from seif.config import Config
from seif.config_file import build_config, load_config
from seif.errors import UsageError
from seif.progress import Progress
from seif.run_dir import JsonLines

if TYPE_CHECKING:
    from seif.engines.precision import Precision

console = Console(soft_wrap=True)

ConfigFile = Annotated[Path, typer.Argument(help="A YAML file, or the name of a shipped config, e.g. nano; `seif configs` lists them.")]
Seeds = Annotated[Path | None, typer.Option(help="Seed questions (parquet, JSONL, JSON with a `prompt` column).")]
Overrides = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a config key, e.g. --set follower.grpo.kl=0.02.")]
OptionalConfig = Annotated[Path | None, typer.Option("--config", help="YAML config (a file or a shipped name) with the role settings; the paper's by default.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the numbers as JSON.")]


def load(config: Path, overrides: list[str] | None, seeds: Path | None) -> Config:
    """A config for a run, with its overrides and seed file."""
    return _with_types(load_config(config, overrides, seeds=str(seeds.resolve()) if seeds else None))


def _with_types(config: Config) -> Config:
    """The config, once the user's own constraint types are known to every room."""
    if config.constraint_types is not None:
        from seif.plugins import load_plugins

        load_plugins([config.constraint_types])
    return config


def for_model(config: Path | None, model: str, overrides: list[str] | None, **files: Path | None) -> Config:
    """The role settings for a command that names its model itself."""
    direct = {"model": model, **{k: str(v.resolve()) for k, v in files.items() if v is not None}}
    if config is not None:
        return _with_types(load_config(config, overrides, **direct))
    if overrides:
        raise UsageError("--set changes a config: give --config too")
    return build_config(direct, "options")


def questions_of(config: Config) -> list[str]:
    """The seed questions of a config, or those of its instructions, less those that overlap with held-out or benchmark prompts."""
    from seif.evaluation.overlap import leave_out
    from seif.instructions import read_instructions
    from seif.seeds import load_seeds

    if config.instructions is not None:
        asked = list(dict.fromkeys(x.seed for x in read_instructions(Path(config.instructions))))
    elif config.seeds is not None:
        asked = load_seeds(Path(config.seeds))
    else:
        raise UsageError("no seeds: give --seeds FILE, or set `seeds` in the config")
    seeds, lines = leave_out(asked, map(Path, filter(None, (config.held_out, *config.benchmark_prompts))))
    for line in lines:
        Console(stderr=True, soft_wrap=True).print(f"note: {line}", style="yellow", highlight=False, markup=False)
    return seeds


def settle_dtype(config: Config, work: Path | None = None, tell: bool = True) -> Config:
    """The config with every `auto` type filled in; a stage that was begun in the directory `work` keeps its type. Prints what was chosen, and why.

    Raises UsageError for a type that this machine can't compute in.
    """
    from seif.engines.precision import resolve
    from seif.training.checkpoints import dtype_of

    config, precision = resolve(config, dtype_of(work) if work else None)
    if tell:
        console.print(str(precision), highlight=False)
    return config


def preflight(config: Config, prompts: list[str], *others: str | None, trains: bool = False) -> None:
    """Everything that can be told before hours are spent; `others` are further checkpoints that the command names."""
    from seif import frozen
    from seif.engines.checkpoint import check_checkpoint
    from seif.engines.memory import freeze_libraries
    from seif.evaluation.held_out import load_tasks
    from seif.training.trackers import check_trackers

    quiet()
    check_trackers(config.report_to)
    grpo = config.follower.grpo
    check_checkpoint(config.model, prompts, grpo.max_new_tokens)
    if trains:
        import seif.training.grpo  # noqa: F401  what training stands on, before it is frozen below
        from seif.training.lora import check_start

        check_start(config.model, config.lora)
    for other in others:
        if other is not None and not frozen.served(config, other):
            check_checkpoint(other)
    if config.held_out is not None:
        load_tasks(Path(config.held_out))
    _check_self_supervised(config, trains)
    frozen.check_engine(config)
    freeze_libraries()


def _check_self_supervised(config: Config, trains: bool) -> None:
    """What can be told early about the reward model, its labels, and the general questions."""
    from seif.self_supervised import curriculum
    from seif.self_supervised.general import load_questions

    settings = config.self_supervised
    for file in filter(None, (settings.general.train, settings.general.held_out)):
        load_questions(Path(file))
    curriculum.check_soft_types(settings.soft_types)
    if config.judging_model != "classifier":
        return
    from seif.self_supervised.classifier import Service
    from seif.self_supervised.scorer import check_base, check_classifier

    model = settings.reward_model
    if model.url:
        Service(model.url).check()
    elif model.checkpoint:
        check_classifier(model.checkpoint)
    elif trains:
        check_base(model.base or config.model, model.max_length)
        if config.instructions is not None:
            from seif.instructions import read_instructions

            curriculum.check_some_are_soft(read_instructions(Path(config.instructions)), curriculum.soft(config))


def manifest_of(config: Config, precision: Precision) -> dict[str, Any]:
    """What a run directory notes of its surroundings; a resume in others is refused."""
    import hashlib
    from importlib.metadata import version

    general = config.self_supervised.general
    others = {"instructions": config.instructions, "general_train": general.train, "general_held_out": general.held_out}
    for file in filter(None, (config.seeds, config.held_out, *others.values())):
        if not Path(file).is_file():
            raise UsageError(f"no file at {file}")
    files = {"seeds_sha256": config.seeds, "held_out_sha256": config.held_out, "constraint_types_sha256": config.constraint_types}
    files |= {f"benchmark_prompts_{i}_sha256": file for i, file in enumerate(config.benchmark_prompts, 1)}
    files |= {f"{name}_sha256": file for name, file in others.items() if file}
    packages = ("torch", "transformers", "trl", "accelerate", "datasets", *(["peft"] if config.lora else []))
    digests = {k: hashlib.sha256(Path(v).read_bytes()).hexdigest() if v else None for k, v in files.items()}
    return {"seif": __version__, "dtype": asdict(precision), **digests, "versions": {p: version(p) for p in packages}}


def fresh(out: Path) -> None:
    """Raises UsageError for an output that exists already."""
    if out.exists():
        raise UsageError(f"{out} exists already; remove it or choose another --out")


def quiet() -> None:
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
    warnings.filterwarnings("ignore", module=r"(torch|trl|transformers|accelerate|peft)\b")


class FileLog:
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
