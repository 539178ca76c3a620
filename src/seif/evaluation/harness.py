"""EleutherAI's lm-evaluation-harness on a checkpoint, and several suites' numbers side by side in one file."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seif.artifacts import read_json
from seif.engines.adapter import base_of, is_adapter, tokenizer_of
from seif.errors import RunError, UsageError

SECTION = "lm_eval"
"""The harness's part of a file of numbers."""


def evaluate(manager: Any, model: str, task: str, device: str, dtype: str, limit: int | None = None) -> dict[str, Any]:
    """Run one of the harness's tasks, groups or tags with the checkpoint's chat template; `manager` is `find_task`'s.

    `limit`: only so many documents per task. Returns {"version": the harness's, name: {metric: value, ..}} with one entry
    per task and group. Raises RunError when the harness breaks.
    """
    lm_eval = importlib.import_module("lm_eval")
    try:
        found = lm_eval.simple_evaluate(
            model="hf",
            model_args={"pretrained": base_of(model), "dtype": dtype, **({"peft": model, "tokenizer": tokenizer_of(model)} if is_adapter(model) else {})},
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
        raise RunError(f"lm-eval broke on {task}: {type(error).__name__}: {' '.join(str(error).split())[:300]}") from error
    return {"version": lm_eval.__version__, **tidy(found)}


def find_task(task: str, include_path: Path | None) -> Any:
    """The harness's TaskManager that knows `task`. Raises UsageError when it does not, or when the harness is missing."""
    if importlib.util.find_spec("lm_eval") is None:
        raise UsageError("--suite lm-eval:TASK needs EleutherAI's harness: pip install 'seif[harness]'")
    if include_path is not None and not include_path.is_dir():
        raise UsageError(f"no folder with tasks at {include_path}")
    manager = importlib.import_module("lm_eval.tasks").TaskManager(include_path=None if include_path is None else str(include_path))
    if task not in manager.all_tasks:
        near = difflib.get_close_matches(task, manager.all_tasks, n=3)
        fix = f"did you mean {' or '.join(near)}?" if near else "give --include-path DIR if it is one of your own, or see `lm_eval ls tasks`"
        raise UsageError(f"lm-eval has no task {task!r}; {fix}")
    return manager


def tidy(found: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The harness's results as plain JSON: metrics by name ("acc,none"), the task's version, n-shot, and documents used."""
    tasks: dict[str, dict[str, Any]] = {}
    for name, metrics in found["results"].items():
        numbers = {k: None if v == "N/A" else float(v) for k, v in metrics.items() if "," in k}
        more = {"task_version": found["versions"].get(name), "n_shot": found["n-shot"].get(name), "n": found["n-samples"].get(name, {}).get("effective")}
        tasks[name] = {**numbers, **{k: v for k, v in more.items() if v is not None}}
    return tasks


def describe(result: Mapping[str, Any]) -> list[str]:
    """The result in lines for a terminal: one per metric."""
    lines = [f"lm-eval {result['version']}"]
    for task, numbers in result.items():
        for metric, value in numbers.items() if isinstance(numbers, dict) else ():
            if "," in metric and "_stderr," not in metric and value is not None:
                stderr = numbers.get(metric.replace(",", "_stderr,"))
                lines.append(f"{task}  {metric}  {value:.4g}" + ("" if stderr is None else f" ± {stderr:.2g}"))
    return lines


# --- side by side -----------------------------------------------------------------------------------------------------


def kept_numbers(path: Path | None, model: str) -> dict[str, Any]:
    """What a file of numbers holds already; empty when there is none.

    Raises UsageError when the file is no JSON object, or holds the numbers of another model.
    """
    if path is None or not path.exists():
        return {}
    try:
        kept = read_json(path)
    except ValueError as error:
        raise UsageError(f"{path} is there and is not JSON; choose another --out") from error
    if not isinstance(kept, dict):
        raise UsageError(f"{path} is there and holds no JSON object; choose another --out")
    if kept.get("model", model) != model:
        raise UsageError(f"{path} holds the numbers of {kept['model']}; choose another --out")
    return kept


def side_by_side(kept: Mapping[str, Any], model: str, result: Mapping[str, Any]) -> dict[str, Any]:
    """`result` added to `kept`: a suite that was there is replaced, of the harness's tasks those of the same name."""
    merged = {**kept, "model": model, **result}
    if SECTION in kept and SECTION in result:
        merged[SECTION] = {**kept[SECTION], **result[SECTION]}
    return merged
