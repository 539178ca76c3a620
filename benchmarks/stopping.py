"""How often the rules of `stop` end a run by noise alone, and how often they find what they are for; prints JSON.

    .venv/bin/python -m benchmarks.stopping --runs 2000

Each simulated run is a list of audits: the same tasks in every turn, of 1 to 4 constraints and of different difficulty,
answered by Followers of given accuracy, and a judge of given error rates. docs/audit.md quotes these numbers.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from seif.config import Stop
from seif.evaluation.audit import Audit, audit_of, ratio
from seif.evaluation.held_out import Judged
from seif.evaluation.stopping import reason_to_stop
from seif.judges.audited import Reliance

TASKS = 300
LENGTHS = [1 + task % 4 for task in range(TASKS)]
"""Constraints of each task."""
SPREAD = 0.15
"""Standard deviation of the tasks' difficulty, as a share of satisfied constraints."""


@dataclass(frozen=True)
class Case:
    """A kind of run."""

    accuracies: tuple[float, ...]
    """Of the base and of each turn's Follower, on a task of mean difficulty."""
    tpr: float = 0.95
    fpr: float = 0.05


CASES: Mapping[str, Case] = {
    "gains 5 points a turn": Case((0.40, 0.45, 0.50, 0.55, 0.60)),
    "gains 2 points a turn": Case((0.40, 0.42, 0.44, 0.46, 0.48)),
    "learns nothing in three turns": Case((0.5,) * 4),
    "learns nothing in four turns": Case((0.5,) * 5),
    "lenient judge": Case((0.40, 0.45, 0.50), fpr=0.3),
    "falls by 10 points": Case((0.4, 0.5, 0.4), tpr=1.0, fpr=0.0),
}


def audits_of(case: Case, rng: random.Random) -> list[Audit]:
    """One run's audits, those of the base first."""
    difficulty = [rng.gauss(0, SPREAD) for _ in range(TASKS)]
    return [_audit(turn, accuracy, case, difficulty, rng) for turn, accuracy in enumerate(case.accuracies)]


def _audit(turn: int, accuracy: float, case: Case, difficulty: Sequence[float], rng: random.Random) -> Audit:
    chances = [min(1.0, max(0.0, accuracy - hard)) for hard in difficulty]
    holds = [[rng.random() < chance for _ in range(n)] for chance, n in zip(chances, LENGTHS, strict=True)]
    verdicts = [
        Judged(task, "type", held, rng.random() < (case.tpr if held else case.fpr))
        for task, row in enumerate(holds)
        for held in row
    ]
    satisfied = [sum(row) for row in holds]
    mean, stderr = ratio(zip(satisfied, LENGTHS, strict=True))
    return Audit(
        turn=turn,
        accuracy=mean,
        stderr=stderr,
        satisfied=satisfied,
        constraints=LENGTHS,
        judge=audit_of("judge", verdicts, 0, Reliance()),
    )


def share_of_stops(case: Case, runs: int, seed: int = 0) -> float:
    """The share of `runs` that end before their last turn is over, or with it."""
    rng, stops = random.Random(seed), 0
    for _ in range(runs):
        audits = audits_of(case, rng)
        stops += any(reason_to_stop(audits[: turn + 1], None, Stop()) for turn in range(1, len(audits)))
    return stops / runs


def main() -> None:
    """Simulate, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2000, help="runs of each kind")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    shares = {name: round(share_of_stops(case, options.runs, options.seed), 4) for name, case in CASES.items()}
    print(json.dumps({"runs": options.runs, "tasks": TASKS, "share_of_stops": shares}, indent=2))


if __name__ == "__main__":
    main()
