"""What a run records of its files and packages, so that a resume with others is refused."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any

from seif import __version__
from seif.config import Config
from seif.errors import UsageError
from seif.plugins import GROUP
from seif.types import Json

COMPARED = ("torch", "transformers", "trl", "peft")
"""Packages whose version can change a result; the versions of others are only recorded."""
FORMAT = 3
"""Of a run directory; it grows when what an unfinished run has left on disk can't be continued any more."""
_DIGEST = "_sha256"


@dataclass(frozen=True)
class Manifest:
    """The files that a run reads and the packages that it uses."""

    files: Mapping[str, str | None] = field(default_factory=dict)
    """SHA-256 by what the file is to the run: seeds, held_out, plugin mine.py, ..."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Package versions, those of installed plugins among them."""
    plugins: tuple[str, ...] = ()
    """The packages that bring installed plugins."""
    seif: str = __version__
    """The version of seif itself; it is not compared."""
    precision: Mapping[str, str] = field(default_factory=dict)
    """The type that the run began to compute in, and why. A resume keeps it, whatever the machine would choose."""

    @property
    def dtype(self) -> str | None:
        """What the run began to compute in."""
        return self.precision.get("dtype")

    format: int = FORMAT
    """The run directory's; 1 where none is noted."""

    def check_format(self, run: Path) -> None:
        """Raises UsageError when `run` was written in another format: it can be read, but not continued."""
        if self.format != FORMAT:
            raise UsageError(
                f"{run} was written by another version of seif (format {self.format}, this is {FORMAT}); "
                "`seif status` and `seif report` read it, but it can't be continued. Use a new --run-dir"
            )

    def check_same(self, now: Manifest, run: Path) -> None:
        """Raises UsageError, in one line with the fix, when the resumed `run` would read other files or stand on other
        packages.
        """
        for name in (*self.files, *(name for name in now.files if name not in self.files)):
            if self.files.get(name) != now.files.get(name):
                raise UsageError(f"the {name} file changed since {run} was started. Use a new --run-dir")
        for package in dict.fromkeys((*COMPARED, *self.plugins, *now.plugins)):
            before, here = self.versions.get(package), now.versions.get(package)
            if before != here:
                raise UsageError(
                    f"{run} was started with {package} {before or '(none)'}, and this is {here or '(none)'}. "
                    f"Install {f'{package}=={before}' if before else 'what it was started with'}, "
                    "or use a new --run-dir"
                )

    def as_json(self) -> Json:
        """What manifest.json holds; one key per file."""
        digests = {f"{name}{_DIGEST}": digest for name, digest in self.files.items()}
        own = {"format": self.format, "seif": self.seif, "dtype": dict(self.precision)}
        return {**own, **digests, "versions": dict(self.versions), "plugins": list(self.plugins)}

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> Manifest:
        """As `as_json` wrote it."""
        files = {key.removesuffix(_DIGEST): value for key, value in tree.items() if key.endswith(_DIGEST)}
        plugins, seif = tuple(tree.get("plugins", ())), tree.get("seif", "")
        return cls(files, tree.get("versions", {}), plugins, seif, tree.get("dtype", {}), tree.get("format", 1))


def describe(config: Config, precision: Mapping[str, str]) -> Manifest:
    """The manifest of a run that starts now. Raises UsageError for a file that is not there."""
    general = config.self_supervised.general
    files = {
        "seeds": config.seeds,
        "held_out": config.held_out,
        "held_out_types": config.held_out_types,
        "audit": config.audit,
        "instructions": config.instructions,
        "general_train": general.train,
        "general_held_out": general.held_out,
        **{f"benchmark_prompts_{i}": file for i, file in enumerate(config.benchmark_prompts, 1)},
        **{f"plugin {Path(name).name if name.endswith('.py') else name}": _source(name) for name in config.plugins},
    }
    for name, file in files.items():
        if file and not Path(file).is_file():
            raise UsageError(f"{name}: no file at {file}")
    installed = tuple(sorted({entry.dist.name for entry in entry_points(group=GROUP) if entry.dist is not None}))
    packages = (
        "torch",
        "transformers",
        "trl",
        "accelerate",
        "datasets",
        *(["peft"] if config.lora else []),
        *installed,
    )
    digests = {name: _sha256(Path(file)) for name, file in files.items() if file}
    return Manifest(digests, {package: version(package) for package in packages}, installed, precision=precision)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _source(plugin: str) -> str | None:
    """The file that a plugin is read from; None for a module that is no file."""
    if plugin.endswith(".py"):
        return plugin
    found = importlib.util.find_spec(plugin)
    return found.origin if found is not None and found.has_location else None
