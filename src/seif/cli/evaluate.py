"""The command `evaluate`, with its suites: held-out tasks, IFEval, lm-evaluation-harness."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from seif.cli.options import AsJson, OptionalConfig, Overrides, console, for_model, fresh, preflight, settle_dtype
from seif.config import Config
from seif.errors import UsageError

if TYPE_CHECKING:
    from seif.models import ModelPool


def evaluate(
    model: Annotated[str, typer.Argument(help="A checkpoint directory or hub id.")],
    suite: Annotated[str, typer.Option(help="`held-out`, `ifeval`, or `lm-eval:TASK` for a task of EleutherAI's harness.")] = "held-out",
    held_out: Annotated[Path | None, typer.Option(help="held-out: tasks in the released schema with ids and kwargs; the config's by default.")] = None,
    judge_model: Annotated[str | None, typer.Option(help="held-out: also measure this checkpoint as a Judger against the verifiers.")] = None,
    prompts: Annotated[Path | None, typer.Option(help="ifeval: IFEval's prompts (parquet, JSONL, JSON), with instruction_id_list and kwargs.")] = None,
    responses: Annotated[Path | None, typer.Option(help="ifeval: write every response with its verdicts to this JSONL file.")] = None,
    include_path: Annotated[Path | None, typer.Option(help="lm-eval: a folder with tasks (YAML) of your own.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="ifeval, lm-eval: only the first so many prompts.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the numbers to this JSON file, beside those of other suites that it holds.")] = None,
    config: OptionalConfig = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Accuracy of a model: held-out tasks, IFEval, both by verifiers alone, or any task of lm-evaluation-harness."""
    from seif.artifacts import write_json
    from seif.evaluation import harness
    from seif.models import ModelPool

    name, _, task = suite.partition(":")
    _belong(
        name,
        {
            "held-out": {"--held-out": held_out, "--judge-model": judge_model},
            "ifeval": {"--prompts": prompts, "--responses": responses, "--limit": limit},
            "lm-eval": {"--include-path": include_path, "--limit": limit},
        },
    )
    cfg = settle_dtype(for_model(config, model, overrides, held_out=held_out), tell=not as_json)
    kept = harness.kept_numbers(out, model)
    with ModelPool(cfg) as pool:
        if name == "ifeval":
            result, shown = _ifeval(cfg, pool, model, prompts, responses, limit)
        elif name == "lm-eval":
            result, shown = _harness(cfg, model, task, limit, include_path)
        else:
            result, shown = _held_out(cfg, pool, model, judge_model)
    if out is not None:
        write_json(out, harness.side_by_side(kept, model, result))
    if as_json:
        print(json.dumps(result, indent=2))
        return
    for part in shown:
        console.print(part, highlight=False)


def _held_out(config: Config, pool: ModelPool, model: str, judge_model: str | None) -> tuple[dict[str, Any], list[Any]]:
    import asyncio

    from seif import stages
    from seif.report.table import evaluation_table

    if config.held_out is None:
        raise UsageError("there is nothing to evaluate on: give --held-out FILE, or a --config with held_out")
    preflight(config, [], judge_model)
    result = asyncio.run(stages.measure(config, pool, 0, model, judge_model))
    return result, [evaluation_table([result])]


def _ifeval(config: Config, pool: ModelPool, model: str, prompts: Path | None, responses: Path | None, limit: int | None) -> tuple[dict[str, Any], list[Any]]:
    import asyncio

    from seif.evaluation import ifeval

    if prompts is None:
        raise UsageError("--suite ifeval needs --prompts FILE")
    rows = ifeval.load_prompts(prompts)[:limit]
    if responses is not None:
        fresh(responses)
    preflight(config, [])
    tell = Console(stderr=True, soft_wrap=True)
    length = config.evaluation.max_new_tokens or ifeval.MAX_NEW_TOKENS
    with pool.use(model) as engine:
        replies = asyncio.run(ifeval.answer(engine, rows, length, lambda line: tell.print(line, highlight=False)))
    result = ifeval.score(rows, replies, length)
    if responses is not None:
        ifeval.write_responses(responses, rows, replies)
    return {"ifeval": result}, list(ifeval.describe(result))


def _harness(config: Config, model: str, task: str, limit: int | None, include_path: Path | None) -> tuple[dict[str, Any], list[Any]]:
    from seif.engines.precision import device
    from seif.evaluation import harness

    manager = harness.find_task(task, include_path)
    preflight(config, [])
    result = harness.evaluate(manager, model, task, device(), config.engine.dtype, limit)
    return {harness.SECTION: result}, list(harness.describe(result))


def _belong(suite: str, options: dict[str, dict[str, Any]]) -> None:
    """Raises UsageError for a suite that is none of `options`, and for an option given that belongs to other suites."""
    if suite not in options:
        raise UsageError(f"--suite is one of {', '.join(options)}:TASK, got {suite!r}")
    for other, given in options.items():
        for option, value in given.items():
            if value is not None and option not in options[suite]:
                raise UsageError(f"{option} goes with --suite {other}, not with {suite}")
