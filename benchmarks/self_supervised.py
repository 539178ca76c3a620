"""Learning from instructions alone: the whole recipe, its ablations, and the reward model inside the self-evolving
loop, over several seeds.

    .venv/bin/python -m benchmarks.self_supervised --seeds 3 > docs/self_supervised.json

Runs `seif run` for every arm and seed under --runs (finished runs are reused, unfinished ones resumed) and prints
JSON: for the base and per arm and turn the mean over seeds with a 95% Student-t confidence interval, and the paired
differences to the arm `full`.
"""

from __future__ import annotations

from benchmarks.runs import study
from seif.artifacts import RunDir
from seif.atomic import read_json

ARMS: dict[str, list[str]] = {
    "full": [],
    "no_rules": ["judger.kind=classifier"],
    "hard_labels": ["self_supervised.hard_labels=true"],
    "no_curriculum": ["self_supervised.curriculum=none"],
    "no_contrasts": ["self_supervised.contrasts=false"],
    "in_order": ["self_supervised.curriculum=in_order"],
}
EVOLVING = [
    "turns=3",
    "instructor.train=true",
    "instructor.steps=4",
    "instructor.share_penalty=0.5",
    "follower.steps=25",
]
"""As many Follower steps in all as `full` has."""
ARMS["evolving"] = EVOLVING
ARMS["evolving_logprob"] = [*EVOLVING, "judger.model=logprob"]
"""The same loop with the model's own verdicts in the classifier's place."""


def numbers(run: RunDir, turn: int) -> dict[str, float]:
    """What is compared, of one turn of one run."""
    evaluation = read_json(run.evaluation(turn))
    greedy, soft = evaluation["held_out"]["greedy"], set(run.config().self_supervised.soft_types)
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
    if turn:
        found["judger_balanced_accuracy"] = evaluation["judger"]["balanced_accuracy"]
    told = run.reward_model_numbers(turn)
    if told.exists():
        classifier = read_json(told)
        found |= {
            "reward_model_accuracy": classifier["against_verifiers"]["accuracy"],
            "label_accuracy": classifier["labels_against_verifiers"]["accuracy"],
            "calibration_error": classifier["calibration_error"],
        }
    return found


if __name__ == "__main__":
    study(__doc__, ARMS, "full", "nano-self-supervised.yaml", numbers)
