"""Does evolving help? Both Instructor rewards, the static control and the base, at equal Follower steps, over several seeds.

    .venv/bin/python benchmarks/evolution.py --seeds 3 > docs/evolution.json

Runs `seif run` for every arm and seed under --runs (finished runs are reused, unfinished ones resumed) and prints JSON:
per arm and turn the mean over seeds with a 95% Student-t confidence interval, and the paired differences to the static arm.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from scipy.stats import t as student

from seif.config import load_config

ROOT = Path(__file__).parents[1]
ARMS = {
    "adversarial": ["instructor.reward=adversarial"],
    "frontier": ["instructor.reward=frontier"],
    "static": ["instructor.train=false"],
}


def run(arm: str, seed: int, config: Path, runs: Path) -> list[dict[str, Any]]:
    """The evaluations of one run, base first."""
    folder = runs / f"{arm}-{seed}"
    settings = [f"seed={seed}", *ARMS[arm]]
    command = [sys.executable, "-m", "seif", "run", str(config), "--run-dir", str(folder), *(x for s in settings for x in ("--set", s))]
    print(f"{arm}, seed {seed}", file=sys.stderr)
    subprocess.run(command, check=True, cwd=ROOT, stdout=sys.stderr)
    status = subprocess.run([sys.executable, "-m", "seif", "status", str(folder), "--json"], check=True, cwd=ROOT, capture_output=True, text=True)
    return list(json.loads(status.stdout)["turns"])


def numbers(evaluation: dict[str, Any]) -> dict[str, float]:
    """What is compared, of one evaluation."""
    greedy, sampled = evaluation["held_out"]["greedy"], evaluation["held_out"]["sampled"]
    by_count = greedy["instruction_accuracy"]
    return {
        "greedy_constraint_accuracy": greedy["constraint_accuracy"],
        "sampled_constraint_accuracy": sampled["constraint_accuracy"],
        "greedy_instruction_accuracy_3_4": (by_count["3"] + by_count["4"]) / 2,
        "greedy_repetition": greedy["repetition"],
        "sampled_repetition": sampled["repetition"],
        "judger_minus_verifier": evaluation["judger"]["mean"] - evaluation["judger"]["verifier_mean"],
        "judger_balanced_accuracy": evaluation["judger"]["balanced_accuracy"],
        "top_type_share": evaluation["instructor"]["top_type_share"],
        "type_entropy": evaluation["instructor"]["type_entropy"],
        "pool_conflict_share": evaluation["instructor"]["pool_conflict_share"],
    }


def interval(values: list[float]) -> dict[str, Any]:
    """Mean with the half-width of its 95% confidence interval (None for a single value), and the values."""
    half = None
    if len(values) > 1:
        half = float(student.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / len(values) ** 0.5
    return {"mean": round(statistics.mean(values), 4), "ci95": half and round(half, 4), "values": [round(v, 4) for v in values]}


def main() -> None:
    """Run what is missing, print the summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="seeds per arm, from 0")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--config", type=Path, default=ROOT / "configs" / "nano.yaml")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "evolution")
    options = parser.parse_args()
    found = {arm: [run(arm, seed, options.config, options.runs) for seed in range(options.seeds)] for arm in options.arms}
    table = {arm: [[numbers(e) for e in turns] for turns in runs] for arm, runs in found.items()}
    names = list(next(iter(table.values()))[0][0])
    turns = len(next(iter(table.values()))[0])
    steps = load_config(options.config).follower.steps
    summary: dict[str, Any] = {"seeds": options.seeds, "follower_steps_per_turn": steps, "arms": {}, "minus_static": {}}
    summary["base"] = {n: interval([r[0][n] for runs in table.values() for r in runs][: options.seeds]) for n in names}
    for arm, runs in table.items():
        summary["arms"][arm] = {f"turn_{t}": {n: interval([r[t][n] for r in runs]) for n in names} for t in range(1, turns)}
    if "static" in table:
        for arm in [a for a in table if a != "static"]:
            pairs = list(zip(table[arm], table["static"], strict=True))
            summary["minus_static"][arm] = {n: interval([a[-1][n] - b[-1][n] for a, b in pairs]) for n in names}
    print(json.dumps(summary, indent=2))


if __name__ == "__main__":
    main()
