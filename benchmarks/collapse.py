"""Mode collapse with the embedded model: what does the paper's reward make the Instructor ask for, and what do the
penalties change?

    .venv/bin/python -m benchmarks.collapse --steps 24 > collapse.json

Runs `seif run nano-paper` for every arm and seed under --runs (finished runs are reused, unfinished ones resumed), with
many Instructor steps and one Follower step a turn, so that little but the Instructor changes. Prints JSON: per arm,
seed and turn the pool's most frequent type, its share of the constraints and the share of instructions that have it,
its entropy over types and over signatures in bits, how much of it is of the types and values of the turns before,
and how many instructions it has. Turn 0 is the base's. A set of three or four different constraints can't have a type
more often than about once, so the top type's share is at most .29; entropy has no such limit.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections import Counter
from collections.abc import Hashable, Iterable
from pathlib import Path

from benchmarks.runs import ROOT, run
from seif.archive import Archive
from seif.artifacts import RunDir
from seif.constraints.signature import signature_of
from seif.instructions import read_instructions

ARMS = {
    "no_penalty": {"instructor.share_penalty": "0"},
    "share": {"instructor.share_penalty": "0.5"},
    "strong_share": {"instructor.share_penalty": "1.5"},
    "strong_share_archive": {"instructor.share_penalty": "1.5", "instructor.archive_penalty": "0.5"},
}


def main() -> None:
    """Do what is missing of the runs and print their pools in numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=24, help="Instructor steps per turn")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=1, help="seeds per arm, from 0")
    parser.add_argument("--reward", default="adversarial", help="instructor.reward")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--config", type=Path, default=Path("nano-paper"))
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "collapse", help="where runs are kept")
    options = parser.parse_args()
    settings = {
        "turns": str(options.turns),
        "instructor.reward": options.reward,
        "instructor.steps": str(options.steps),
        "follower.steps": "1",
        "evaluation.tasks": "24",
        "evaluation.judged": "24",
        # What the stop rule would say is in the runs' events.
        "stop.enabled": "false",
    }
    found: dict[str, list[list[dict[str, object]]]] = {}
    for arm in options.arms:
        for seed in range(options.seeds):
            folder = options.runs / f"{arm}-{options.reward}-{options.steps}-{seed}"
            if not run(options.config, {**settings, **ARMS[arm], "seed": str(seed)}, folder):
                sys.exit(1)
            found.setdefault(arm, []).append([pool(RunDir(folder), turn) for turn in range(options.turns + 1)])
    print(json.dumps({"reward": options.reward, "instructor_steps": options.steps, "arms": found}, indent=2))


def pool(run_dir: RunDir, turn: int) -> dict[str, object]:
    """What a turn's instructions are made of."""
    instructions = read_instructions(run_dir.instructions(turn))
    signatures = [signature_of(constraint) for x in instructions for constraint in x.constraints]
    types = Counter(signature.kind for signature in signatures)
    having = Counter(kind for x in instructions for kind in {signature_of(c).kind for c in x.constraints})
    ((top, count),) = types.most_common(1)
    earlier = Archive.read([run_dir.instructions(t) for t in range(1, turn)])
    return {
        "turn": turn,
        "instructions": len(instructions),
        "top_type": top,
        "top_type_share": round(count / len(signatures), 4),
        "instructions_with_top_type": round(having[top] / len(instructions), 4),
        "type_entropy": entropy(signature.kind for signature in signatures),
        "signature_entropy": entropy(signatures),
        "share_in_archive": round(sum(map(earlier.of, signatures)) / len(signatures), 4),
    }


def entropy(items: Iterable[Hashable]) -> float:
    """The entropy of what the items are, in bits."""
    counts = Counter(items)
    shares = [count / counts.total() for count in counts.values()]
    return round(-sum(share * math.log2(share) for share in shares), 4)


if __name__ == "__main__":
    main()
