"""Evaluation suites by name: held-out tasks, IFEval, lm-evaluation-harness, and a user's own.

    @suite("one-word", takes=("limit",))
    async def one_word(engine: Engine, settings: SuiteSettings) -> SuiteResult: ...

`seif evaluate --suite NAME` runs one, and so does every turn of a run whose config lists it under `evaluation.suites`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seif.config import Config
from seif.engines.base import Engine, NoEngine
from seif.errors import UsageError, named
from seif.evaluation.results import JudgeAgreement, SuiteResult
from seif.judges.base import Judge
from seif.registry import Registry

if TYPE_CHECKING:
    from seif.evaluation.held_out import Answer


@dataclass(frozen=True)
class SuiteSettings:
    """What a suite is run with. Those below `task` are given only to a suite that takes them."""

    config: Config
    """The role settings: wording, format and length of replies, seed."""
    model: str
    """The checkpoint directory or hub id behind the engine."""
    task: str = ""
    """What follows the colon of `lm-eval:TASK`."""
    prompts: Path | None = None
    """A file of prompts."""
    limit: int | None = None
    """Only the first so many prompts; all of them by default."""
    responses: Path | None = None
    """Where every response goes, as JSON lines."""
    include_path: Path | None = None
    """A folder with tasks."""
    parts: Path | None = None
    """A folder for what is answered, so that the same stage after a kill asks for the rest alone."""
    measure_judger: Callable[[Sequence[Answer]], Awaitable[JudgeAgreement]] | None = None
    """Measures a Judger on greedy held-out answers, for `held-out`; it may free the engine's weights."""
    judge: Callable[[], AbstractContextManager[Judge]] | None = None
    """What judges beside rules, loaded when it is entered, after which the engine is not asked; None where the settings
    name none."""
    report: Callable[[str], None] = lambda line: None
    """Gets a line now and then on how far the suite is."""


Run = Callable[[Engine, SuiteSettings], Coroutine[Any, Any, SuiteResult]]


@dataclass(frozen=True)
class Suite:
    """One evaluation of a model."""

    name: str
    run: Run
    takes: frozenset[str] = frozenset()
    """Names of the options that may be given: the last fields of `SuiteSettings`, `held_out`, `judge_model`, `task`."""
    needs: frozenset[str] = frozenset()
    """Those that must be given."""
    check: Callable[[SuiteSettings], object] = lambda settings: None
    """Raises UsageError, before any model is loaded, for settings that the suite can't be run with."""
    loads_model: bool = False
    """The suite loads the checkpoint itself, and the engine that it gets answers nothing."""


SUITES: Registry[Suite] = Registry("evaluation suite")


def suite(
    name: str,
    takes: Collection[str] = (),
    needs: Collection[str] = (),
    check: Callable[[SuiteSettings], object] = lambda settings: None,
    loads_model: bool = False,
) -> Callable[[Run], Run]:
    """Register a coroutine function as a suite. Raises UsageError for a name that is taken."""

    def register(run: Run) -> Run:
        SUITES.add(name, Suite(name, run, frozenset([*takes, *needs]), frozenset(needs), check, loads_model))
        return run

    return register


def find_suite(name: str) -> tuple[Suite, str]:
    """The suite of NAME or NAME:TASK, and the task. Raises UsageError for an unknown one."""
    head, _, task = name.partition(":")
    return SUITES.get(head), task


def check_options(name: str, given: Collection[str]) -> None:
    """Raises UsageError for an option that the suite does not take, and for one that it needs and that is missing."""
    found, task = find_suite(name)
    given = {*given, *(["task"] if task else [])}
    for option in sorted(given - found.takes):
        others = ", ".join(other.name for other in SUITES.values() if option in other.takes)
        raise UsageError(f"{_shown(option)} goes with --suite {others or 'none'}, not with {found.name}")
    for option in sorted(found.needs - given):
        raise UsageError(f"--suite {found.name} needs {_shown(option)}")


def _shown(option: str) -> str:
    return "a task (lm-eval:TASK)" if option == "task" else f"--{option.replace('_', '-')}"


def configured(config: Config, model: str) -> list[tuple[str, Suite, SuiteSettings]]:
    """The suites that the config runs every turn: the name with which each is listed, and how to run it.

    Raises UsageError for an unknown suite, and for settings that it does not take or lacks.
    """
    found = []
    for entry in config.evaluation.suites:
        prompts = Path(entry.prompts) if entry.prompts else None
        include_path = Path(entry.include_path) if entry.include_path else None
        given = {"prompts": prompts, "limit": entry.limit, "include_path": include_path}
        try:
            check_options(entry.name, [option for option, value in given.items() if value is not None])
        except UsageError as error:
            raise UsageError(f"evaluation.suites: {error}") from error
        part, task = find_suite(entry.name)
        settings = SuiteSettings(
            config, model, task, prompts, entry.limit, include_path=include_path, judge=_judge_of_the_turn
        )
        found.append((entry.name, part, settings))
    return found


def _judge_of_the_turn() -> AbstractContextManager[Judge]:
    """Stands for the judge in settings that are checked before there is a turn."""
    raise AssertionError("run_suites was given no judge")


def check_suites(config: Config) -> None:
    """Raises UsageError for a suite of the config that can't be run."""
    for _, part, settings in configured(config, config.model):
        part.check(settings)


async def run_suites(
    config: Config,
    model: str,
    engine: Engine | None,
    parts: Path | None = None,
    judge: Callable[[], AbstractContextManager[Judge]] = _judge_of_the_turn,
) -> dict[str, SuiteResult]:
    """Run the config's suites that ask `engine`; without one, those that load the model themselves. What is answered
    is kept in the folder `parts`; `judge` loads what judges the answers of those that need it."""
    results = {}
    for number, (name, part, settings) in enumerate(configured(config, model), 1):
        if part.loads_model is (engine is None):
            own = replace(settings, parts=parts and parts / f"suite_{number}", judge=judge)
            with named(f"the evaluation suite {name!r}"):
                results[name] = await part.run(engine or NoEngine(), own)
    return results
