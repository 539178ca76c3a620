"""The words of the roles live in `prompts/<style>/<name>.jinja`, one file per prompt; this module fills them in."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Any

import jinja2

from seif.constraints.taxonomy import by_category

STYLES = ("full", "compact")
Messages = list[dict[str, str]]
"""A chat in the form every chat template and OpenAI-compatible server takes."""


@lru_cache(maxsize=64)
def _template(style: str, name: str) -> jinja2.Template:
    source = files("seif.roles").joinpath("prompts", style, f"{name}.jinja").read_text(encoding="utf-8")
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False, keep_trailing_newline=False)
    return environment.from_string(source)


def render(style: str, name: str, **values: Any) -> Messages:
    """One user message from a prompt file. Raises jinja2.UndefinedError when the prompt needs a value not given."""
    # The Instructor is told of the types that are registered now, which may be more than at the last prompt.
    types = {"hard_types": by_category(hard=True), "soft_types": by_category(hard=False)}
    return [{"role": "user", "content": _template(style, name).render(types, **values).strip()}]
