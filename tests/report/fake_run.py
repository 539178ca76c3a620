"""A small run directory, made with the run directory's own helpers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from seif.artifacts import RunDir
from seif.atomic import write_json
from seif.config_file import build_config
from seif.manifest import Manifest

TYPES = ("punctuation:no_comma", "detectable_format:title", "startend:quotation")
MakeRun = Callable[..., RunDir]
"""The fixture: `make_run` in a temporary directory; `name` is the directory's."""


def evaluation(turn: int, accuracy: float, stderr: float = 0.01) -> dict[str, Any]:
    """One evaluation.json, whole."""

    def held_out(share: float) -> dict[str, Any]:
        return {
            "constraint_accuracy": share,
            "instruction_accuracy": {str(k): share**k for k in (1, 2, 3, 4)},
            "n": 600,
            "stderr": stderr,
            "instruction_stderr": {str(k): 0.03 for k in (1, 2, 3, 4)},
            "per_type": dict.fromkeys(TYPES, share),
            "well_formed": 0.99,
            "mean_words": 30.0,
            "repetition": 0.02,
        }

    shares = {
        "balanced_accuracy": 0.8,
        "mean": 0.6,
        "verifier_mean": 0.5,
        "recall_violated": 0.375,
        "precision_violated": 0.72,
    }
    per_type = {kind: {**shares, "n": 321} for kind in TYPES}
    whole = {
        "mean": 0.613,
        "verifier_mean": 0.527,
        "balanced_accuracy": 0.834,
        "precision_violated": 0.91,
        "recall_violated": 0.81,
    }
    return {
        "turn": turn,
        "held_out": {"greedy": held_out(accuracy), "sampled": held_out(accuracy - 0.05)},
        "judger": {**whole, "per_type": per_type, "n": 900, "unjudged": 4},
        "instructor": {
            "parsable": 0.971,
            "conflict_share": 0.04,
            "pool_conflict_share": 0.01,
            "top_type_share": 0.5,
            "type_entropy": 1.46,
            "types": {TYPES[0]: 50, TYPES[1]: 30, TYPES[2]: 20},
            "mean_constraints": 3.2,
        },
        "seconds": 7.0,
    }


def audit(turn: int, accuracy: float, gap: float = 0.01) -> dict[str, Any]:
    """One audit.json, whole."""
    rates = {
        "tpr": {"value": 0.9, "low": 0.85, "high": 0.94},
        "fpr": {"value": 0.3, "low": 0.2, "high": 0.41},
        "j": {"value": 0.6, "low": 0.48, "high": 0.71},
        "satisfied": 60,
        "violated": 40,
        "mean": 0.66,
        "verifier_mean": 0.6,
    }
    per_type = dict.fromkeys(TYPES, rates)
    judge = {**rates, "judge": "some/model", "per_type": per_type, "unjudged": 2, "gap": gap, "gap_stderr": 0.005}
    return {
        "turn": turn,
        "accuracy": accuracy,
        "stderr": 0.02,
        "satisfied": [1, 0],
        "constraints": [1, 1],
        "judge": judge,
        **({"corrected": {"soft:tone": {"value": 0.4}}} if turn else {}),
    }


def case(seed: str = "Write about the river.") -> dict[str, Any]:
    """One entry of a showcase.json."""
    constraints = [
        {"text": "Avoid commas.", "holds": True},
        {"text": "Add a title in <<>>.", "holds": False},
        {"text": "Sound like a ferryman.", "holds": None},
    ]
    return {"seed": seed, "constraints": constraints, "answer": "The river is old.\n  It moves.", "conflict": None}


def make_run(root: Path, turns: int = 2, accuracies: tuple[float, ...] = (0.4, 0.5, 0.612), **config: Any) -> RunDir:
    """A run of `turns` turns; `accuracies` are those of the evaluated ones, the base first."""
    run = RunDir(root)
    settings = {"model": "some/model", "held_out": "held_out.parquet", "turns": turns, **config}
    run.open(build_config(settings, "test"), Manifest({"seeds": "ab" * 32}, {"torch": "2.99.1"}, seif="0.9.9"))
    for turn, accuracy in enumerate(accuracies):
        write_json(run.evaluation(turn), evaluation(turn, accuracy))
        write_json(run.showcase(turn), [case()])
        run.event("stage_finished", turn=turn, stage="evaluate", seconds=12.5)
        for stage in ("train_instructor", "train_follower") if turn else ():
            run.event("stage_finished", turn=turn, stage=stage, seconds=100.0)
            for step in range(1, 21):
                numbers = {"reward": 0.3 + step / 100, "adherence": 0.5, "kl": step * 1e-4, "unjudged": 0.0}
                run.metrics.append({"turn": turn, "stage": stage, "step": step, **numbers})
    return run
