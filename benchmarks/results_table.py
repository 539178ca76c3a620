"""The Markdown tables of docs/results.md from what benchmarks/evolution.py printed.

.venv/bin/python benchmarks/results_table.py docs/evolution.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

NAMES = {
    "greedy_constraint_accuracy": "constraint accuracy, greedy",
    "sampled_constraint_accuracy": "constraint accuracy, temperature 1",
    "greedy_instruction_accuracy_3_4": "all of 3 or 4 constraints, greedy",
    "judger_balanced_accuracy": "Judger's balanced accuracy",
    "judger_minus_verifier": "Judger's mean minus verifiers' mean",
    "top_type_share": "top type's share in the pool",
    "pool_conflict_share": "contradictory in the pool",
    "greedy_repetition": "repetition, greedy",
    "sampled_repetition": "repetition, temperature 1",
}


def main() -> None:
    """Read the summary, print one table per arm, one of last turns, and one of differences to the control."""
    summary: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text())
    base = summary["base"]
    for arm, turns in summary["arms"].items():
        print(f"### {arm}\n\n| | base | {' | '.join(t.replace('_', ' ') for t in turns)} |\n|{'---|' * (len(turns) + 2)}")
        for key, name in NAMES.items():
            print(f"| {name} | {_cell(base[key])} | {' | '.join(_cell(numbers[key]) for numbers in turns.values())} |")
        values = zip(*(numbers["greedy_constraint_accuracy"]["values"] for numbers in turns.values()), strict=True)
        first = base["greedy_constraint_accuracy"]["values"][0]
        print("\nPer seed, greedy: " + "; ".join(" → ".join(f"{100 * v:.1f}" for v in (first, *line)) for line in values) + ".\n")
    print(f"### last turn minus static\n\n| | {' | '.join(summary['minus_static'])} |\n|{'---|' * (len(summary['minus_static']) + 1)}")
    for key, name in NAMES.items():
        print(f"| {name} | {' | '.join(_cell(arm[key], sign='+') for arm in summary['minus_static'].values())} |")


def _cell(interval: dict[str, Any], sign: str = "") -> str:
    half = f" ± {100 * interval['ci95']:.1f}" if interval["ci95"] is not None else ""
    return f"{100 * interval['mean']:{sign}.1f}{half}".replace("-", "−")


if __name__ == "__main__":
    main()
