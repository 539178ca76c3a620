"""The Markdown tables of docs/results.md from what `benchmarks.evolution` or `benchmarks.self_supervised` printed.

.venv/bin/python -m benchmarks.results_table docs/evolution.json
.venv/bin/python -m benchmarks.results_table docs/self_supervised.json --last
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

NAMES = {
    "greedy_constraint_accuracy": "constraint accuracy, greedy",
    "sampled_constraint_accuracy": "constraint accuracy, temperature 1",
    "greedy_instruction_accuracy_3_4": "all of 3 or 4 constraints, greedy",
    "all_of_3": "all of 3 constraints, greedy",
    "all_of_4": "all of 4 constraints, greedy",
    "soft_types": "soft types, greedy",
    "hard_types": "other types, greedy",
    "general": "sums, greedy",
    "reward_model_accuracy": "reward model against verifiers",
    "label_accuracy": "pseudo-labels against verifiers",
    "calibration_error": "expected calibration error",
    "judger_balanced_accuracy": "Judger's balanced accuracy on the Follower's answers",
    "judger_minus_verifier": "Judger's mean minus verifiers' mean",
    "top_type_share": "top type's share in the pool",
    "pool_conflict_share": "contradictory in the pool",
    "greedy_repetition": "repetition, greedy",
    "repetition": "repetition, greedy",
    "sampled_repetition": "repetition, temperature 1",
}


def main() -> None:
    """Read the summary; print one table per arm, or one of all arms' last turns, then the differences to the
    control."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("summary", type=Path)
    parser.add_argument("--last", action="store_true", help="one table of all arms after their last turn")
    options = parser.parse_args()
    summary: dict[str, Any] = json.loads(options.summary.read_text())
    base = summary["base"]
    if options.last:
        _table({"base": base} | {arm: list(turns.values())[-1] for arm, turns in summary["arms"].items()})
    else:
        for arm, turns in summary["arms"].items():
            print(f"### {arm}\n")
            _table({"base": base} | {turn.replace("_", " "): numbers for turn, numbers in turns.items()})
            values = zip(*(numbers["greedy_constraint_accuracy"]["values"] for numbers in turns.values()), strict=True)
            first = base["greedy_constraint_accuracy"]["values"][0]
            print(
                "Per seed, greedy: "
                + "; ".join(" → ".join(f"{100 * v:.1f}" for v in (first, *line)) for line in values)
                + ".\n"
            )
    (control,) = (key for key in summary if key.startswith("minus_"))
    print(f"### last turn {control.replace('_', ' ')}\n")
    _table(summary[control], "+")


def _table(columns: dict[str, dict[str, Any]], sign: str = "") -> None:
    """One column per entry; a measure that an entry lacks is a dash."""
    print(f"| | {' | '.join(name.replace('_', ' ') for name in columns)} |\n|{'---|' * (len(columns) + 1)}")
    for key, name in NAMES.items():
        if any(key in numbers for numbers in columns.values()):
            print(
                f"| {name} | "
                f"{' | '.join(_cell(numbers[key], sign) if key in numbers else '–' for numbers in columns.values())} |"
            )
    print()


def _cell(interval: dict[str, Any], sign: str) -> str:
    half = f" ± {100 * interval['ci95']:.1f}" if interval["ci95"] is not None else ""
    return f"{100 * interval['mean']:{sign}.1f}{half}".replace("-", "−")


if __name__ == "__main__":
    main()
