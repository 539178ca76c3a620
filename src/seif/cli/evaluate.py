"""The command `evaluate`: any registered evaluation suite."""

from __future__ import annotations

import asyncio
import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console, RenderableType

from seif.cli.options import AsJson, OptionalConfig, Overrides, console, for_model, preflight, settle_dtype
from seif.errors import named

if TYPE_CHECKING:
    from seif.evaluation.results import SuiteResult


def evaluate(
    model: Annotated[str, typer.Argument(help="A checkpoint directory or hub id.")],
    suite: Annotated[
        str,
        typer.Option(help="`held-out`, `ifeval`, `lm-eval:TASK` for a task of EleutherAI's harness, or your own."),
    ] = "held-out",
    held_out: Annotated[
        Path | None,
        typer.Option(help="held-out: tasks in the released schema with ids and kwargs; the config's by default."),
    ] = None,
    judge_model: Annotated[
        str | None,
        typer.Option(help="held-out: also measure this checkpoint as a Judger against the verifiers."),
    ] = None,
    prompts: Annotated[
        Path | None,
        typer.Option(help="ifeval: IFEval's prompts (parquet, JSONL, JSON), with instruction_id_list and kwargs."),
    ] = None,
    responses: Annotated[
        Path | None,
        typer.Option(help="ifeval: write every response with its verdicts to this JSONL file."),
    ] = None,
    include_path: Annotated[Path | None, typer.Option(help="lm-eval: a folder with tasks (YAML) of your own.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="ifeval, lm-eval: only the first so many prompts.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Write the numbers to this JSON file, beside those of other suites that it holds."),
    ] = None,
    config: OptionalConfig = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Accuracy of a model: held-out tasks, IFEval, both by verifiers alone, or any other suite."""
    from seif import stages
    from seif.artifacts import write_json
    from seif.engines.base import NoEngine
    from seif.evaluation import files
    from seif.evaluation.suites import SuiteSettings, check_options, find_suite
    from seif.models import JudgeWeights, ModelPool

    cfg = for_model(config, model, overrides, held_out=held_out)
    given = {"prompts": prompts, "responses": responses, "include_path": include_path, "limit": limit}
    everything = {**given, "held_out": held_out, "judge_model": judge_model}
    check_options(suite, [option for option, value in everything.items() if value is not None])
    part, task = find_suite(suite)
    kept = files.read_sections(out, model)
    cfg = settle_dtype(cfg, tell=not as_json)
    progress = Console(stderr=True, soft_wrap=True)
    with ModelPool(cfg) as pool, ExitStack() as asking:
        settings = SuiteSettings(
            cfg,
            model,
            task,
            prompts=prompts,
            limit=limit,
            responses=responses,
            include_path=include_path,
            measure_judger=stages.judger_measure(
                cfg, pool, JudgeWeights(judge_model) if judge_model else None, asking.close
            ),
            report=lambda line: progress.print(line, highlight=False),
        )
        part.check(settings)
        preflight(cfg, [], judge_model)
        engine = NoEngine() if part.loads_model else asking.enter_context(pool.use(model))
        with named(f"the evaluation suite {part.name!r}"):
            result = asyncio.run(part.run(engine, settings))
    found = files.sections(part.name, result)
    if out is not None:
        write_json(out, files.merged(kept, model, found))
    if as_json:
        print(json.dumps(found, indent=2))
        return
    for line in _shown(part.name, result):
        console.print(line, highlight=False)


def _shown(suite: str, result: SuiteResult) -> list[RenderableType]:
    """A result for a terminal."""
    from seif.evaluation.results import Evaluation
    from seif.report.table import evaluation_table, suite_table

    if suite == "held-out":
        return [evaluation_table([Evaluation.from_json(result.details, suite)])]
    return list(result.lines) or [suite_table(suite, result)]
