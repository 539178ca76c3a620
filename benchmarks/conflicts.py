"""How much of random sets of constraints is decided by reasoning or by a witness, and how fast; prints JSON.

.venv/bin/python -m benchmarks.conflicts --sets 5000 --seed 0
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import Counter

from benchmarks.random_sets import random_constraint, random_set
from seif.constraints.conflicts import explain
from seif.constraints.witness import OPEN, WITNESSED, write_witness


def main() -> None:
    """Draw, decide, count, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", type=int, default=0, help="print so many open sets")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    sets = [random_set(rng) for _ in range(options.sets)]

    explain(
        [random_constraint(rng, "language:response_language")]
    )  # the first call reads langdetect's list of languages
    began = time.process_time()
    conflicts = [explain(constraints) for constraints in sets]
    reasoning = time.process_time() - began
    kinds = [
        "contradictory" if conflict else WITNESSED if write_witness(constraints) else OPEN
        for conflict, constraints in zip(conflicts, sets, strict=True)
    ]
    undecided = [constraints for kind, constraints in zip(kinds, sets, strict=True) if kind == OPEN]
    result = {
        "sets": len(sets),
        "shares": {kind: round(count / len(sets), 4) for kind, count in Counter(kinds).most_common()},
        "contradictions_by_kind": dict(Counter(conflict.kind for conflict in conflicts if conflict).most_common()),
        "ids_most_often_in_open_sets": dict(
            Counter(c.instruction_id for constraints in undecided for c in constraints).most_common(8)
        ),
        "reasoning_cpu_milliseconds_per_set": round(1000 * reasoning / len(sets), 3),
        "cpu_seconds": round(time.process_time() - began, 1),
    }
    print(json.dumps(result, indent=2))
    for constraints in undecided[: options.show]:
        print(*(constraint.text for constraint in constraints), sep="\n  ")


if __name__ == "__main__":
    main()
