"""The Markdown tables of docs/results.md from what `benchmarks.evolution` or `benchmarks.self_supervised` printed.

.venv/bin/python -m benchmarks.results_table docs/evolution.json
.venv/bin/python -m benchmarks.results_table docs/self_supervised.json
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Study = Mapping[str, Any]
"""What `benchmarks.comparison.summarise` found in one world."""
Cell = Callable[[Study, str], str]
"""(study, arm) -> the arm's entry in a column."""
NONE = "–"
BASE = "base"


# --- cells of an arm ------------------------------------------------------------------------------------------------


def turns_of(study: Study, arm: str) -> list[Mapping[str, Any]]:
    """The arm's measures by turn; those of the base are turn 0's."""
    return [study["base"]] if arm == BASE else list(study["arms"][arm].values())


def last(measure: str) -> Cell:
    """Mean and half of the interval after the last turn, in percent."""

    def cell(study: Study, arm: str) -> str:
        found = turns_of(study, arm)[-1].get(measure)
        return NONE if found is None else percent(found["mean"]) + _half(found["ci95"])

    return cell


def highest(measure: str) -> Cell:
    """The largest mean of any turn, in percent."""

    def cell(study: Study, arm: str) -> str:
        mean = _highest(study, arm, measure)
        return NONE if mean is None else percent(mean)

    return cell


def judge_gap(study: Study, arm: str) -> str:
    """The largest mean of any turn, in points: on the audit's answers, or on held-out ones where there is no audit."""
    audited, held_out = (_highest(study, arm, measure) for measure in ("audit_gap", "judger_minus_verifier"))
    if audited is not None:
        return f"{percent(audited, '+')} (audit)"
    return NONE if held_out is None else percent(held_out, "+")


def _highest(study: Study, arm: str, measure: str) -> float | None:
    return max((turn[measure]["mean"] for turn in turns_of(study, arm) if measure in turn), default=None)


def minus_control(measure: str) -> Cell:
    """The difference to the control with its interval, in points."""

    def cell(study: Study, arm: str) -> str:
        found = _difference(study, arm, measure)
        return NONE if found is None else bounds(found)

    return cell


def adjusted_p(measure: str) -> Cell:
    """Holm's p; nothing for an arm that is not tested."""

    def cell(study: Study, arm: str) -> str:
        found = _difference(study, arm, measure)
        return NONE if found is None or found["p_holm"] is None else f"{found['p_holm']:.3f}"

    return cell


def seeds(study: Study, arm: str) -> str:
    """How many the arm has."""
    return NONE if arm == BASE else str(len(study["seeds"][arm]))


def tokens(study: Study, arm: str) -> str:
    """Tokens spent, the control's being 1."""
    if arm == study["control"]:
        return "1"
    found = _difference(study, arm, "tokens_ratio")
    return NONE if found is None else f"{found['mean']:.2f}"


def _difference(study: Study, arm: str, measure: str) -> Any:
    return study.get(f"minus_{study['control']}", {}).get(arm, {}).get(measure)


def percent(share: float, sign: str = "") -> str:
    """A share in percent."""
    return f"{100 * share:{sign}.1f}".replace("-", "−")


def bounds(found: Mapping[str, Any]) -> str:
    """A difference and its interval, in points."""
    return f"{percent(found['mean'], '+')} [{percent(found['low'], '+')}, {percent(found['high'], '+')}]"


def _half(ci95: float | None) -> str:
    return "" if ci95 is None else f" ± {100 * ci95:.1f}"


# --- tables -----------------------------------------------------------------------------------------------------------


def evolution_columns(study: Study) -> Mapping[str, Cell]:
    """Those of a world of `benchmarks.evolution`; contradictions and p have one where there are any."""
    primary = "sampled_constraint_accuracy"
    contradictions = {"contradictions": highest("pool_conflict_share")}
    against = study.get(f"minus_{study['control']}", {})
    tested = any(found[primary]["p_holm"] is not None for found in against.values())
    return {
        "accuracy": last(primary),
        f"minus {study['control']}": minus_control(primary),
        **({"p (Holm)": adjusted_p(primary)} if tested else {}),
        "rare types": last("sampled_rare_types"),
        "held-out types": last("sampled_held_out_types"),
        "greedy": last("greedy_constraint_accuracy"),
        "top type": highest("top_type_share"),
        "rare in pool": last("rare_types_in_pool"),
        **(contradictions if any(_highest(study, arm, "pool_conflict_share") for arm in study["arms"]) else {}),
        "judge minus verifiers": judge_gap,
        "tokens": tokens,
        "seeds": seeds,
    }


CAPTION = """\
Constraint accuracy on held-out tasks after the last turn, in percent, ± half of a 95% Student-t interval over seeds,
at temperature 1 but for `greedy`. Differences are paired by seed, with 95% bootstrap intervals; p is that of the tested
arms. Rare in pool is the share of the rare types in the last turn's constraints. Top type (its share of the pool's
constraints), contradictions (their share of the pool's instructions) and judge minus verifiers (points; on the audit's
answers where it says so, else on held-out ones) are the highest of any turn. Tokens are relative to `{control}`.
"""
SELF_SUPERVISED: Mapping[str, Cell] = {
    "seeds": seeds,
    "greedy": last("greedy_constraint_accuracy"),
    "minus full": minus_control("greedy_constraint_accuracy"),
    "p (Holm)": adjusted_p("greedy_constraint_accuracy"),
    "temperature 1": last("sampled_constraint_accuracy"),
    "all of 3": last("all_of_3"),
    "all of 4": last("all_of_4"),
    "soft types": last("soft_types"),
    "other types": last("hard_types"),
    "sums": last("general"),
    "reward model": last("reward_model_accuracy"),
    "labels": last("label_accuracy"),
    "calibration error": last("calibration_error"),
    "Judger": last("judger_balanced_accuracy"),
    "repetition": last("repetition"),
}


def arms_table(study: Study, columns: Mapping[str, Cell]) -> str:
    """One row per arm, after the base's."""
    arms = [BASE, *study["arms"]]
    return markdown(
        ["arm", *columns], ([name_of(arm), *(cell(study, arm) for cell in columns.values())] for arm in arms)
    )


def pairs_table(study: Study) -> str:
    """In the primary measure, tested arms against the control, and all pairs without it; empty where there are none."""
    primary, control = study["primary"], f"minus_{study['control']}"
    rows = [
        [
            f"{name_of(arm)} minus {name_of(key.removeprefix('minus_'))}",
            bounds(found[primary]),
            f"{found[primary]['p']:.3f}",
            f"{found[primary]['probability_of_improvement']:.2f}",
            bounds(found["area"]) if "area" in found else NONE,
            str(len(found[primary]["values"])),
        ]
        for key, arms in study.items()
        if key.startswith("minus_")
        for arm, found in arms.items()
        if key != control or found[primary]["p_holm"] is not None
    ]
    head = ["", "difference", "p", "probability of improvement", "difference of the area over tokens", "seeds"]
    return markdown(head, rows) if rows else ""


def audits_table(study: Study) -> str:
    """What the audits found of the judge, turn by turn: J, FPR, and its mean minus the verifiers' in points, with
    the highest of any run; empty without audits."""
    rows = []
    for arm in study["arms"]:
        turns = [turn for turn in turns_of(study, arm) if "audit_j" in turn]
        if not turns:
            continue
        gaps = [f"{percent(t['audit_gap']['mean'])} ({percent(max(t['audit_gap']['values']))})" for t in turns]
        rows += [
            [name_of(arm), "J = TPR - FPR", *(percent(t["audit_j"]["mean"]) for t in turns)],
            ["", "FPR", *(percent(t["audit_fpr"]["mean"]) for t in turns)],
            ["", "judge minus verifiers, mean (most)", *gaps],
        ]
    most = max(map(len, rows), default=2) - 2
    return markdown(["arm", "", *(f"turn {turn}" for turn in range(1, most + 1))], rows) if rows else ""


def differences_table(study: Study, measures: Mapping[str, str]) -> str:
    """Of further measures, by their heads, every arm minus the control, with Holm's p where it is tested."""
    arms = [arm for arm in study["arms"] if arm != study["control"]]
    head = [text for name in measures for text in (f"{name}, minus {study['control']}", "p (Holm)")]
    rows = (
        [name_of(arm), *(cell(study, arm) for m in measures.values() for cell in (minus_control(m), adjusted_p(m)))]
        for arm in arms
    )
    return markdown(["arm", *head], rows) if arms else ""


def turns_table(study: Study, measures: Mapping[str, str]) -> str:
    """Of arms with several turns, these measures turn by turn, in percent; empty where there are none."""
    arms = [arm for arm in study["arms"] if len(study["arms"][arm]) > 1]
    rows = [
        [name_of(arm), name, *(percent(turn[m]["mean"]) if m in turn else NONE for turn in turns_of(study, arm))]
        for arm in arms
        for name, m in measures.items()
    ]
    most = max(map(len, rows), default=2) - 2
    return markdown(["arm", "", *(f"turn {turn}" for turn in range(1, most + 1))], rows) if rows else ""


def labels_table(study: Study) -> str:
    """How often pseudo-labels are right, type by type; empty where none were made."""
    arms = {arm: turns_of(study, arm)[-1] for arm in study["arms"]}
    arms = {arm: found for arm, found in arms.items() if "label_accuracy" in found}
    kinds = sorted({name for found in arms.values() for name in found if name.startswith("label_accuracy/")})
    rows = (
        [kind.partition("/")[2], *(percent(found[kind]["mean"]) if kind in found else NONE for found in arms.values())]
        for kind in kinds
    )
    return markdown(["type", *map(name_of, arms)], rows) if arms else ""


@dataclass(frozen=True)
class Criterion:
    """One condition of success, stated in docs/protocol.md before the runs."""

    text: str
    found: str
    met: bool


def criteria(study: Study) -> list[Criterion]:
    """Those of W1 that the arm `default` can be held against; one whose numbers are missing is left out."""
    conditions: list[Criterion] = []
    primary = study["primary"]
    if found := study.get("minus_static", {}).get("default", {}).get(primary):
        met = found["mean"] >= 0.03 and found["low"] > 0
        conditions.append(
            Criterion("`default` minus `static` at least 3 points, lower bound above 0", bounds(found), met)
        )
    if found := study.get("minus_static_plus", {}).get("default", {}).get(primary):
        conditions.append(
            Criterion("`default` minus `static_plus`, lower bound above 0", bounds(found), found["low"] > 0)
        )
    turns = turns_of(study, "default") if "default" in study["arms"] else []
    for text, measure, limit in (
        ("top type at most 25% in every turn", "top_type_share", 0.25),
        ("judge minus verifiers at most 2 points in every turn, on held-out answers", "judger_minus_verifier", 0.02),
    ):
        means = [turn[measure]["mean"] for turn in turns if measure in turn]
        if means:
            conditions.append(Criterion(text, ", ".join(map(percent, means)), max(means) <= limit))
    return conditions


def markdown(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table, and an empty line."""
    head = list(head)
    lines = [head, ["---"] * len(head), *map(list, rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines) + "\n"


def name_of(arm: str) -> str:
    """As docs/protocol.md writes it."""
    return arm if arm == BASE else f"`{arm}`"


def main() -> None:
    """Read the summary; print each world's tables, or those of the second system."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("summary", type=Path)
    summary = json.loads(parser.parse_args().summary.read_text(encoding="utf-8"))
    for world, study in summary.get("worlds", {}).items():
        print(f"### {world.upper()}: `{study['config'].removesuffix('.yaml')}`\n")
        caption, columns = CAPTION.format(control=study["control"]), evolution_columns(study)
        print(f"{caption}\n{arms_table(study, columns)}{pairs_table(study)}{audits_table(study)}", end="")
        if world == "w1" and (met := criteria(study)):
            rows = ([c.text, c.found, "yes" if c.met else "no"] for c in met)
            print(markdown(["criterion", "found", "met"], rows), end="")
        if study["failed"]:
            print(f"Failed runs: {', '.join(study['failed'])}.\n")
    if "worlds" not in summary:
        further = {"soft types": "soft_types", "other types": "hard_types", "Judger": "judger_balanced_accuracy"}
        by_turn = {"greedy": "greedy_constraint_accuracy", "reward model": "reward_model_accuracy"}
        print(arms_table(summary, SELF_SUPERVISED) + differences_table(summary, further), end="")
        print(turns_table(summary, by_turn) + labels_table(summary), end="")


if __name__ == "__main__":
    main()
