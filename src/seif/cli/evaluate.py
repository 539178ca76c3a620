"""The command `evaluate`: any registered evaluation suite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seif.cli.options import AsJson, OptionalConfig, Overrides, console, for_model, listener, print_json
from seif.errors import UsageError
from seif.outputs import check_file, check_new

if TYPE_CHECKING:
    from rich.console import RenderableType

    from seif.evaluation.results import SuiteResult
    from seif.suite_run import SuiteOptions


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
        typer.Option(help="Write the numbers to this JSON file, beside other suites'; the same command resumes."),
    ] = None,
    config: OptionalConfig = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Accuracy of a model: held-out tasks, IFEval, other suites.

    Held-out tasks, IFEval and IFBench are checked by verifiers alone; checklists by rules and a judge.
    """
    from seif import api
    from seif.evaluation import files
    from seif.preflight import files_of

    cfg = for_model(config, model, overrides)
    given = {
        "held_out": held_out,
        "judge_model": judge_model,
        "prompts": prompts,
        "responses": responses,
        "include_path": include_path,
        "limit": limit,
    }
    read = (held_out, *(prompts or ()), config, *files_of(cfg))
    if out is not None:
        check_file(out, (*read, *(responses or ())))
    for path in responses or ():
        check_new(path, read, option="--responses", stream=True)
    names = suites or ["held-out"]
    asked = list(zip(names, _options(names, given), strict=True))
    every: files.Sections = {}
    for name, result in zip(names, api.evaluate_suites(cfg, asked, listener(as_json), out), strict=True):
        suite = name.partition(":")[0]
        every = files.merged(every, model, files.sections(suite, result))
        if not as_json:
            for line in _shown(suite, result):
                console.print(line, highlight=False)
    if as_json:
        print_json({part: value for part, value in every.items() if part != "model"})


def _options(names: Sequence[str], given: Mapping[str, Any]) -> list[SuiteOptions]:
    """What each suite is given: of an option with several values its own, any other as it is.

    Raises UsageError where there are not as many values as suites that take them, and for an option that none takes.
    """
    from seif.evaluation.suites import check_options, find_suite
    from seif.suite_run import SuiteOptions

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
