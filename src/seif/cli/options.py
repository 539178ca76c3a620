"""What the commands share: option types, and how a config, its files and its checkpoints are made ready."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from seif import __version__
from seif.config import Config, build_config, load_config
from seif.errors import UsageError

console = Console(soft_wrap=True)

ConfigFile = Annotated[Path, typer.Argument(help="YAML config, e.g. configs/nano.yaml.")]
Seeds = Annotated[Path | None, typer.Option(help="Seed questions (parquet, JSONL, JSON with a `prompt` column).")]
Overrides = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a config key, e.g. --set follower.grpo.kl=0.02.")]
OptionalConfig = Annotated[Path | None, typer.Option("--config", help="YAML config with the role settings; the paper's by default.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def load(config: Path, overrides: list[str] | None, seeds: Path | None) -> Config:
    """A config for a run, with its overrides and seed file."""
    return _with_types(load_config(config, overrides, seeds=str(seeds.resolve()) if seeds else None))


def _with_types(config: Config) -> Config:
    """The config, once the user's own constraint types are known to every room."""
    if config.constraint_types is not None:
        from seif.constraints.custom import load_types

        load_types(Path(config.constraint_types))
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
    """The seed questions of a config, less those that overlap with held-out or benchmark prompts."""
    from seif.seeds import load_seeds

    if config.seeds is None:
        raise UsageError("no seeds: give --seeds FILE, or set `seeds` in the config")
    from seif.evaluation.overlap import leave_out

    seeds, lines = leave_out(load_seeds(Path(config.seeds)), map(Path, filter(None, (config.held_out, *config.benchmark_prompts))))
    for line in lines:
        Console(stderr=True, soft_wrap=True).print(f"note: {line}", style="yellow", highlight=False, markup=False)
    return seeds


def preflight(config: Config, prompts: list[str], *others: str | None) -> None:
    """Everything that can be told before hours are spent; `others` are further checkpoints that the command names."""
    from seif import frozen
    from seif.engines.checkpoint import check_checkpoint
    from seif.evaluation.held_out import load_tasks
    from seif.training.trackers import check_trackers

    quiet()
    check_trackers(config.report_to)
    grpo = config.follower.grpo
    check_checkpoint(config.model, prompts, grpo.max_new_tokens)
    for other in others:
        if other is not None and not frozen.served(config, other):
            check_checkpoint(other)
    if config.held_out is not None:
        load_tasks(Path(config.held_out))
    frozen.check_engine(config)


def manifest_of(config: Config) -> dict[str, Any]:
    """What a run directory notes of its surroundings; a resume in others is refused."""
    import hashlib
    from importlib.metadata import version

    for file in filter(None, (config.seeds, config.held_out)):
        if not Path(file).is_file():
            raise UsageError(f"no file at {file}")
    files = {"seeds_sha256": config.seeds, "held_out_sha256": config.held_out, "constraint_types_sha256": config.constraint_types}
    files |= {f"benchmark_prompts_{i}_sha256": file for i, file in enumerate(config.benchmark_prompts, 1)}
    digests = {k: hashlib.sha256(Path(v).read_bytes()).hexdigest() if v else None for k, v in files.items()}
    return {"seif": __version__, **digests, "versions": {p: version(p) for p in ("torch", "transformers", "trl", "accelerate", "datasets")}}


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
    warnings.filterwarnings("ignore", module=r"(torch|trl|transformers|accelerate)\b")
