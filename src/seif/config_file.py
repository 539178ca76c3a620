"""Configs as files: YAML in, overrides on top, unknown keys refused with the nearest name."""

from __future__ import annotations

import copy
import difflib
import os
import re
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from seif.config import Config, Template, section_of
from seif.configs import find
from seif.errors import UsageError

PATH_KEYS = (
    *("model", "seeds", "instructions", "held_out", "benchmark_prompts", "prompts", "engine.vllm.python"),
    *("evaluation.suites.prompts", "evaluation.suites.include_path"),
    *(
        f"self_supervised.{key}"
        for key in ("reward_model.base", "reward_model.checkpoint", "general.train", "general.held_out")
    ),
)
"""Config keys that name files; a relative one is relative to the config file."""
REPLACED = {"constraint_types": "plugins: [FILE.py]"}
"""Keys of earlier versions, with what to write instead."""


def load_config(path: Path, overrides: list[str] | None = None, **direct: Any) -> Config:
    """Read a YAML config: a file, or the name of a shipped one (`nano`). `overrides` are `dotted.key=value` with
    YAML values; `direct` sets top-level keys.

    Raises UsageError, in one line with the fix, for a missing file, bad YAML, an unknown key, or a wrong type.
    """
    path = find(path)
    if not path.is_file():
        raise UsageError(
            f"no config at {path}; `seif configs` lists the shipped ones, `seif init` writes one for your model"
        )
    try:
        tree = _parse(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(tree, dict):
        raise UsageError(f"{path} must hold `key: value` lines; it holds {type(tree).__name__}")
    for key in PATH_KEYS:
        _anchor_at(tree, key.split("."), path.parent)
    if isinstance(tree.get("plugins"), list):
        # The other plugins are modules, whatever lies beside the config.
        tree["plugins"] = [
            _anchor(p, path.parent) if isinstance(p, str) and p.endswith(".py") else p for p in tree["plugins"]
        ]
    for override in overrides or []:
        _override(tree, override)
    return build_config({**tree, **{key: value for key, value in direct.items() if value is not None}}, str(path))


def build_config(tree: dict[str, Any], source: str) -> Config:
    """Validate a tree. Raises UsageError naming `source`, the key and the fix."""
    # Earlier versions wrote every key into a run's config, those without a value too.
    tree = {key: value for key, value in tree.items() if key not in REPLACED or value is not None}
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        raise UsageError(f"{source}: {'; '.join(_explain(e) for e in error.errors())}") from error


class _Loader(yaml.SafeLoader):
    """YAML as people write it: 1e-6 is a number (YAML 1.1 takes it for text), and an aliased section is a copy of
    its own."""

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


def _anchor_at(tree: Any, key: list[str], folder: Path) -> None:
    if isinstance(tree, list):
        for entry in tree:
            _anchor_at(entry, key, folder)
    elif isinstance(tree, dict) and key[0] in tree:
        if key[1:]:
            _anchor_at(tree[key[0]], key[1:], folder)
        else:
            tree[key[0]] = _anchor(tree[key[0]], folder)


def _anchor(value: Any, folder: Path) -> Any:
    """A path (or each of a list) that exists beside the config file is made absolute; anything else (a hub id)
    stays."""
    if isinstance(value, list):
        return [_anchor(item, folder) for item in value]
    if isinstance(value, str) and not Path(value).is_absolute():
        # A link is not followed: the Python of a virtual environment is one, and would no longer be in it.
        beside = os.path.abspath(folder / value)
        if os.path.exists(beside) or value.startswith("."):
            return beside
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


def _explain(error: Any) -> str:
    path = [str(part) for part in error["loc"]]
    key = ".".join(path)
    if error["type"] == "extra_forbidden" and key in REPLACED:
        return f"{key!r} is no longer a key; write `{REPLACED[key]}`"
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(path[-1], _keys_at(path[:-1]), n=1)
        return f"unknown key {key!r}" + (
            f"; did you mean {'.'.join([*path[:-1], near[0]])!r}?" if near else "; see docs/config.md"
        )
    if error["type"] == "missing":
        return f"{key!r} is missing"
    # What a validator of ours says is whole, and its input is a section, which may hold what must not be shown.
    shown = f", got {error['input']!r}" if key and error["type"] != "value_error" else ""
    return f"{key or 'config'}: {error['msg'].removeprefix('Value error, ')}{shown}"


def _keys_at(path: list[str]) -> list[str]:
    section: Any = Config
    for part in path:
        field = section.model_fields.get(part)
        section = section_of(field.annotation if field else None)
        if section is None:
            return list(Template.model_fields)
    return list(section.model_fields)
