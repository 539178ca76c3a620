"""Learning from instructions alone: the whole recipe, its ablations, noise in its labels, and the reward model inside
the self-evolving loop, paired by seed (docs/protocol.md).

    .venv/bin/python -m benchmarks.self_supervised --seeds 10 --jobs 2 > docs/self_supervised.json

Runs `seif run` for every arm and seed under --runs (finished runs are reused, unfinished ones resumed), and prints
JSON: the base, every arm's turns, and the differences to the arm `full` after the last turn.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks.comparison import measured_rows, summarise
from benchmarks.evolution import mean_of_types
from benchmarks.runs import ROOT, Arm, Settings, Study, add_options, arms_of, finish, settings_of
from seif.artifacts import RunDir
from seif.atomic import read_json
from seif.evaluation.results import Evaluation, RewardModelNumbers

PRIMARY = "greedy_constraint_accuracy"
COMMON = {
    "self_supervised.reward_model.epochs": "2",
    "follower.steps": "24",
    "evaluation.tasks": "600",
    "evaluation.judged": "150",
    "evaluation.showcase": "0",
    "rollouts": "0",
}
"""What all runs have in common; it makes them short."""
EVOLVING = {
    "turns": "3",
    "instructor.train": "true",
    "instructor.steps": "4",
    "instructor.share_penalty": "0.5",
    "follower.steps": "8",
}
"""As many Follower steps in all as `full` has."""


def tested(settings: Settings) -> Arm:
    """An arm with all seeds."""
    return Arm(settings, confirmatory=True)


STUDY = Study(
    Path("nano-self-supervised.yaml"),
    {
        "full": tested({}),
        "no_rules": tested({"judger.kind": "classifier"}),
        "hard_labels": tested({"self_supervised.hard_labels": "true"}),
        "no_curriculum": tested({"self_supervised.curriculum": "none"}),
        "in_order": tested({"self_supervised.curriculum": "in_order"}),
        "no_contrasts": tested({"self_supervised.contrasts": "false"}),
        "noise_10": tested({"self_supervised.label_noise": "0.1"}),
        "noise_20": tested({"self_supervised.label_noise": "0.2"}),
        "noise_30": tested({"self_supervised.label_noise": "0.3"}),
        "evolving": Arm(EVOLVING),
        # The same loop with the model's own verdicts in the classifier's place.
        "evolving_logprob": Arm({**EVOLVING, "judger.model": "logprob"}),
    },
    "full",
    COMMON,
)


def numbers(run: RunDir, turn: int) -> dict[str, float]:
    """What is compared, of one turn of one run; what was not measured is left out."""
    evaluation = Evaluation.from_json(read_json(run.evaluation(turn)), run.evaluation(turn))
    greedy, soft = evaluation.held_out["greedy"], set(run.config().self_supervised.soft_types)
    found = {
        PRIMARY: greedy.constraint_accuracy,
        "sampled_constraint_accuracy": evaluation.held_out["sampled"].constraint_accuracy,
        "all_of_3": greedy.instruction_accuracy.get("3"),
        "all_of_4": greedy.instruction_accuracy.get("4"),
        "soft_types": mean_of_types(greedy, soft),
        "hard_types": mean_of_types(greedy, greedy.per_type_n.keys() - soft),
        "general": evaluation.general.accuracy if evaluation.general else None,
        "repetition": greedy.repetition,
        "judger_balanced_accuracy": evaluation.judger.balanced_accuracy if turn else None,
    }
    path = run.reward_model_numbers(turn)
    if path.exists():
        found |= of_reward_model(RewardModelNumbers.from_json(read_json(path), path))
    return {name: float(value) for name, value in found.items() if value is not None}


def of_reward_model(classifier: RewardModelNumbers) -> dict[str, float | None]:
    """How good a classifier and its labels are, the labels by type too: `label_accuracy/<type>`."""
    measures: dict[str, float | None] = {"calibration_error": classifier.calibration_error}
    if classifier.against_verifiers:
        measures["reward_model_accuracy"] = classifier.against_verifiers.accuracy
    if labels := classifier.labels_against_verifiers:
        measures["label_accuracy"] = labels.accuracy
        measures |= {f"label_accuracy/{kind}": of_type.accuracy for kind, of_type in labels.per_type.items()}
    return measures


def main() -> None:
    """Do what is missing, and print what was found; exit code 1 where a run has failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser, ROOT / "runs" / "self_supervised")
    options = parser.parse_args()
    chosen = arms_of(parser, options, STUDY.arms)
    measured = measured_rows(read_json(options.measured)) if options.measured else {}
    places = [(arm, seed) for arm, of_arm in measured.items() for seed in of_arm]
    finished = finish(STUDY, chosen, options.seeds, options.runs, options.jobs, settings_of(options), places)
    print(json.dumps(summarise(STUDY, finished, numbers, PRIMARY, measured), indent=1))
    if finished.failed:
        sys.exit(1)


if __name__ == "__main__":
    main()
