"""Does evolving beat static data? Arms in several worlds, paired by seed (docs/protocol.md).

    .venv/bin/python -m benchmarks.evolution --seeds 10 --jobs 2 > docs/evolution.json
    .venv/bin/python -m benchmarks.evolution --world w1 --arms static default --seeds 2 > /tmp/evolution.json

Runs `seif run` for every arm and seed under --runs (finished runs are reused, unfinished ones resumed; those that
--measured has are not done), and prints JSON: for each world the base, every arm's turns, and the differences between
arms after the last turn. Tested arms get all --seeds, exploratory ones at most five.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Collection, Mapping
from itertools import accumulate
from pathlib import Path

from benchmarks.arms import WORLDS
from benchmarks.comparison import TOKENS, measured_rows, summarise
from benchmarks.runs import ROOT, Study, add_options, arms_of, finish, settings_of
from seif.artifacts import RunDir
from seif.atomic import read_json
from seif.evaluation.audit import Audit
from seif.evaluation.results import Accuracy, Evaluation
from seif.spending import tokens_by_turn

PRIMARY = "sampled_constraint_accuracy"
RARE = (
    "change_case:english_capital",
    "detectable_format:number_highlighted_sections",
    "startend:quotation",
    "detectable_format:title",
    "detectable_content:postscript",
)
"""Types that real base models hardly ever write; in an order, so that sums over them are the same to the last digit."""


def numbers(run: RunDir, turn: int) -> dict[str, float]:
    """What is compared, of one turn of one run; what was not measured is left out."""
    evaluation = Evaluation.from_json(read_json(run.evaluation(turn)), run.evaluation(turn))
    greedy, sampled = evaluation.held_out["greedy"], evaluation.held_out["sampled"]
    judger, instructor = evaluation.judger, evaluation.instructor
    spent = [sum(roles.values()) for roles in tokens_by_turn(run)]
    found = {
        PRIMARY: sampled.constraint_accuracy,
        "greedy_constraint_accuracy": greedy.constraint_accuracy,
        "sampled_rare_types": mean_of_types(sampled, RARE),
        "greedy_rare_types": mean_of_types(greedy, RARE),
        **{f"{decoding}_held_out_types": a.constraint_accuracy for decoding, a in evaluation.held_out_types.items()},
        "sampled_repetition": sampled.repetition,
        "judger_minus_verifier": _minus(judger.mean, judger.verifier_mean),
        **audited(run, turn),
        "judger_balanced_accuracy": judger.balanced_accuracy,
        "top_type_share": instructor.top_type_share,
        "rare_types_in_pool": sum(instructor.shares.get(kind, 0.0) for kind in RARE),
        "type_entropy": instructor.type_entropy,
        "pool_conflict_share": instructor.pool_conflict_share,
        TOKENS: ([0, *accumulate(spent)][turn]) if any(spent) else None,
    }
    return {name: float(value) for name, value in found.items() if value is not None}


def audited(run: RunDir, turn: int) -> dict[str, float | None]:
    """The turn's judge against the verifiers on the audit's answers at temperature 1; empty where there is no audit."""
    file = run.audit(turn)
    judge = Audit.from_json(read_json(file), file).judge if file.exists() else None
    if judge is None:
        return {}
    return {
        "audit_gap": judge.gap,
        "audit_j": judge.j.value,
        "audit_tpr": judge.tpr.value,
        "audit_fpr": judge.fpr.value,
    }


def mean_of_types(accuracy: Accuracy, types: Collection[str]) -> float | None:
    """Accuracy on the constraints of `types` alone; None where there are none."""
    known = {kind: n for kind, n in accuracy.per_type_n.items() if kind in types and n}
    total = sum(known.values())
    return sum((accuracy.per_type[kind] or 0.0) * n for kind, n in known.items()) / total if total else None


def _minus(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b


def compare(description: str | None, studies: Mapping[str, Study], runs: Path) -> None:
    """The command of a benchmark: do what is missing of the chosen studies, each in a folder of its name under --runs,
    and print what was found; exit code 1 where a run has failed."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    if len(studies) > 1:
        parser.add_argument("--world", nargs="+", choices=studies, default=list(studies))
    add_options(parser, runs)
    options = parser.parse_args()
    worlds = getattr(options, "world", list(studies))
    chosen = arms_of(parser, options, (arm for world in worlds for arm in studies[world].arms))
    earlier = read_json(options.measured)["worlds"] if options.measured else {}
    summaries = {}
    for world in worlds:
        study = studies[world]
        arms = [arm for arm in study.arms if arm in chosen]
        measured = measured_rows(earlier[world]) if world in earlier else {}
        places = [(arm, seed) for arm, of_arm in measured.items() for seed in of_arm]
        finished = finish(study, arms, options.seeds, options.runs / world, options.jobs, settings_of(options), places)
        summaries[world] = summarise(study, finished, numbers, PRIMARY, measured)
    print(json.dumps({"worlds": summaries}, indent=1))
    if any(summary["failed"] for summary in summaries.values()):
        sys.exit(1)


if __name__ == "__main__":
    compare(__doc__, WORLDS, ROOT / "runs" / "evolution")
