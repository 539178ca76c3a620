"""The roles' prompts, one Jinja file each: `prompts/<style>/<name>.jinja`, or those in a folder of the user's own."""

from __future__ import annotations

import difflib
import hashlib
import traceback
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import meta, nodes

from seif.constraints.specification import ConstraintType
from seif.constraints.taxonomy import by_category
from seif.engines.base import Messages
from seif.errors import UsageError

STYLES = ("full", "compact")
_JUDGED = {
    "seed": "Why?",
    "instruction": "Why? Be brief.",
    "mark": "0123abcd",
    "response": "Because.",
    "constraint": "Be brief.",
}
_ASKED = {"seed": "Why?", "count": 3, "asked": ()}
VALUES: Mapping[str, Mapping[str, Any]] = {
    "instructor_hard": _ASKED,
    "instructor_soft": _ASKED,
    "filter": {"seed": "Why?", "constraints": ["Be brief.", "Avoid commas."]},
    "follower": {"instruction": "Why? Be brief."},
    "follower_think_answer": {"instruction": "Why? Be brief."},
    "judger": _JUDGED,
    "judger_generative": _JUDGED,
}
"""The values that each prompt gets, with examples; every prompt also gets `hard_types` and `soft_types`, constraint
types by category.
"""
_NEEDED = {"seed": ("instructor_hard", "instructor_soft"), "count": ("instructor_hard", "instructor_soft")} | {
    "constraints": ("filter",),
    "instruction": ("follower", "follower_think_answer"),
    "response": ("judger", "judger_generative"),
    "constraint": ("judger", "judger_generative"),
}
"""Values without which a prompt does not ask what its role is for."""


def render(style: str, name: str, **values: Any) -> Messages:
    """One user message from a prompt file. Raises UsageError as `check_prompts` does."""
    return [
        {
            "role": "user",
            "content": _environment(style).get_template(f"{name}.jinja").render(_types(), **values).strip(),
        }
    ]


def check_prompts(style: str) -> None:
    """Raises UsageError when `style` is neither built in nor a folder, and for a file in it that can't be rendered."""
    _environment(style)


def prompts_digest(style: str) -> str | None:
    """The SHA-256 of the user's own prompt files; None for a built-in style."""
    if style in STYLES:
        return None
    digest = hashlib.sha256()
    for file in sorted(Path(style).glob("*.jinja")):
        digest.update(f"{file.name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\0".encode())
    return digest.hexdigest()


# A run asks in the same words throughout, so files are read once.
@lru_cache(maxsize=16)
def _environment(style: str) -> jinja2.Environment:
    built_in = jinja2.PackageLoader("seif.roles", f"prompts/{style if style in STYLES else 'full'}")
    loader = built_in if style in STYLES else jinja2.ChoiceLoader([jinja2.FileSystemLoader(style), built_in])
    environment = jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, autoescape=False)
    if style not in STYLES:
        _check_folder(Path(style), environment)
    return environment


def _types() -> dict[str, dict[str, list[ConstraintType]]]:
    # Read anew each time: plugins may have registered further types since the last prompt.
    return {"hard_types": by_category(hard=True), "soft_types": by_category(hard=False)}


def _check_folder(folder: Path, environment: jinja2.Environment) -> None:
    if not folder.is_dir():
        raise UsageError(f"prompts: no folder at {folder}; give full, compact, or a folder with *.jinja files")
    files = sorted(folder.glob("*.jinja"))
    if not files:
        raise UsageError(f"prompts: {folder} has no *.jinja files; name them {', '.join(VALUES)}")
    for file in files:
        if file.stem not in VALUES:
            near = difflib.get_close_matches(file.stem, VALUES, n=1)
            raise UsageError(
                f"{file} is no role's prompt; "
                f"{f'did you mean {near[0]}.jinja?' if near else 'there are ' + ', '.join(VALUES)}"
            )
        _check_file(file, environment)


def _check_file(file: Path, environment: jinja2.Environment) -> None:
    """Parse one file, look for values that it can't have or does not use, and render it with examples."""
    given = VALUES[file.stem]
    try:
        tree = environment.parse(file.read_text(encoding="utf-8"), file.stem, str(file))
        used = meta.find_undeclared_variables(tree)
        for unknown in sorted(used - given.keys() - _types().keys()):
            line = next((name.lineno for name in tree.find_all(nodes.Name) if name.name == unknown), 1)
            near = difflib.get_close_matches(unknown, given, n=1)
            fix = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(given)}"
            raise UsageError(f"{file}, line {line}: no value {unknown!r}; {fix}")
        missing = [value for value, names in _NEEDED.items() if file.stem in names and value not in used]
        if missing and not list(meta.find_referenced_templates(tree)):
            raise UsageError(f"{file}: the prompt does not contain {{{{ {missing[0]} }}}}; add it")
        environment.get_template(file.name).render(_types(), **given)
    except jinja2.TemplateSyntaxError as error:
        raise UsageError(f"{error.filename or file}, line {error.lineno}: {error.message}") from error
    except (
        jinja2.TemplateError,
        UnicodeDecodeError,
        TypeError,
        ValueError,
        ArithmeticError,
        LookupError,
        AttributeError,
    ) as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == file]
        where = f"{file}, line {lines[-1]}" if lines else str(file)
        raise UsageError(f"{where}: {type(error).__name__}: {' '.join(str(error).split())}") from error
