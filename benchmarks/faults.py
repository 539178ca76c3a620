"""The fault campaign: everything that can go wrong is made to go wrong, and what comes of it is counted.

    .venv/bin/python -m benchmarks.faults > /tmp/faults.json
    .venv/bin/python -m benchmarks.faults --parts state config --quick

Prints JSON: for each part, how many faults were tried and survived, and how many lost something, passed in silence,
ended in a traceback or took more than they may; then every fault that was not survived. Exit code 1 where there is one.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from faults.campaign import OUTCOMES, PARTS, Attempt, attempt, faults  # noqa: E402


def try_all(parts: list[str], only: str, quick: bool) -> list[tuple[str, Attempt]]:
    """One after another, each in a folder of its own; says on stderr what is tried and what came of it."""
    tried = []
    for part, fault in faults(parts):
        if (quick and not fault.quick) or only not in fault.name:
            continue
        with tempfile.TemporaryDirectory(prefix="seif-fault-") as folder:
            done = attempt(fault, Path(folder))
        tried.append((part, done))
        print(f"{done.outcome:10} {done.seconds:6.1f} s  {part}: {fault.name}", file=sys.stderr, flush=True)
    return tried


def summary(tried: list[tuple[str, Attempt]]) -> dict[str, int]:
    """How many were tried, and how many had which outcome."""
    counts = Counter(done.outcome for _, done in tried)
    return {"tried": len(tried), **{name: counts[name] for name in ("survived", *OUTCOMES.values())}}


def main() -> None:
    """Try, count, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="only these parts")
    parser.add_argument("--only", default="", help="only faults with this in their name")
    parser.add_argument("--quick", action="store_true", help="only those that take about a second")
    options = parser.parse_args()
    began = time.monotonic()
    tried = try_all(options.parts, options.only, options.quick)
    report = {
        "seconds": round(time.monotonic() - began),
        "all": summary(tried),
        "parts": {part: summary([of for of in tried if of[0] == part]) for part in options.parts},
        "failed": [
            {
                "part": part,
                "fault": done.fault.name,
                "expected": done.fault.expected,
                "outcome": done.outcome,
                "detail": done.detail,
            }
            for part, done in tried
            if done.outcome != "survived"
        ],
    }
    print(json.dumps(report, indent=1, ensure_ascii=False))
    if report["failed"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
