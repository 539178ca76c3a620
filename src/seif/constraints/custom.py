"""A user's own constraint types: a Python file, named in the config, that adds rows to the one table.

    from seif.constraints.custom import hard_type, soft_type

    @hard_type(
        "count:exact_sentences", category="Structure", definition="an exact number of sentences",
        example="Write exactly 3 sentences.",
        wordings={r"(?:write|use) exactly (?P<n>\\d+) sentences?": lambda match: {"count": int(match["n"])}},
    )
    def exact_sentences(response: str, count: int) -> bool:
        return count_sentences(response) == count

    soft_type("soft:sea", category="Content", definition="something of the sea", example="Mention a tide.", cues=r"\\b(tide|sea|boat)s?\\b")

A hard type's parameters after `response` are its kwargs; a text that one of its wordings matches as a whole compiles to it.
"""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from seif.constraints import taxonomy
from seif.constraints.compiler import register_wording
from seif.constraints.taxonomy import ConstraintType
from seif.constraints.verifiers import VERIFIERS, Verifier, verifier
from seif.errors import UsageError

Kwargs = Callable[[re.Match[str]], dict[str, Any]]
_loaded: set[Path] = set()


def hard_type(
    instruction_id: str, *, category: str, definition: str, example: str, wordings: Mapping[str, Kwargs], asked: bool = True
) -> Callable[[Verifier], Verifier]:
    """Register the decorated check as a type of its own. Raises UsageError for an id that is taken or isn't `group:name`."""
    _free(instruction_id)
    if instruction_id.startswith("soft:"):
        raise UsageError(f"{instruction_id}: ids under soft: have no check; use soft_type, or another group")

    def register(check: Verifier) -> Verifier:
        verifier(instruction_id)(check)
        for pattern, kwargs in wordings.items():
            register_wording(instruction_id, pattern, kwargs)
        _add(ConstraintType(instruction_id, category, definition, example, asked=asked))
        return check

    return register


def soft_type(instruction_id: str, *, category: str, definition: str, example: str, cues: str, asked: bool = True) -> None:
    """Register a type that only a model can judge; `cues` is a pattern that speaks for it. Raises as `hard_type` does."""
    _free(instruction_id)
    if not instruction_id.startswith("soft:"):
        raise UsageError(f"{instruction_id}: the id of a soft type starts with soft:")
    _add(ConstraintType(instruction_id, category, definition, example, cues, asked))


def load_types(path: Path) -> None:
    """Run a user's file, once per process. Raises UsageError for a missing file and for whatever the file itself raises."""
    path = path.resolve()
    if path in _loaded:
        return
    if not path.is_file():
        raise UsageError(f"constraint_types: no file at {path}")
    try:
        runpy.run_path(str(path))
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error
    except Exception as error:
        # It is the user's own code, which may raise anything; whatever it is, it is theirs to mend.
        raise UsageError(f"{path}: {type(error).__name__}: {error}") from error
    _loaded.add(path)


def _free(instruction_id: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*:[a-z][a-z0-9_]*", instruction_id):
        raise UsageError(f"{instruction_id!r} is no type id: write group:name in lower case")
    if instruction_id in taxonomy.TYPES or instruction_id in VERIFIERS:
        raise UsageError(f"there is a type {instruction_id} already; choose another id")


def _add(kind: ConstraintType) -> None:
    taxonomy.TYPES[kind.id] = kind
    taxonomy.classify.cache_clear()
