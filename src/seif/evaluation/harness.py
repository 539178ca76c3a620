"""EleutherAI's lm-evaluation-harness on a checkpoint."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seif.chat import chat_format
from seif.engines.adapter import base_of, is_adapter, tokenizer_of
from seif.engines.base import Engine
from seif.errors import RunError, UsageError
from seif.evaluation.results import SuiteResult
from seif.evaluation.suites import SuiteSettings, suite
from seif.types import Json


@dataclass(frozen=True)
class TaskNumbers:
    """What the harness measured in one task, or over a group of them."""

    metrics: Mapping[str, float | None]
    """By the harness's names: "acc,none" and its standard error "acc_stderr,none"; None where it has no value."""
    task_version: str | float | None = None
    n_shot: int | None = None
    n: int | None = None
    """Documents used."""

    def to_json(self) -> Json:
        """Metrics and facts side by side; what the harness did not say is left out."""
        facts = {"task_version": self.task_version, "n_shot": self.n_shot, "n": self.n}
        return {**self.metrics, **{name: value for name, value in facts.items() if value is not None}}


@dataclass(frozen=True)
class HarnessResult:
    """What the harness measured."""

    version: str
    """The harness's."""
    tasks: Mapping[str, TaskNumbers]
    """By task and group."""

    def to_json(self) -> Json:
        """The version, then the tasks."""
        return {"version": self.version, **{name: task.to_json() for name, task in self.tasks.items()}}

    def metrics(self) -> Iterator[tuple[str, str, float, float | None]]:
        """(task, metric, value, standard error) of each metric that has a value."""
        for task, found in self.tasks.items():
            for metric, value in found.metrics.items():
                if "_stderr," not in metric and value is not None:
                    yield task, metric, value, found.metrics.get(metric.replace(",", "_stderr,"))


def evaluate(
    manager: Any,
    model: str,
    task: str,
    device: str,
    dtype: str,
    limit: int | None = None,
    template_kwargs: Mapping[str, Any] | None = None,
) -> HarnessResult:
    """Run one of the harness's tasks, groups or tags with the checkpoint's chat template; `manager` is `find_task`'s.

    `limit`: only so many documents per task; `template_kwargs`: variables of the chat template. Raises RunError when
    the harness breaks.
    """
    lm_eval = importlib.import_module("lm_eval")
    template = {"chat_template_args": dict(template_kwargs)} if template_kwargs else {}
    adapter = {"peft": model, "tokenizer": tokenizer_of(model)} if is_adapter(model) else {}
    try:
        found = lm_eval.simple_evaluate(
            model="hf",
            model_args={"pretrained": base_of(model), "dtype": dtype, **template, **adapter},
            tasks=[task],
            task_manager=manager,
            # Its default is "cuda", also where there is none.
            device=device,
            batch_size="auto" if device.startswith("cuda") else 1,
            limit=limit,
            apply_chat_template=True,
            log_samples=False,
        )
    except (ValueError, KeyError, TypeError, AttributeError, AssertionError) as error:
        raise RunError(
            f"lm-eval broke on {task}: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
        ) from error
    return HarnessResult(version=lm_eval.__version__, tasks=tidy(found))


def find_task(task: str, include_path: Path | None) -> Any:
    """The harness's TaskManager that knows `task`. Raises UsageError when it doesn't, or the harness is missing."""
    if importlib.util.find_spec("lm_eval") is None:
        raise UsageError("--suite lm-eval:TASK needs EleutherAI's harness: pip install 'seif[harness]'")
    if include_path is not None and not include_path.is_dir():
        raise UsageError(f"no folder with tasks at {include_path}")
    manager = importlib.import_module("lm_eval.tasks").TaskManager(
        include_path=None if include_path is None else str(include_path)
    )
    if task not in manager.all_tasks:
        near = difflib.get_close_matches(task, manager.all_tasks, n=3)
        fix = (
            f"did you mean {' or '.join(near)}?"
            if near
            else "give --include-path DIR if it is one of your own, or see `lm_eval ls tasks`"
        )
        raise UsageError(f"lm-eval has no task {task!r}; {fix}")
    return manager


def tidy(found: Mapping[str, Any]) -> dict[str, TaskNumbers]:
    """What is kept of the harness's results."""
    return {
        name: TaskNumbers(
            metrics={k: None if v == "N/A" else float(v) for k, v in metrics.items() if "," in k},
            task_version=found["versions"].get(name),
            n_shot=found["n-shot"].get(name),
            n=found["n-samples"].get(name, {}).get("effective"),
        )
        for name, metrics in found["results"].items()
    }


def describe(result: HarnessResult) -> list[str]:
    """The result in lines for a terminal: one per metric."""
    lines = [f"lm-eval {result.version}"]
    for task, metric, value, stderr in result.metrics():
        lines.append(f"{task}  {metric}  {value:.4g}" + ("" if stderr is None else f" ± {stderr:.2g}"))
    return lines


def _find(settings: SuiteSettings) -> Any:
    return find_task(settings.task, settings.include_path)


@suite("lm-eval", takes=("limit", "include_path"), needs=("task",), check=_find, loads_model=True)
async def lm_eval(engine: Engine, settings: SuiteSettings) -> SuiteResult:
    """A task of the harness, which loads the checkpoint itself."""
    from seif.engines.precision import device

    config = settings.config
    template_kwargs = chat_format(config.chat).template_kwargs
    result = evaluate(
        _find(settings), settings.model, settings.task, device(), config.engine.dtype, settings.limit, template_kwargs
    )
    found = list(result.metrics())
    return SuiteResult(
        numbers={f"{task}/{metric}": value for task, metric, value, _ in found},
        stderr={f"{task}/{metric}": stderr for task, metric, _, stderr in found if stderr is not None},
        n=sum(task.n or 0 for task in result.tasks.values()),
        percent=False,
        lines=tuple(describe(result)),
        details=result.to_json(),
    )
