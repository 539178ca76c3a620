"""The command `evaluate`: any registered evaluation suite."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seif.cli.options import AsJson, OptionalConfig, Overrides, console, for_model, listener, print_json
from seif.outputs import check_file, check_new

if TYPE_CHECKING:
    from rich.console import RenderableType

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
        typer.Option(help="Write the numbers to this JSON file, beside other suites'; the same command resumes."),
    ] = None,
    config: OptionalConfig = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Accuracy of a model: held-out tasks, IFEval, other suites.

    Held-out tasks and IFEval are checked by verifiers alone.
    """
    from seif import api
    from seif.evaluation import files
    from seif.preflight import files_of
    from seif.suite_run import SuiteOptions

    options = SuiteOptions(
        held_out=held_out,
        judge_model=judge_model,
        prompts=prompts,
        responses=responses,
        include_path=include_path,
        limit=limit,
    )
    cfg = for_model(config, model, overrides)
    if out is not None:
        check_file(out, (held_out, prompts, responses, config, *files_of(cfg)))
    if responses is not None:
        check_new(responses, (held_out, prompts, config, *files_of(cfg)), option="--responses", stream=True)
    result = api.evaluate_suite(cfg, suite, options, listener(as_json), out)
    name = suite.partition(":")[0]
    if as_json:
        print_json(files.sections(name, result))
        return
    for line in _shown(name, result):
        console.print(line, highlight=False)


def _shown(suite: str, result: SuiteResult) -> list[RenderableType]:
    """A result for a terminal."""
    from seif.evaluation.results import Evaluation
    from seif.report.table import evaluation_table, suite_table

    if suite == "held-out":
        return [evaluation_table([Evaluation.from_json(result.details, suite)])]
    return list(result.lines) or [suite_table(suite, result)]
