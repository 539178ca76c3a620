"""The loop for many turns: does memory, the number of open files or a turn's share of the disk grow? Prints JSON.

.venv/bin/python -m benchmarks.soak [--turns 20] [--run-dir DIR]

A run of the embedded model with the shortest turns there are: one step of each role, a handful of tasks, an audit,
replay, the bandit and the archive, which read all earlier turns. At the end of every turn it notes `rss_mib`, what is
resident in memory; `open_files`; `threads`; and `disk_kib`, all files of the run. `growth` compares the last turn with
turn `--settled`, when all kinds of stages have run a few times; exit code 1 where memory or open files have grown by
more than 5%, or a turn takes more than 1.5 times the disk of one at the beginning.

It computes in float32: of bf16 on a CPU, oneDNN keeps up to 1,024 compiled kernels, half a gigabyte, which grow as
shapes come up and say nothing of the loop.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from seif import api
from seif.config import Config
from seif.instructions import read_instructions, write_instructions
from seif.questions import store_questions
from seif.seeds import iter_seeds
from seif.tracking import TrackerRun, trackers

DATA = Path(__file__).parents[1] / "src" / "seif" / "nano" / "data"
SETTLED = 5
"""The turn from which on nothing may grow."""
LIMIT = 0.05
"""By how much memory and open files may have grown since then."""
DISK_LIMIT = 1.5
"""How many times the disk of an early turn a late one may take."""
SETTINGS = (
    "dtype=float32",
    "stop.enabled=false",
    "evaluation.tasks=6",
    "evaluation.showcase=2",
    "judger.min_reliability=0",
    "instructor.steps=1",
    "instructor.seeds_per_turn=6",
    "instructor.allocation=bandit",
    "instructor.archive_penalty=0.5",
    "instructor.grpo.prompts_per_step=2",
    "instructor.grpo.samples=4",
    "follower.steps=1",
    "follower.replay=0.25",
    "follower.grpo.prompts_per_step=2",
    "follower.grpo.samples=4",
)


@dataclass(frozen=True)
class Turn:
    """What the process and the run directory hold at the end of a turn."""

    turn: int
    seconds: float
    """Since the run began."""
    rss_mib: float
    open_files: int
    threads: int
    disk_kib: int


class Meter:
    """A tracker, which hears of every evaluation, and takes the measure then."""

    def __init__(self, run_dir: Path) -> None:
        self.turns: list[Turn] = []
        self._run_dir, self._began, self._process = run_dir, time.monotonic(), psutil.Process()

    def open(self, run: TrackerRun) -> Meter:
        """As trackers are opened."""
        return self

    def log(self, values: dict[str, float], step: int) -> None:
        """Measure, if these are the numbers of an evaluation."""
        done = len(list(self._run_dir.glob("turn_*/evaluation.json")))
        if done <= len(self.turns):
            return
        turn = Turn(
            turn=done - 1,
            seconds=round(time.monotonic() - self._began, 1),
            rss_mib=round(self._process.memory_info().rss / 2**20, 1),
            open_files=self._process.num_fds(),
            threads=self._process.num_threads(),
            disk_kib=round(sum(f.stat().st_size for f in self._run_dir.rglob("*") if f.is_file()) / 1024),
        )
        self.turns.append(turn)
        print(turn, file=sys.stderr, flush=True)

    def finish(self) -> None:
        """Nothing is kept open."""


def config(turns: int, folder: Path) -> Config:
    """The shortest turns there are; `folder` gets the few seeds and audit tasks."""
    seeds, audit = folder / "seeds.parquet", folder / "audit.parquet"
    store_questions(itertools.islice(iter_seeds(DATA / "seeds.parquet"), 24), seeds)
    write_instructions(audit, read_instructions(DATA / "audit.parquet")[:8])
    return api.load_config("nano-tiny", [*SETTINGS, f"turns={turns}", f"audit={audit}"], seeds=str(seeds))


def soak(turns: int, run_dir: Path) -> list[Turn]:
    """Run, and measure every turn; the base's is the first."""
    meter = Meter(run_dir)
    with tempfile.TemporaryDirectory(prefix="seif-soak-") as folder:
        trackers.register("soak")(meter.open)
        try:
            api.run(config(turns, Path(folder)).model_copy(update={"report_to": ("soak",)}), run_dir)
        finally:
            trackers.remove("soak")
    return meter.turns


@dataclass(frozen=True)
class Growth:
    """From the settled turn to the last one."""

    memory: float
    """Share by which the median of the last three turns is above that of the three from the settled one on."""
    open_files: float
    """The same of open files."""
    disk_kib_per_turn: float
    """Median of what a turn adds."""
    disk: float
    """What a turn adds at the end, as a multiple of what one added at first: medians of three."""

    @property
    def flat(self) -> bool:
        """Whether nothing grows that should not."""
        return self.memory <= LIMIT and self.open_files <= LIMIT and self.disk <= DISK_LIMIT


def growth(turns: Sequence[Turn], settled: int = SETTLED) -> Growth:
    """How much was gained since `settled`. Needs six turns from then on."""
    later = turns[settled:]
    added = [after.disk_kib - before.disk_kib for before, after in itertools.pairwise(later)]
    return Growth(
        memory=round(_gain([turn.rss_mib for turn in later]) - 1, 4),
        open_files=round(_gain([turn.open_files for turn in later]) - 1, 4),
        disk_kib_per_turn=statistics.median(added),
        disk=round(_gain(added), 3),
    )


def _gain(values: Sequence[float]) -> float:
    return statistics.median(values[-3:]) / statistics.median(values[:3])


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--settled", type=int, default=SETTLED, help="the turn from which on nothing may grow")
    parser.add_argument("--run-dir", type=Path, help="keep the run there, in a new directory")
    options = parser.parse_args()
    if options.turns < options.settled + 5:
        parser.error(f"--turns must be {options.settled + 5} or more")
    with tempfile.TemporaryDirectory(prefix="seif-soak-run-") as folder:
        turns = soak(options.turns, options.run_dir or Path(folder) / "run")
    found = growth(turns, options.settled)
    print(
        json.dumps({"turns": [asdict(turn) for turn in turns], "growth": asdict(found), "flat": found.flat}, indent=1)
    )
    if not found.flat:
        sys.exit(1)


if __name__ == "__main__":
    main()
