"""How both roles' rewards move under each schedule of Follower epochs (docs/protocol.md).

    .venv/bin/python -m benchmarks.schedules --jobs 2 --figure docs/schedules.svg > docs/schedules.json
    .venv/bin/python -m benchmarks.results_table docs/schedules.json

Runs `seif run` for every schedule and seed under --runs, like `benchmarks.evolution`, and prints the same JSON, and
beside it `rewards`: by schedule and role the mean reward of every step. --figure draws them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import TypeAlias

from benchmarks.arms import COMMON, PAPER
from benchmarks.comparison import summarise
from benchmarks.evolution import PRIMARY, numbers
from benchmarks.runs import ROOT, Arm, Study, add_options, arms_of, finish, settings_of
from seif.analysis.figures import ROLE_COLOURS, divide_turns, pyplot
from seif.artifacts import RunDir
from seif.report.text import number

SCHEDULES = ((3, 1, 1), (1, 1, 1), (1, 1, 3))
"""Follower epochs of the turns; the first is the paper's."""
STUDY = Study(
    Path("nano-paper.yaml"),
    {"-".join(map(str, epochs)): Arm({**PAPER, "follower.epochs": str(list(epochs))}) for epochs in SCHEDULES},
    "3-1-1",
    # Six steps an epoch, as long as no more than eight of a turn's instructions are refused.
    {**COMMON, "follower.steps": "null", "instructor.seeds_per_turn": "104"},
)
ROLES = {"Instructor": "train_instructor", "Follower": "train_follower"}
"""The stages that train them."""


@dataclass(frozen=True)
class Point:
    """The reward of one step of one role: each seed's, and their mean."""

    turn: int
    step: int
    mean: float
    values: tuple[float, ...]


Rewards: TypeAlias = Mapping[str, Mapping[str, Sequence[Point]]]
"""By schedule and role, in the order of the steps."""


def rewards(runs: Mapping[int, RunDir]) -> dict[str, list[Point]]:
    """By role, the rewards of all steps, over the runs of one schedule."""
    found: dict[str, dict[tuple[int, int], list[float]]] = {role: {} for role in ROLES}
    for run in runs.values():
        for role, stage in ROLES.items():
            for step in run.steps():
                if step.stage == stage and (value := number(step.metrics.get("reward"))) is not None:
                    found[role].setdefault((step.turn, step.step), []).append(value)
    return {
        role: [Point(*place, fmean(values), tuple(values)) for place, values in sorted(steps.items())]
        for role, steps in found.items()
    }


def draw(found: Rewards, path: Path) -> None:
    """A panel for each schedule and role, with lines between the turns, and a tint from the lowest seed to the highest.
    Needs matplotlib."""
    plt = pyplot()
    plt.rcParams["svg.fonttype"] = "none"
    figure, panels = plt.subplots(
        len(ROLES), len(found), figsize=(3.2 * len(found), 5), sharey="row", sharex="row", squeeze=False
    )
    for column, (schedule, of_roles) in enumerate(found.items()):
        for row, (role, stage) in enumerate(ROLES.items()):
            axes, points, colour = panels[row][column], of_roles[role], ROLE_COLOURS[stage]
            x = range(1, len(points) + 1)
            axes.plot(x, [point.mean for point in points], color=colour, linestyle="-" if row else "--")
            low, high = ([end(point.values) for point in points] for end in (min, max))
            axes.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
            divide_turns(axes, [point.turn for point in points])
            axes.set_xlabel(f"{role}'s step")
        panels[0][column].set_title(f"Follower epochs {schedule.replace('-', ', ')}", fontsize=11)
    for row, role in enumerate(ROLES):
        panels[row][0].set_ylabel(f"{role}'s reward")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    plt.close(figure)


def main() -> None:
    """Do what is missing, and print what was found; exit code 1 where a run has failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser, ROOT / "runs" / "schedules", measured=False)
    parser.add_argument("--figure", type=Path, help="draw the rewards into this file, .svg or .png")
    options = parser.parse_args()
    chosen = arms_of(parser, options, STUDY.arms)
    finished = finish(STUDY, chosen, options.seeds, options.runs, options.jobs, settings_of(options))
    found = {schedule: rewards(runs) for schedule, runs in finished.runs.items() if runs}
    by_schedule = {
        schedule: {role: [asdict(point) for point in points] for role, points in of_roles.items()}
        for schedule, of_roles in found.items()
    }
    worlds = {"schedules": summarise(STUDY, finished, numbers, PRIMARY)}
    print(json.dumps({"worlds": worlds, "rewards": by_schedule}, indent=1))
    if options.figure and found:
        draw(found, options.figure)
    if finished.failed:
        sys.exit(1)


if __name__ == "__main__":
    main()
