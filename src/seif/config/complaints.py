"""What is wrong with a config, in one line for a person: the key, what is allowed, what was given, and where."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from seif.config import Config, section_of

REPLACED = {"constraint_types": "plugins"}
"""Lists of earlier versions, with what they are called now."""
SECRET = ("engine.base_urls", "engine.api_key_env", "engine.vllm.env", "self_supervised.reward_model.url")
"""Keys whose values are not shown: people put keys and passwords there by mistake."""
_SHOWN = 60
"""Characters of a value that are shown."""

_Allowed = Callable[[Mapping[str, Any]], str]
_ALLOWED: Mapping[str, _Allowed] = {
    "int_type": lambda _: "must be a whole number",
    "int_from_float": lambda _: "must be a whole number",
    "int_parsing_size": lambda _: "must be a smaller whole number",
    "float_type": lambda _: "must be a number",
    "finite_number": lambda _: "must be a finite number",
    "bool_type": lambda _: "must be true or false",
    "string_type": lambda _: "must be text",
    "string_unicode": lambda _: "must be text",
    "string_too_short": lambda _: "must not be empty",
    "string_too_long": lambda limits: f"must be text of at most {limits['max_length']:,} characters",
    "tuple_type": lambda _: "must be a list, e.g. [a, b]",
    "dict_type": lambda _: "must be a section of `key: value` lines",
    "model_type": lambda _: "must be a section of `key: value` lines",
    "literal_error": lambda limits: f"must be one of {limits['expected'].replace(' or ', ', ').replace(chr(39), '')}",
    "greater_than": lambda limits: f"must be above {_number(limits['gt'])}",
    "greater_than_equal": lambda limits: f"must be at least {_number(limits['ge'])}",
    "less_than": lambda limits: f"must be below {_number(limits['lt'])}",
    "less_than_equal": lambda limits: f"must be at most {_number(limits['le'])}",
    "too_short": lambda limits: f"needs at least {limits['min_length']} entry",
    "too_long": lambda limits: f"may have at most {limits['max_length']:,} entries",
}
"""What pydantic calls an error, in our words; they get its context."""


def complaint(errors: Sequence[ErrorDetails], source: str, overrides: Sequence[str]) -> str:
    """All errors in one line, each after where its value comes from: `source`, or one of the `overrides`."""
    explained = [(".".join(map(str, error["loc"])), error["type"], _explain(error)) for error in errors]
    misspelt = [text for _, kind, text in explained if kind == "extra_forbidden"]
    said: dict[str, list[str]] = {}
    for key, kind, text in explained:
        # One mistake may be two errors: a misspelt key is missing too, and a list with a wrong entry is too short.
        missed = kind == "missing" and any(guess.endswith(f"did you mean {key!r}?") for guess in misspelt)
        if not missed and not any(other.startswith(f"{key}.") for other, _, _ in explained):
            said.setdefault(origin(key, source, overrides), []).append(text)
    return "; ".join(f"{place}: {'; '.join(texts)}" for place, texts in said.items())


def origin(key: str, source: str, overrides: Sequence[str]) -> str:
    """Where the value at `key` comes from: an override of it, the source with overrides of a part of it, the source."""
    for override in reversed(overrides):
        changed, _, value = override.partition("=")
        hidden = any(f"{name}.".startswith(f"{changed}.") for name in SECRET)
        place = f"--set {shown(changed)}" if hidden else f"--set {shown(changed)}={shown(value)}"
        if f"{key}.".startswith(f"{changed}."):
            return place
        if not key or changed.startswith(f"{key}."):
            return f"{source} with {place}"
    return source


def odd_values(tree: Any, key: str = "") -> Iterator[str]:
    """What no config may hold, wherever it stands: names that are no text, numbers that are not finite, texts with
    control characters or halves of surrogate pairs."""
    if isinstance(tree, Mapping):
        for name, value in tree.items():
            if not isinstance(name, str):
                yield f"{shown(key) or 'config'}: the name {shown(_value(name))} is no text; put it in quotes"
            elif reason := _odd(name):
                yield f"{shown(key) or 'config'}: the name {shown(_value(name))} {reason}"
            else:
                yield from odd_values(value, f"{key}.{name}" if key else name)
    elif isinstance(tree, list | tuple):
        for place, value in enumerate(tree):
            yield from odd_values(value, f"{key}.{place}")
    elif isinstance(tree, float) and not math.isfinite(tree):
        yield f"{shown(key)}: must be a finite number, got {tree}"
    elif isinstance(tree, str) and (reason := _odd(tree)):
        yield f"{shown(key)}: the text {shown(_value(tree))} {reason}"


def _odd(text: str) -> str:
    if any("\ud800" <= c <= "\udfff" for c in text):
        return "has half of a surrogate pair, which is no valid Unicode; write the whole character"
    if any((c < " " and c not in "\t\n\r") or "\x7f" <= c < "\xa0" for c in text):
        return "has a control character; remove it"
    return ""


def _explain(error: ErrorDetails) -> str:
    path = [str(part) for part in error["loc"]]
    key = ".".join(path)
    if error["type"] == "extra_forbidden" and key in REPLACED:
        listed = error["input"] if isinstance(error["input"], list) else [error["input"]]
        return f"{key!r} is no longer a key; write `{REPLACED[key]}: [{shown(', '.join(map(str, listed)))}]`"
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(path[-1], _keys_at(path[:-1]), n=1)
        return f"unknown key {shown(key)!r}" + (
            f"; did you mean {'.'.join([*path[:-1], near[0]])!r}?" if near else "; see docs/config.md"
        )
    if error["type"] == "missing":
        return f"{key!r} is missing"
    if error["type"] == "value_error":
        # What a validator of ours says is whole, and its input is a section, which may hold what must not be shown.
        return f"{key or 'config'}: {' '.join(error['msg'].removeprefix('Value error, ').split())}"
    allowed = _ALLOWED.get(error["type"])
    said = allowed(error.get("ctx", {})) if allowed else error["msg"]
    given = "" if not key or key.startswith(SECRET) else f", got {shown(_value(error['input']))}"
    quotes = "; put it in quotes" if error["type"] == "string_type" and _is_plain(error["input"]) else ""
    return f"{shown(key) or 'config'}: {said}{given}{quotes}"


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.10g}"


def _is_plain(value: object) -> bool:
    return isinstance(value, bool | int | float)


def _value(value: object) -> str:
    """A value as one writes it in a config; a text in quotes."""
    if isinstance(value, str):
        return repr(value)
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError):
        return f"a {type(value).__name__}"


def shown(text: str) -> str:
    """A user's text within a message: its beginning, on one line."""
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:_SHOWN])
    return line if len(text) <= _SHOWN else f"{line}..."


def _keys_at(path: Sequence[str]) -> list[str]:
    section: type[BaseModel] | None = Config
    for part in path:
        if section is None:
            return []
        if not part.isdigit():
            annotation = section.model_fields[part].annotation
            section = section_of(get_args(annotation)[0] if get_origin(annotation) is tuple else annotation)
    return list(section.model_fields) if section else []
