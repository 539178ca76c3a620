"""The command `evaluate`: any registered evaluation suite."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType

from seif import api
from seif.cli.options import AsJson, OptionalConfig, Overrides, console, for_model, listener
from seif.errors import UsageError
from seif.outputs import check_file, check_new
from seif.preflight import files_of
from seif.suites import SuiteOptions

if TYPE_CHECKING:
    from seif.evaluation.results import SuiteResult


def evaluate(
    model: Annotated[str, typer.Argument(help="A checkpoint directory or hub id.")],
    suites: Annotated[
        list[str] | None,
        typer.Option(
            "--suite",
            metavar="NAME",
            help="`held-out` (the default), `ifeval`, `ifbench`, `checklist`, `lm-eval:TASK` for a task of "
            "EleutherAI's harness, or your own; several are run one after the other.",
        ),
    ] = None,
    held_out: Annotated[
        Path | None,
        typer.Option(help="held-out: tasks in the released schema with ids and kwargs; the config's by default."),
    ] = None,
    judge_model: Annotated[
        str | None,
        typer.Option(
            help="held-out: also measure this checkpoint as a Judger against the verifiers; checklist: what judges."
        ),
    ] = None,
    prompts: Annotated[
        list[Path] | None,
        typer.Option(
            help="ifeval, ifbench: their prompts (parquet, JSONL, JSON), with instruction_id_list and kwargs; "
            "checklist: prompt or messages, with criteria. With several suites, one for each that takes it."
        ),
    ] = None,
    responses: Annotated[
        list[Path] | None,
        typer.Option(
            help="ifeval, ifbench, checklist: write every response with its verdicts to this JSONL file. With several "
            "suites, one for each that takes it."
        ),
    ] = None,
    include_path: Annotated[Path | None, typer.Option(help="lm-eval: a folder with tasks (YAML) of your own.")] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="All suites but held-out: only the first so many prompts.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write the numbers to this JSON file, beside those of other suites that it holds. What is asked one "
            "by one is kept beside it, so that the same command goes on after a kill."
        ),
    ] = None,
    config: OptionalConfig = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Accuracy of a model: held-out tasks, IFEval, IFBench, all by verifiers alone, checklists, or any other suite."""
    from seif.artifacts import Beside
    from seif.atomic import destination, is_special, write_json
    from seif.evaluation import files

    cfg = for_model(config, model, overrides)
    files_in = (held_out, *(prompts or ()), config, *files_of(cfg))
    if out is not None:
        check_file(out, (*files_in, *(responses or ())))
    for path in responses or ():
        check_new(path, files_in, option="--responses", stream=True)
    given = {
        "held_out": held_out,
        "judge_model": judge_model,
        "prompts": prompts,
        "responses": responses,
        "include_path": include_path,
        "limit": limit,
    }
    names = suites or ["held-out"]
    options = _options(names, given)
    kept = files.read_sections(out, model)
    parts = None if out is None or is_special(destination(out)) else Beside(out).parts
    every: files.Sections = {}
    results = api.evaluate_suites(cfg, list(zip(names, options, strict=True)), parts, listener(as_json))
    for name, result in zip((name.partition(":")[0] for name in names), results, strict=True):
        found = files.sections(name, result)
        every = files.merged(every, model, found)
        kept = files.merged(kept, model, found)
        if out is not None:
            write_json(out, kept)
        if not as_json:
            for line in _shown(name, result):
                console.print(line, highlight=False)
    if as_json:
        print(json.dumps({part: value for part, value in every.items() if part != "model"}, indent=2))


def _options(names: Sequence[str], given: Mapping[str, Any]) -> list[SuiteOptions]:
    """What each suite is given: of an option with several values its own, any other as it is.

    Raises UsageError where there are not as many values as suites that take them, and for an option that none takes.
    """
    from seif.evaluation.suites import check_options, find_suite

    options: list[dict[str, Any]] = [{} for _ in names]
    for option, value in given.items():
        if not value:
            continue
        takers = [place for place, name in enumerate(names) if option in find_suite(name)[0].takes]
        if not takers:
            check_options(names[0], [option])
        values = value if isinstance(value, list) else [value] * len(takers)
        if len(values) != len(takers):
            shown = ", ".join(names[place] for place in takers)
            raise UsageError(f"give --{option} as often as there are suites that take it, in their order: {shown}")
        for place, one in zip(takers, values, strict=True):
            options[place][option] = one
    return [SuiteOptions(**own) for own in options]


def _shown(suite: str, result: SuiteResult) -> list[RenderableType]:
    """A result for a terminal."""
    from seif.evaluation.results import Evaluation
    from seif.report.table import evaluation_table, suite_table

    if suite == "held-out":
        return [evaluation_table([Evaluation.from_json(result.details, suite)])]
    return list(result.lines) or [suite_table(suite, result)]
