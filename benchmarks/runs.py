"""Whole runs as measurements: every arm and seed of a study is one `seif run` in a directory of its own."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from seif.artifacts import RunDir
from seif.atomic import new_directory
from seif.config import Config
from seif.config.changes import differing_keys
from seif.config_file import SHIPPED_DATA, load_config

ROOT = Path(__file__).parents[1]
Settings = Mapping[str, str]
"""Dotted config keys with YAML values, as `--set` takes them."""
Found = Callable[[str, int], RunDir]
"""(arm, seed) -> its finished run."""


@dataclass(frozen=True)
class Arm:
    """One setting that is compared."""

    settings: Settings = field(default_factory=dict)
    confirmatory: bool = False
    """It gets all seeds and is tested; any other is exploratory, with `EXPLORATORY_SEEDS`."""
    needs: tuple[str, ...] = ()
    """Arms whose runs must be finished first, because `settings_from` reads them."""
    needed_seed: Callable[[int], int] = lambda seed: seed
    """A seed -> the seed of the runs that it needs."""
    settings_from: Callable[[Found, int], Settings] | None = None
    """More settings for a seed, from finished runs."""


Place: TypeAlias = tuple[str, int]
"""(arm, seed): which run of a study."""
EXPLORATORY_SEEDS = 5


@dataclass(frozen=True)
class Study:
    """Arms over one config, and what they are compared with."""

    config: Path
    arms: Mapping[str, Arm]
    control: str
    common: Settings = field(default_factory=dict)
    """Settings of all arms; an arm's own come after them."""
    also: tuple[tuple[str, str], ...] = ()
    """Pairs (arm, other arm) that are compared besides every arm with the control."""

    def seeds(self, arm: str, most: int) -> range:
        """Which seeds an arm gets, if the arms that are tested get `most`."""
        return range(most if self.arms[arm].confirmatory else min(most, EXPLORATORY_SEEDS))

    def with_needed(self, chosen: Iterable[str]) -> list[str]:
        """The chosen arms and those that they need, in the study's order."""
        wanted = set(chosen)
        wanted |= {needed for arm in wanted for needed in self.arms[arm].needs}
        return [arm for arm in self.arms if arm in wanted]

    def places(self, arms: Sequence[str], most: int, measured: Collection[Place] = ()) -> list[Place]:
        """All runs: those of `seeds` without the measured ones, and those that they need; seed by seed."""
        wanted = {(arm, seed) for arm in arms for seed in self.seeds(arm, most)} - set(measured)
        wanted |= {
            (needed, self.arms[arm].needed_seed(seed)) for arm, seed in wanted for needed in self.arms[arm].needs
        }
        return sorted(wanted, key=lambda place: (place[1], arms.index(place[0])))

    @property
    def tested(self) -> tuple[str, ...]:
        """The confirmatory arms that are compared with the control: Holm's family."""
        return tuple(name for name, arm in self.arms.items() if arm.confirmatory and name != self.control)


@dataclass(frozen=True)
class Finished:
    """What a study has: its runs by arm and seed, and the names of those that failed."""

    runs: Mapping[str, Mapping[int, RunDir]]
    failed: tuple[str, ...] = ()


def finish(
    study: Study,
    chosen: Sequence[str],
    most: int,
    folder: Path,
    jobs: int,
    extra: Settings,
    measured: Collection[Place] = (),
) -> Finished:
    """Do what is missing of the runs in `folder`, `jobs` at once; a run that fails is noted, and the others go on.

    Runs that need others wait for all of these. `extra` settings come after the arm's. With no jobs nothing is run, and
    what is not finished is left out. Of the `measured` runs only those are done that another run needs.
    """
    arms = study.with_needed(chosen)
    runs: dict[str, dict[int, RunDir]] = {arm: {} for arm in arms}
    failed: list[str] = []

    def found(arm: str, seed: int) -> RunDir:
        return runs[arm][seed]

    def one(arm: str, seed: int) -> None:
        how = study.arms[arm]
        missing = [name for name in how.needs if how.needed_seed(seed) not in runs[name]]
        if missing:
            if jobs:
                failed.append(f"{arm}-{seed}")
            needed = ", ".join(f"{name}-{how.needed_seed(seed)}" for name in missing)
            print(f"{arm}-{seed}: left out, it needs a finished {needed}", file=sys.stderr, flush=True)
            return
        own = how.settings_from(found, seed) if how.settings_from else {}
        settings = {**study.common, **how.settings, **extra, **own, "seed": str(seed)}
        if not jobs and not is_finished(RunDir(folder / f"{arm}-{seed}"), study.config, settings):
            return
        if seed in runs.get(study.control, {}):
            take_shared(found(study.control, seed), study.config, settings, folder / f"{arm}-{seed}")
        if run(study.config, settings, folder / f"{arm}-{seed}"):
            runs[arm][seed] = RunDir(folder / f"{arm}-{seed}")
        else:
            failed.append(f"{arm}-{seed}")

    for waits in (False, True):
        places = [place for place in study.places(arms, most, measured) if bool(study.arms[place[0]].needs) == waits]
        with ThreadPoolExecutor(jobs or 1) as pool:
            # The list makes an exception of a run show here.
            list(pool.map(lambda place: one(*place), places))
    # A run of a further seed, which another run needed, is not among the arm's own.
    own_seeds = {
        arm: {seed: of_arm[seed] for seed in study.seeds(arm, most) if seed in of_arm} for arm, of_arm in runs.items()
    }
    return Finished(own_seeds, tuple(sorted(failed)))


def run(config: Path, settings: Settings, folder: Path) -> bool:
    """One run with one thread: a finished one as it is, an unfinished one resumed; whether it is finished now.

    What it prints is in a file beside its directory.
    """
    if is_finished(RunDir(folder), config, settings):
        return True
    overrides = [f"{key}={value}" for key, value in settings.items()]
    folder.parent.mkdir(parents=True, exist_ok=True)
    log, began = folder.with_name(f"{folder.name}.log"), time.monotonic()
    flags = [part for override in overrides for part in ("--set", override)]
    with log.open("w", encoding="utf-8") as output:
        done = subprocess.run(
            [sys.executable, "-m", "seif", "run", str(config), "--run-dir", str(folder), *flags],
            check=False,
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    state = "done" if done.returncode == 0 else f"failed with exit code {done.returncode}, see {log}"
    print(f"{folder.name}: {state} ({time.monotonic() - began:.0f} s)", file=sys.stderr, flush=True)
    return done.returncode == 0


AFTER_THE_BASE = {
    *(
        f"instructor.{key}"
        for key in (
            *("train", "reward", "steps", "answers", "per_constraint", "share_penalty", "archive_penalty"),
            *("allocation", "types", "explore", "candidates", "probes", "type_quota", "edits"),
        )
    ),
    *(f"follower.{key}" for key in ("steps", "reward", "replay", "hindsight")),
    "audit",
}
"""Keys that say nothing about turn 0, in which the base writes, answers and judges as it is."""


BEHIND_THE_REWARD_MODEL = {"self_supervised.hard_labels", "self_supervised.curriculum"}
"""Keys that say nothing about turn 1 up to its reward model."""
LEARNED = (
    *(RunDir.pseudo_labels, RunDir.pseudo_label_counts),
    *(RunDir.reward_model, RunDir.reward_model_numbers),
)
"""What the stages in between write."""


def take_shared(run: RunDir, config: Path, settings: Settings, folder: Path) -> None:
    """Turn 0 of a finished run, and turn 1 up to its reward model, as far as a run of the same seed that has not begun
    would do the same in them."""
    if folder.exists() or not run.started():
        return
    wanted = load_config(config, [f"{key}={value}" for key, value in settings.items()])
    differing = set(differing_keys(run.config(), wanted))
    if not differing <= AFTER_THE_BASE | BEHIND_THE_REWARD_MODEL:
        return
    # Whole or not at all: `seif run` would take a part of a file for its own.
    with new_directory(folder) as partial:
        copied = RunDir(partial)
        copied.open(wanted, run.manifest())
        shared = [(place, 0) for place in (RunDir.generation, RunDir.instructions, RunDir.evaluation)]
        if differing <= BEHIND_THE_REWARD_MODEL:
            shared += [(place, 1) for place in (RunDir.generation, RunDir.instructions, *LEARNED)]
        for place, turn in shared:
            if place(run, turn).exists():
                place(copied, turn).parent.mkdir(exist_ok=True)
                copy = shutil.copytree if place(run, turn).is_dir() else shutil.copyfile
                copy(place(run, turn), place(copied, turn))


def is_finished(run: RunDir, config: Path, settings: Settings) -> bool:
    """Whether nothing is left to do. A run with another config is not: `seif run` says what differs."""
    if not run.started() or run.state() != "finished":
        return False
    wanted = load_config(config, [f"{key}={value}" for key, value in settings.items()])
    return not differing_keys(_as_shipped(run.config()), _as_shipped(wanted))


def _as_shipped(config: Config) -> Config:
    """The config with files that come with seif under their short names, so that a run of another checkout counts."""
    paths = {key: getattr(config, key) or "" for key in ("model", "seeds", "held_out", "held_out_types", "audit")}
    return config.model_copy(
        update={
            key: SHIPPED_DATA + path.partition("/seif/nano/")[2] for key, path in paths.items() if "/seif/nano/" in path
        }
    )


def add_options(parser: argparse.ArgumentParser, runs: Path, measured: bool = True) -> None:
    """What the commands of all studies take; `runs` is where runs are kept by default. `measured`: also --measured."""
    parser.add_argument("--seeds", type=int, default=10, help="seeds of the arms that are tested, from 0")
    parser.add_argument("--arms", nargs="+", help="only these and those that they need; all by default")
    parser.add_argument(
        "--jobs", type=int, default=2, help="runs at once, with one thread each; 0: only what is finished"
    )
    parser.add_argument(
        "--set", nargs="+", default=[], metavar="KEY=VALUE", help="settings of all runs, to try a study out"
    )
    parser.add_argument("--runs", type=Path, default=runs, help="where runs are kept")
    if measured:
        parser.add_argument(
            "--measured",
            type=Path,
            metavar="JSON",
            help="what this command has printed before: its runs are not done again, and count like those on disk. "
            "Runs of another kind of CPU or of other code can differ from them",
        )


def arms_of(parser: argparse.ArgumentParser, options: argparse.Namespace, known: Iterable[str]) -> list[str]:
    """Those of the `known` arms that --arms chooses, in their order; exits with code 2 for one that is unknown."""
    known = list(dict.fromkeys(known))
    chosen = options.arms or known
    unknown = [arm for arm in chosen if arm not in known]
    if unknown:
        parser.error(f"--arms: no arm is called {', '.join(unknown)}; there are {', '.join(known)}")
    return [arm for arm in known if arm in chosen]


def settings_of(options: argparse.Namespace) -> Settings:
    """What --set gives."""
    return dict(override.split("=", 1) for override in options.set)
