"""Plugins: a user's own Python files and modules that register parts as they are imported.

    load_plugins(["my_types.py", "my_package.rewards"])

Installed packages may offer plugins too, as entry points of the group `seif.plugins`. A plugin is the user's own
code and is run as such.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from seif.errors import UsageError, cause_of
from seif.registry import adding_parts_of, remove_parts_of
from seif.user_code import at_line, printing_aside

GROUP = "seif.plugins"
REGISTRIES = (
    "seif.chat",
    "seif.constraints",
    "seif.rewards",
    "seif.judges",
    "seif.metrics",
    "seif.tracking",
    "seif.evaluation.suites",
    "seif.stages.evaluation",
    "seif.report.section",
    "seif.report.sections",
)
"""The modules that fill a registry.

They are imported before any plugin: what a plugin imports first would count as its own.
"""

_digests: dict[Path, str] = {}
"""The plugin files that are loaded, with the SHA-256 of what was run."""


def load_plugins(names: Sequence[str]) -> None:
    """Load the installed plugins, then the named ones: paths that end in .py, or importable modules.

    Each is loaded once per process. A file that has changed since is run again, and what it registers replaces what it
    registered before. Raises UsageError in one line for a missing file or module, and for whatever a plugin raises;
    such a plugin adds nothing.
    """
    for module in REGISTRIES:
        importlib.import_module(module)
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        with _loading(f"{entry.name} ({entry.value})"):
            entry.load()
    for name in names:
        if name.endswith(".py"):
            _load_file(_path(name))
        elif os.sep in name:
            raise UsageError(f"plugin {name}: name a file that ends in .py, or an importable module")
        else:
            with _loading(name):
                importlib.import_module(name)


def unload_plugin(path: str) -> None:
    """Take out what a plugin file registered; `load_plugins` would run it again.

    Does nothing for a file that isn't loaded.
    """
    file = _path(path)
    _digests.pop(file, None)
    sys.modules.pop(_module_name(file), None)
    remove_parts_of(str(file))


def _path(name: str) -> Path:
    try:
        return Path(name).expanduser().resolve()
    except (ValueError, RuntimeError) as error:
        # A null character; a home directory that nobody has.
        raise UsageError(f"plugin {name!r}: {error}; check the path") from error


def _load_file(path: Path) -> None:
    if path.exists() and not path.is_file():
        raise UsageError(f"plugin {path} is no file; check the path")
    try:
        source = path.read_bytes()
    except OSError as error:
        raise UsageError(f"plugin {path}: {error.strerror or error}; check the path") from error
    digest = hashlib.sha256(source).hexdigest()
    if _digests.get(path) == digest:
        return
    unload_plugin(str(path))
    module = ModuleType(_module_name(path))
    module.__file__ = str(path)
    # Dataclasses and pickle look for a class's module by its name.
    sys.modules[module.__name__] = module
    with _loading(str(path)):
        exec(compile(source, path, "exec"), module.__dict__)
    _digests[path] = digest


def _module_name(path: Path) -> str:
    """A name of its own for each file, because two may have the same stem."""
    return f"seif_plugin_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"


@contextmanager
def _loading(plugin: str) -> Iterator[None]:
    """Raises UsageError for whatever the plugin raises, SystemExit included: it is the user's own code."""
    try:
        with adding_parts_of(plugin), printing_aside():
            yield
    except (Exception, SystemExit) as error:
        cause = str(error) if isinstance(error, UsageError) else cause_of(error)
        raise UsageError(f"plugin {at_line(error, plugin) or plugin}: {cause}") from error
