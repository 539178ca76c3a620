"""Learning from instructions alone: the whole recipe, its three ablations, and the reward model inside the self-evolving loop, over several seeds.

    .venv/bin/python benchmarks/self_supervised.py --seeds 3 > docs/self_supervised.json

Runs `seif run` for every arm and seed under --runs (finished runs are reused, unfinished ones resumed) and prints JSON: for the base and
per arm and turn the mean over seeds with a 95% Student-t confidence interval, and the paired differences to the arm `full`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.evolution import interval
from seif.run_dir import RunDir, read_json

ROOT = Path(__file__).parents[1]
ARMS: dict[str, list[str]] = {
    "full": [],
    "no_rules": ["judger.kind=classifier"],
    "hard_labels": ["self_supervised.hard_labels=true"],
    "no_curriculum": ["self_supervised.curriculum=none"],
    "in_order": ["self_supervised.curriculum=in_order"],
}
EVOLVING = ["turns=3", "instructor.train=true", "instructor.steps=4", "instructor.share_penalty=0.5", "follower.steps=25"]
"""As many Follower steps in all as `full` has."""
ARMS["evolving"] = EVOLVING
ARMS["evolving_no_rules"] = [*EVOLVING, "judger.kind=classifier"]
ARMS["evolving_logprob"] = [*EVOLVING, "judger.model=logprob"]
"""The same loop with the model's own verdicts in the classifier's place."""


def run(arm: str, seed: int, config: Path, runs: Path) -> RunDir:
    """One finished run."""
    folder = runs / f"{arm}-{seed}"
    settings = [f"seed={seed}", *ARMS[arm]]
    command = [sys.executable, "-m", "seif", "run", str(config), "--run-dir", str(folder), *(x for s in settings for x in ("--set", s))]
    print(f"{arm}, seed {seed}", file=sys.stderr)
    subprocess.run(command, check=True, cwd=ROOT, stdout=sys.stderr)
    return RunDir(folder)


def numbers(root: RunDir, turn: int) -> dict[str, float]:
    """What is compared, of one turn of one run."""
    evaluation = read_json(root.evaluation(turn))
    greedy, soft = evaluation["held_out"]["greedy"], set(root.config().self_supervised.soft_types)
    by_count, per_type, counts = greedy["instruction_accuracy"], greedy["per_type"], greedy["per_type_n"]

    def mean(types: set[str]) -> float:
        known = types & per_type.keys()
        return float(sum(per_type[t] * counts[t] for t in known) / sum(counts[t] for t in known))

    found = {
        "greedy_constraint_accuracy": greedy["constraint_accuracy"],
        "sampled_constraint_accuracy": evaluation["held_out"]["sampled"]["constraint_accuracy"],
        "all_of_3": by_count["3"],
        "all_of_4": by_count["4"],
        "soft_types": mean(soft),
        "hard_types": mean(set(per_type) - soft),
        "general": evaluation["general"]["accuracy"],
        "repetition": greedy["repetition"],
    }
    told = root.reward_model_numbers(turn)
    if told.exists():
        classifier = read_json(told)
        found |= {
            "reward_model_accuracy": classifier["against_verifiers"]["accuracy"],
            "label_accuracy": classifier["labels_against_verifiers"]["accuracy"],
            "calibration_error": classifier["calibration_error"],
        }
    return found


def main() -> None:
    """Run what is missing, print the summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="seeds per arm, from 0")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--config", type=Path, default=ROOT / "configs" / "nano-self-supervised.yaml")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "self_supervised")
    options = parser.parse_args()
    found = {arm: [run(arm, seed, options.config, options.runs) for seed in range(options.seeds)] for arm in options.arms}
    summary: dict[str, Any] = {"seeds": options.seeds, "arms": {}, "minus_full": {}}
    base = [numbers(r, 0) for r in next(iter(found.values()))]
    summary["base"] = {name: interval([b[name] for b in base]) for name in base[0]}
    last: dict[str, list[dict[str, float]]] = {}
    for arm, roots in found.items():
        turns = roots[0].config().turns
        rows = {turn: [numbers(r, turn) for r in roots] for turn in range(1, turns + 1)}
        summary["arms"][arm] = {f"turn_{turn}": {n: interval([r[n] for r in rows[turn]]) for n in rows[turn][0]} for turn in rows}
        last[arm] = rows[turns]
    for arm in [a for a in last if a != "full" and "full" in last]:
        shared = last[arm][0].keys() & last["full"][0].keys()
        pairs = list(zip(last[arm], last["full"], strict=True))
        summary["minus_full"][arm] = {n: interval([a[n] - b[n] for a, b in pairs]) for n in sorted(shared)}
    print(json.dumps(summary, indent=2))


if __name__ == "__main__":
    main()
