"""What a run records of its files and packages, so that a resume with others is refused."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any

from seif import __version__
from seif.checksums import sha256_of
from seif.config import Config
from seif.engines.model_files import fingerprint
from seif.errors import UsageError
from seif.plugins import GROUP
from seif.types import Json

COMPARED = ("torch", "transformers", "trl", "peft")
"""Packages whose version can change a result; the versions of others are only recorded."""
FORMAT = 3
"""Of a run directory; it grows when what an unfinished run has left on disk can't be continued any more."""
_DIGEST = "_sha256"
_TASK_FILES = (".yaml", ".yml", ".py", ".jsonl", ".jinja")
"""What of a suite's folder is noted."""


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
    models: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """`fingerprint` by what the checkpoint is to the run: model, judger.checkpoint, ...; empty for a hub id that was
    not on this machine yet."""

    def check_format(self, run: Path) -> None:
        """Raises UsageError when `run` was written in another format: it can be read, but not continued."""
        if self.format != FORMAT:
            raise UsageError(
                f"{run} was written by another version of seif (format {self.format}, this is {FORMAT}); "
                "`seif status` and `seif report` read it, but it can't be continued. Use a new --run-dir"
            )

    def check_same(self, now: Manifest, run: Path) -> None:
        """Raises UsageError, in one line with the fix, when the resumed `run` would read other files or models, or
        stand on other packages. What was not noted before is not compared: which files a config names is compared with
        the config.
        """
        for name in sorted(self.files.keys() & now.files.keys()):
            if self.files[name] != now.files[name]:
                raise UsageError(f"the {name} file changed since {run} was started. Restore it, or use a new --run-dir")
        for name, known in self.models.items():
            found = now.models.get(name, {})
            if known and found and known != found:
                raise UsageError(
                    f"the checkpoint of {name} changed since {run} was started ({_differing(known, found)}). Restore "
                    "it, or use a new --run-dir"
                )
        for package in dict.fromkeys((*COMPARED, *self.plugins, *now.plugins)):
            before, here = self.versions.get(package), now.versions.get(package)
            if before != here:
                raise UsageError(
                    f"{run} was started with {package} {before or '(none)'}, and this is {here or '(none)'}. "
                    f"Install {f'{package}=={before}' if before else 'what it was started with'}, "
                    "or use a new --run-dir"
                )

    def lacks(self, now: Manifest) -> list[str]:
        """The files and models of `now` that are not noted here."""
        models = [name for name, found in now.models.items() if found and not self.models.get(name)]
        return [*(name for name in now.files if name not in self.files), *models]

    def completed(self, now: Manifest) -> Manifest:
        """With what it lacks, as `now` finds it."""
        lacking = self.lacks(now)
        files = {name: digest for name, digest in now.files.items() if name in lacking}
        models = {name: found for name, found in now.models.items() if name in lacking}
        return replace(self, files={**self.files, **files}, models={**self.models, **models})

    def as_json(self) -> Json:
        """What manifest.json holds; one key per file."""
        digests = {f"{name}{_DIGEST}": digest for name, digest in self.files.items()}
        own = {"format": self.format, "seif": self.seif, "dtype": dict(self.precision)}
        return {
            **own,
            **digests,
            "models": dict(self.models),
            "versions": dict(self.versions),
            "plugins": list(self.plugins),
        }

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> Manifest:
        """As `as_json` wrote it."""
        files = {key.removesuffix(_DIGEST): value for key, value in tree.items() if key.endswith(_DIGEST)}
        plugins, seif = tuple(tree.get("plugins", ())), tree.get("seif", "")
        return cls(
            files=files,
            models=tree.get("models", {}),
            versions=tree.get("versions", {}),
            plugins=plugins,
            seif=seif,
            precision=tree.get("dtype", {}),
            format=tree.get("format", 1),
        )


def _differing(known: Mapping[str, str], found: Mapping[str, str]) -> str:
    """What of two fingerprints differs, for a person."""
    names = sorted(name for name in known.keys() | found.keys() if known.get(name) != found.get(name))
    return ", ".join(f"commit {known[name]}, now {found[name]}" if name == "commit" else name for name in names)


def describe(config: Config, precision: Mapping[str, str]) -> Manifest:
    """The manifest of a run that starts now. Raises UsageError for a file that is not there."""
    files = _files(config)
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
    reward_model = config.self_supervised.reward_model
    models = {
        "model": config.model,
        "judger.checkpoint": config.judger.checkpoint,
        "self_supervised.reward_model.checkpoint": reward_model.checkpoint,
        "self_supervised.reward_model.base": reward_model.base,
    }
    return Manifest(
        files={name: sha256_of(Path(file)) for name, file in files.items() if file}
        | {name: _sha256_of_all(found) for name, found in _folders(config).items()},
        models={name: fingerprint(model) for name, model in models.items() if model},
        versions={package: version(package) for package in packages},
        plugins=installed,
        precision=precision,
    )


def _files(config: Config) -> dict[str, str | None]:
    """By what each is to the run."""
    general = config.self_supervised.general
    return {
        "seeds": config.seeds,
        "held_out": config.held_out,
        "held_out_types": config.held_out_types,
        "audit": config.audit,
        "instructions": config.instructions,
        "general_train": general.train,
        "general_held_out": general.held_out,
        **{f"benchmark_prompts_{i}": file for i, file in enumerate(config.benchmark_prompts, 1)},
        **{f"plugin {Path(name).name if name.endswith('.py') else name}": _source(name) for name in config.plugins},
        **{f"{entry.name} prompts": entry.prompts for entry in config.evaluation.suites},
    }


def _folders(config: Config) -> dict[str, list[Path]]:
    """The files of each folder that is read as a whole, by what it is to the run."""
    packages = {f"plugin {name} package": _modules(name) for name in config.plugins if not name.endswith(".py")}
    found = {name: files for name, files in packages.items() if files}
    if Path(config.prompts).is_dir():
        found["prompts"] = list(Path(config.prompts).glob("*.jinja"))
    for entry in config.evaluation.suites:
        if entry.include_path is not None:
            tasks = Path(entry.include_path).rglob("*")
            found[f"{entry.name} tasks"] = [path for path in tasks if path.suffix in _TASK_FILES and path.is_file()]
    return found


def _sha256_of_all(files: Iterable[Path]) -> str:
    """Of the names and contents of a folder's files."""
    return hashlib.sha256(json.dumps([(path.name, sha256_of(path)) for path in sorted(files)]).encode()).hexdigest()


def _source(plugin: str) -> str | None:
    """The file that a plugin is read from; None for a module that is no file."""
    if plugin.endswith(".py"):
        return plugin
    found = importlib.util.find_spec(plugin)
    return found.origin if found is not None and found.has_location else None


def _modules(plugin: str) -> list[Path]:
    """All modules of a plugin that is a package."""
    found = importlib.util.find_spec(plugin)
    folders = (found and found.submodule_search_locations) or ()
    return [path for folder in folders for path in Path(folder).rglob("*.py")]
