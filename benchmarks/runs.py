"""Whole runs as measurements: every arm and seed of a study is one `seif run` in a directory of its own."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from seif.artifacts import RunDir
from seif.config import differing_keys
from seif.config_file import load_config

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
    settings_from: Callable[[Found, int], Settings] | None = None
    """More settings for a seed, from finished runs."""


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


@dataclass(frozen=True)
class Finished:
    """What a study has: its runs by arm and seed, and the names of those that failed."""

    runs: Mapping[str, Mapping[int, RunDir]]
    failed: tuple[str, ...] = ()


def finish(study: Study, chosen: Sequence[str], most: int, folder: Path, jobs: int, extra: Settings) -> Finished:
    """Do what is missing of the runs in `folder`, `jobs` at once; a run that fails is noted, and the others go on.

    Runs that need others wait for all of these. `extra` settings come after the arm's. With no jobs nothing is run, and
    what is not finished is left out.
    """
    arms = study.with_needed(chosen)
    runs: dict[str, dict[int, RunDir]] = {arm: {} for arm in arms}
    failed: list[str] = []

    def found(arm: str, seed: int) -> RunDir:
        return runs[arm][seed]

    def one(arm: str, seed: int) -> None:
        how = study.arms[arm]
        try:
            own = how.settings_from(found, seed) if how.settings_from else {}
        except KeyError:
            failed.append(f"{arm}-{seed}")
            needed = ", ".join(how.needs)
            print(f"{arm}-{seed}: left out, it needs a finished run of {needed}", file=sys.stderr, flush=True)
            return
        settings = {**study.common, **how.settings, **extra, **own, "seed": str(seed)}
        if not jobs and not is_finished(RunDir(folder / f"{arm}-{seed}"), study.config, settings):
            return
        if seed in runs.get(study.control, {}):
            take_base(found(study.control, seed), study.config, settings, folder / f"{arm}-{seed}")
        if run(study.config, settings, folder / f"{arm}-{seed}"):
            runs[arm][seed] = RunDir(folder / f"{arm}-{seed}")
        else:
            failed.append(f"{arm}-{seed}")

    for waits in (False, True):
        places = [
            (arm, seed)
            for seed in range(most)
            for arm in arms
            if bool(study.arms[arm].needs) == waits and seed in study.seeds(arm, most)
        ]
        with ThreadPoolExecutor(jobs or 1) as pool:
            # The list makes an exception of a run show here.
            list(pool.map(lambda place: one(*place), places))
    return Finished({arm: dict(sorted(of_arm.items())) for arm, of_arm in runs.items()}, tuple(sorted(failed)))


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


def take_base(run: RunDir, config: Path, settings: Settings, folder: Path) -> None:
    """Turn 0 of a finished run, for one of the same seed that has not begun and would do the same in it."""
    if folder.exists() or not run.started():
        return
    wanted = load_config(config, [f"{key}={value}" for key, value in settings.items()])
    if not AFTER_THE_BASE.issuperset(differing_keys(run.config(), wanted)):
        return
    copied = RunDir(folder)
    copied.turn(0).mkdir(parents=True)
    for place in (RunDir.generation, RunDir.instructions, RunDir.evaluation):
        shutil.copyfile(place(run, 0), place(copied, 0))


def is_finished(run: RunDir, config: Path, settings: Settings) -> bool:
    """Whether nothing is left to do. A run with another config is not: `seif run` says what differs."""
    if not run.started() or run.state() != "finished":
        return False
    return not differing_keys(run.config(), load_config(config, [f"{key}={value}" for key, value in settings.items()]))


def add_options(parser: argparse.ArgumentParser, runs: Path) -> None:
    """What the commands of all studies take; `runs` is where runs are kept by default."""
    parser.add_argument("--seeds", type=int, default=10, help="seeds of the arms that are tested, from 0")
    parser.add_argument("--arms", nargs="+", help="only these and those that they need; all by default")
    parser.add_argument(
        "--jobs", type=int, default=2, help="runs at once, with one thread each; 0: only what is finished"
    )
    parser.add_argument(
        "--set", nargs="+", default=[], metavar="KEY=VALUE", help="settings of all runs, to try a study out"
    )
    parser.add_argument("--runs", type=Path, default=runs, help="where runs are kept")


def settings_of(options: argparse.Namespace) -> Settings:
    """What --set gives."""
    return dict(override.split("=", 1) for override in options.set)
