"""The file of `seif evaluate --out`: the results of several suites on one model, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seif.atomic import destination, is_special, read_json
from seif.errors import DamagedFile, UsageError
from seif.evaluation.results import SuiteResult

Sections = Mapping[str, Any]
"""The file's parts by name; their values are JSON values."""
_HARNESS = "lm_eval"
"""The part with the tasks of EleutherAI's harness, by their names."""


def sections(suite: str, result: SuiteResult) -> Sections:
    """A result as parts of the file: held-out's are those of a turn's `evaluation.json`, any other suite has one."""
    if suite == "held-out":
        return result.details
    return {suite.replace("-", "_"): result.details or result.to_json()}


def read_sections(path: Path | None, model: str) -> Sections:
    """What a file holds already; empty when there is none.

    Raises UsageError when the file is no JSON object, or holds the numbers of another model.
    """
    if path is None or not path.exists():
        return {}
    if is_special(destination(path)):
        return {}
    try:
        kept = read_json(path)
    except DamagedFile as error:
        raise UsageError(f"{path} is there and is not JSON; choose another --out") from error
    except OSError as error:
        raise UsageError(f"{path} is there and can't be read: {error.strerror}; choose another --out") from error
    if not isinstance(kept, dict) or not isinstance(kept.get(_HARNESS, {}), dict):
        raise UsageError(f"{path} is there and holds no JSON object; choose another --out")
    if kept.get("model", model) != model:
        raise UsageError(f"{path} holds the numbers of {kept['model']}; choose another --out")
    return kept


def merged(kept: Sections, model: str, found: Sections) -> Sections:
    """`found` added to `kept`: a suite that was there is replaced, of the harness's tasks those of the same name."""
    both = {**kept, "model": model, **found}
    if _HARNESS in kept and _HARNESS in found:
        both[_HARNESS] = {**kept[_HARNESS], **found[_HARNESS]}
    return both
