"""Does evolving help? Both Instructor rewards, the static control and the base, at equal Follower steps, over
several seeds.

    .venv/bin/python -m benchmarks.evolution --seeds 3 > docs/evolution.json

Runs `seif run` for every arm and seed under --runs (finished runs are reused, unfinished ones resumed) and prints JSON:
per arm and turn the mean over seeds with a 95% Student-t confidence interval, and the paired differences to the
static arm.
"""

from __future__ import annotations

from benchmarks.runs import study
from seif.artifacts import RunDir
from seif.atomic import read_json

ARMS = {
    "adversarial": ["instructor.reward=adversarial"],
    "frontier": ["instructor.reward=frontier"],
    "static": ["instructor.train=false"],
}


def numbers(run: RunDir, turn: int) -> dict[str, float]:
    """What is compared, of one turn of one run."""
    evaluation = read_json(run.evaluation(turn))
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


if __name__ == "__main__":
    study(__doc__, ARMS, "static", "nano.yaml", numbers)
