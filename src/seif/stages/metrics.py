"""What a step of training logs: its numbers, and some of its rollouts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from seif.constraints.taxonomy import type_of
from seif.datasets import FollowerData
from seif.evaluation import held_out
from seif.metrics import Role, ScoredRollout, measure
from seif.scoring import BAD_ANSWER, Score, check_unjudged
from seif.stage_log import REWARD_PERCENTILES, RolloutRecord, Tables
from seif.types import Instruction


class Sampled(Protocol):
    """A completion, and the row of the data that it answers."""

    @property
    def row(self) -> int: ...

    @property
    def text(self) -> str: ...

    @property
    def finished(self) -> bool: ...


def instructor_metrics(samples: Sequence[Sampled], scores: Sequence[Score], max_unjudged: float) -> dict[str, float]:
    """Numbers of one Instructor step. Raises RunError above `max_unjudged`."""
    types = [type_of(c) for s in scores for c in s.constraints]
    top = max((types.count(t) for t in set(types)), default=0)
    return {
        "parsable": _share(scores, lambda s: s.outcome != "bad format"),
        "contradictory": _share(scores, lambda s: s.outcome == "contradictory"),
        "bad_answers": sum(BAD_ANSWER in s.causes for s in scores) / len(scores),
        "top_type_share": top / max(1, len(types)),
        "zero_variance": zero_variance(samples, scores),
        **reward_percentiles(scores),
        **_judged_metrics(scores, max_unjudged),
    }


def follower_metrics(
    samples: Sequence[Sampled], scores: Sequence[Score], data: FollowerData, max_unjudged: float
) -> dict[str, float]:
    """Numbers of one Follower step. Raises RunError above `max_unjudged`."""
    tasks = [data.tasks[s.row] for s in samples]
    metrics = {
        "well_formed": _share(scores, lambda s: s.outcome != "bad format"),
        "zero_variance": zero_variance(samples, scores),
        **reward_percentiles(scores),
        **_judged_metrics(scores, max_unjudged),
    }
    metrics["too_long"] = float(data.too_long)
    metrics["repetition"] = sum(held_out.repetition(s.text) for s in samples) / len(samples)
    general = [
        score.reward or 0.0 for task, score in zip(tasks, scores, strict=True) if not isinstance(task, Instruction)
    ]
    if general:
        metrics["general"] = sum(general) / len(general)
    if data.in_levels:
        lengths = [len(task.constraints) for task in tasks if isinstance(task, Instruction)]
        metrics["level"] = sum(lengths) / max(1, len(lengths))
    for name, rows in (("replayed", data.replayed), ("relabelled", data.relabelled)):
        if rows:
            metrics[name] = sum(s.row in rows for s in samples) / len(samples)
    return metrics


def zero_variance(samples: Sequence[Sampled], scores: Sequence[Score]) -> float:
    """The share of groups whose rewards are all equal: nothing is learned from them. What is unjudged is left out."""
    groups: dict[int, set[float]] = {}
    for sample, score in zip(samples, scores, strict=True):
        rewards = groups.setdefault(sample.row, set())
        if score.reward is not None:
            rewards.add(score.reward)
    return sum(len(rewards) <= 1 for rewards in groups.values()) / len(groups)


def reward_percentiles(scores: Sequence[Score]) -> dict[str, float]:
    """`reward/p10` and so on, of the judged rollouts of a step; empty where none is judged."""
    rewards = [score.reward for score in scores if score.reward is not None]
    found = np.percentile(rewards, REWARD_PERCENTILES) if rewards else ()
    return {f"reward/p{p}": float(value) for p, value in zip(REWARD_PERCENTILES, found, strict=False)}


def plugin_metrics(
    role: Role, samples: Sequence[Sampled], scores: Sequence[Score], prompts: Sequence[str]
) -> dict[str, float]:
    """The metrics that plugins have registered. Raises RunError for one that fails."""
    return measure(
        [
            ScoredRollout(role, prompt, s.text, s.finished, score)
            for s, score, prompt in zip(samples, scores, prompts, strict=True)
        ]
    )


def checks_of(scores: Sequence[Score]) -> Tables:
    """How often, per type, rule and model said what of the same answers."""
    return held_out.tabulate((c.kind, c.rule, c.model) for s in scores for c in s.checks)


def records_of(
    samples: Sequence[Sampled], scores: Sequence[Score], prompts: Sequence[str], limit: int
) -> list[RolloutRecord]:
    """The first `limit` rollouts, as rollouts/*.jsonl holds them."""
    return [_record(*rollout) for rollout in list(zip(samples, scores, prompts, strict=True))[:limit]]


def _record(sample: Sampled, score: Score, prompt: str) -> RolloutRecord:
    record: RolloutRecord = {
        "prompt": prompt,
        "completion": sample.text,
        "finished": sample.finished,
        "reward": score.reward,
        "outcome": score.outcome,
        "verdicts": [v.name.lower() for v in score.verdicts],
        "constraints": [c.text for c in score.constraints],
    }
    if any(s is not None for s in score.soft_scores):
        return {"soft_scores": score.soft_scores, **record}
    return record


def _share(scores: Sequence[Score], holds: Callable[[Score], bool]) -> float:
    return sum(map(holds, scores)) / len(scores)


def _judged_metrics(scores: Sequence[Score], max_unjudged: float) -> dict[str, float]:
    known = [s.adherence for s in scores if s.adherence is not None]
    metrics = {"unjudged": check_unjudged(scores, max_unjudged)}
    if known:
        metrics["adherence"] = sum(known) / len(known)
    tables = checks_of(scores)
    if tables:
        whole = held_out.reliability(held_out.whole(tables))
        found = {"judger_precision_violated": whole.precision_violated, "judger_recall_violated": whole.recall_violated}
        metrics |= {key: value for key, value in found.items() if value is not None}
    return metrics
