"""Configs as files: YAML in, overrides on top, unknown keys refused with the nearest name."""

from __future__ import annotations

import copy
import difflib
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from seif.config import Config, section_of
from seif.configs import find, nearest
from seif.errors import UsageError
from seif.redaction import refuse_secrets

PATH_KEYS = (
    *("model", "seeds", "instructions", "held_out", "held_out_types", "audit", "prompts"),
    *("benchmark_prompts", "engine.vllm.python", "judger.checkpoint"),
    *("evaluation.suites.prompts", "evaluation.suites.include_path"),
    *(
        f"self_supervised.{key}"
        for key in ("reward_model.base", "reward_model.checkpoint", "general.train", "general.held_out")
    ),
)
"""Config keys that name files; a relative one is relative to the config file."""
SHIPPED_DATA = "nano:"
"""Begins the name of a file that is shipped with seif: `nano:data/seeds.parquet` lies in the folder of `seif.nano`."""
_NANO = Path(__file__).parent / "nano"
REPLACED = {"constraint_types": "plugins"}
"""Lists of earlier versions, with what they are called now."""


def load_config(path: Path | None, overrides: list[str] | None = None, **direct: Any) -> Config:
    """Read a YAML config: a file, or the name of a shipped one (`nano`); None: the paper's settings.

    `overrides` are `dotted.key=value` with YAML values; `direct` sets top-level keys.

    Raises UsageError, in one line with the fix, for a missing file, bad YAML, an unknown key, or a wrong type.
    """
    tree = _read(path) if path else {}
    for override in overrides or []:
        _override(tree, override)
    tree |= {key: value for key, value in direct.items() if value is not None}
    return build_config(tree, str(path or "options"), overrides or [])


def _read(path: Path) -> dict[str, Any]:
    """A config file's tree, its relative paths made absolute. Raises UsageError."""
    path = find(path)
    if not path.is_file():
        near = nearest(path.name)
        meant = f"did you mean {near!r}? " if near else ""
        raise UsageError(
            f"no config at {path}; {meant}`seif configs` lists the shipped ones, `seif init` writes one for your model"
        )
    try:
        tree = _parse(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(tree, dict):
        raise UsageError(f"{path} must hold `key: value` lines; it holds {type(tree).__name__}")
    for key in PATH_KEYS:
        _change_at(tree, key.split("."), lambda value: _anchor(value, path.parent))
    if isinstance(tree.get("plugins"), list):
        # The other plugins are modules, even where a file beside the config has such a name.
        tree["plugins"] = [
            _anchor(p, path.parent) if isinstance(p, str) and p.endswith(".py") else p for p in tree["plugins"]
        ]
    return tree


def build_config(tree: dict[str, Any], source: str, overrides: Sequence[str] = ()) -> Config:
    """Validate a tree.

    Raises UsageError naming the key, the fix, and where the value comes from: `source`, or one of the `overrides` that
    the tree already holds.
    """
    # Earlier versions wrote every key into a run's config, those without a value too.
    tree = copy.deepcopy({key: value for key, value in tree.items() if key not in REPLACED or value is not None})
    for key in PATH_KEYS:
        _change_at(tree, key.split("."), _shipped)
    try:
        config = Config.model_validate(tree)
    except ValidationError as error:
        raise UsageError(_complaint(error.errors(), source, overrides)) from error
    refuse_secrets(tree)
    return config


def _complaint(errors: Sequence[ErrorDetails], source: str, overrides: Sequence[str]) -> str:
    """All errors in one line, each after where its value comes from."""
    explained = [(".".join(map(str, error["loc"])), error["type"], _explain(error)) for error in errors]
    misspelt = [text for _, kind, text in explained if kind == "extra_forbidden"]
    said: dict[str, list[str]] = {}
    for key, kind, text in explained:
        # One mistake may be two errors: a misspelt key is missing too, and a list with a wrong entry is too short.
        missed = kind == "missing" and any(guess.endswith(f"did you mean {key!r}?") for guess in misspelt)
        if not missed and not any(other.startswith(f"{key}.") for other, _, _ in explained):
            said.setdefault(_origin(key, source, overrides), []).append(text)
    return "; ".join(f"{origin}: {'; '.join(texts)}" for origin, texts in said.items())


def _origin(key: str, source: str, overrides: Sequence[str]) -> str:
    """Where the value at `key` comes from: an override of it, the source with overrides of a part of it, the source."""
    for override in reversed(overrides):
        changed = override.partition("=")[0]
        if f"{key}.".startswith(f"{changed}."):
            return f"--set {override}"
        if not key or changed.startswith(f"{key}."):
            return f"{source} with --set {override}"
    return source


class _Loader(yaml.SafeLoader):
    """YAML as people write it: 1e-6 is a number (YAML 1.1 takes it for text), and an aliased section is a copy of its
    own.
    """

    def compose_node(self, parent: Any, index: Any) -> Any:
        """A copy for every alias: an override of one section must not change another."""
        return (
            copy.deepcopy(super().compose_node(parent, index))
            if self.check_event(yaml.AliasEvent)
            else super().compose_node(parent, index)
        )


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+"), list("-+0123456789")
)


def _parse(text: str) -> Any:
    return yaml.load(text, Loader=_Loader)


def _change_at(tree: Any, key: list[str], change: Callable[[Any], Any]) -> None:
    """Change the value of a dotted key in place, in every entry of a list on the way; nothing where it is absent."""
    if isinstance(tree, list):
        for entry in tree:
            _change_at(entry, key, change)
    elif isinstance(tree, dict) and key[0] in tree:
        if key[1:]:
            _change_at(tree[key[0]], key[1:], change)
        else:
            tree[key[0]] = change(tree[key[0]])


def _anchor(value: Any, folder: Path) -> Any:
    """A path (or each of a list) that exists beside the config file, made absolute; anything else (a hub id) stays."""
    if isinstance(value, list):
        return [_anchor(item, folder) for item in value]
    if isinstance(value, str) and not Path(value).is_absolute():
        # A link is not followed: the Python of a virtual environment is one, and would no longer be in it.
        beside = os.path.abspath(folder / value)
        if os.path.exists(beside) or value.startswith("."):
            return beside
    return value


def _shipped(value: Any) -> Any:
    """A name (or each of a list) that begins with SHIPPED_DATA as the path of that file; anything else stays."""
    if isinstance(value, list | tuple):
        return [_shipped(item) for item in value]
    if isinstance(value, str) and value.startswith(SHIPPED_DATA):
        return str(_NANO / value.removeprefix(SHIPPED_DATA))
    return value


def _override(tree: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals:
        raise UsageError(f"--set takes key=value, got {override!r}")
    *parents, last = key.split(".")
    node = tree
    for parent in parents:
        # A section that is there but empty is one that is not there.
        node[parent] = {} if node.get(parent) is None else node[parent]
        node = node[parent]
        if not isinstance(node, dict):
            raise UsageError(f"--set {key}: {parent} is not a section")
    try:
        node[last] = _parse(value)
    except yaml.YAMLError as error:
        raise UsageError(f"--set {key}: {value!r} is not a YAML value") from error


def _explain(error: ErrorDetails) -> str:
    path = [str(part) for part in error["loc"]]
    key = ".".join(path)
    if error["type"] == "extra_forbidden" and key in REPLACED:
        given = error["input"] if isinstance(error["input"], list) else [error["input"]]
        return f"{key!r} is no longer a key; write `{REPLACED[key]}: [{', '.join(map(str, given))}]`"
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(path[-1], _keys_at(path[:-1]), n=1)
        return f"unknown key {key!r}" + (
            f"; did you mean {'.'.join([*path[:-1], near[0]])!r}?" if near else "; see docs/config.md"
        )
    if error["type"] == "missing":
        return f"{key!r} is missing"
    # What a validator of ours says is whole, and its input is a section, which may hold what must not be shown.
    shown = f", got {error['input']!r}" if key and error["type"] != "value_error" else ""
    said = error["msg"].removeprefix("Value error, ").replace("a valid tuple", "a list, e.g. [a, b]")
    return f"{key or 'config'}: {said}{shown}"


def _keys_at(path: list[str]) -> list[str]:
    section: type[BaseModel] | None = Config
    for part in path:
        if section is None:
            return []
        if not part.isdigit():
            annotation = section.model_fields[part].annotation
            section = section_of(get_args(annotation)[0] if get_origin(annotation) is tuple else annotation)
    return list(section.model_fields) if section else []
