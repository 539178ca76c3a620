"""Configs as files: YAML in, overrides on top, unknown keys refused with the nearest name."""

from __future__ import annotations

import copy
import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from seif.config import Config
from seif.config.complaints import REPLACED, complaint, odd_values, origin, shown
from seif.config.parsing import DEEPEST, LONGEST, ConfigTextError, decode, parse
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
_LONGEST_PATH, _LONGEST_NAME = 4095, 255
"""Bytes of a path, and of each of its parts, that file systems take."""


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
    try:
        path = find(path)
        found = path.is_file()
    except OSError as error:
        raise UsageError(f"no config at {str(path)[:60]}...: {error.strerror}") from error
    if not found:
        near = nearest(path.name)
        meant = f"did you mean {near!r}? " if near else ""
        raise UsageError(
            f"no config at {path}; {meant}`seif configs` lists the shipped ones, `seif init` writes one for your model"
        )
    try:
        with path.open("rb") as file:
            tree = parse(decode(file.read(LONGEST + 1)))
    except ConfigTextError as error:
        raise UsageError(f"{path} {error}") from error
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror or error}") from error
    if tree is None:
        raise UsageError(f"{path} is empty; write `model: NAME` and what differs from docs/config.md")
    if not isinstance(tree, dict):
        held = "a list" if isinstance(tree, list) else "one value"
        raise UsageError(f"{path} must hold `key: value` lines, and it holds {held}")
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
    for odd in odd_values(tree):
        raise UsageError(f"{origin(odd.partition(':')[0], source, overrides)}: {odd}")
    for key in PATH_KEYS:
        _change_at(tree, key.split("."), _shipped)
        _change_at(tree, key.split("."), functools.partial(_check_path, key))
    try:
        config = Config.model_validate(tree)
    except ValidationError as error:
        raise UsageError(complaint(error.errors(), source, overrides)) from error
    refuse_secrets(tree)
    return config


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
    if isinstance(value, str) and value and not Path(value).is_absolute():
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


def _check_path(key: str, value: Any) -> Any:
    """The value itself. Raises UsageError for a text that no file system takes for a path."""
    for text in value if isinstance(value, list | tuple) else [value]:
        if isinstance(text, str):
            parts = [len(part) for part in os.fsencode(text).split(b"/")]
            if sum(parts) + len(parts) > _LONGEST_PATH or max(parts) > _LONGEST_NAME:
                raise UsageError(f"{key}: {shown(text)} is too long for a path")
    return value


def _override(tree: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    *parents, last = key.split(".")
    if not equals or not all((*parents, last)):
        raise UsageError(f"--set takes key=value, e.g. --set follower.grpo.kl=0.02, got {shown(override)!r}")
    if len(parents) >= DEEPEST:
        raise UsageError(f"--set {shown(key)}: unknown key; see docs/config.md")
    node = tree
    for parent in parents:
        # A section that is there but empty is one that is not there.
        node[parent] = {} if node.get(parent) is None else node[parent]
        node = node[parent]
        if not isinstance(node, dict):
            raise UsageError(f"--set {shown(key)}: {shown(parent)} is not a section")
    if len(value) > LONGEST:
        raise UsageError(f"--set {shown(key)}: the value has {len(value):,} characters, more than {LONGEST:,}")
    try:
        node[last] = parse(value)
    except ConfigTextError as error:
        said = str(error).removeprefix("line 1 ")
        raise UsageError(f"--set {shown(key)}: the value {said}; quote it if it is text") from error
