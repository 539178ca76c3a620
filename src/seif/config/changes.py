"""What of a run's config may change when the run is resumed.

Everything else decides results of what is done already, or of the stage that is under way.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from seif.config import Config

ANY_TIME = (
    *(
        f"engine.{key}"
        for key in ("base_urls", "api_key_env", "concurrency", "requests_per_minute", "timeout", "retries")
    ),
    *(f"engine.vllm.{key}" for key in ("python", "args", "env", "startup", "restarts")),
    *("launcher", "join_timeout", "step_timeout"),
    *("stop.enabled", "stop.gap", "stop.patience", "stop.fall", "stop.collapse"),
    *("report_to", "rollouts", "instructor.grpo.save_every", "follower.grpo.save_every", "judger.max_unjudged"),
    "turns",
)
"""Where and how servers are asked, how processes are started, when the loop ends, what is kept and shown, and how often
a checkpoint is written: no result of a step depends on it. `turns` may be as few as are begun."""
BETWEEN_EVALUATIONS = (
    *(f"evaluation.{key}" for key in ("max_new_tokens", "tasks", "judger", "judged", "suites")),
    "self_supervised.general.held_out",
)
"""How the turns to come are evaluated; not while an evaluation is under way, which would be half of each."""


@dataclass(frozen=True)
class Change:
    """A key whose value differs between the config that a run has and the one it is resumed with; values are JSON."""

    key: str
    before: str
    after: str

    @property
    def kind(self) -> str:
        """The entry of the tables above that allows it; empty where none does."""
        return next((key for key in (*ANY_TIME, *BETWEEN_EVALUATIONS) if self.key == key or _within(self.key, key)), "")

    def __str__(self) -> str:
        return f"{self.key}: {self.before} -> {self.after}"


@dataclass(frozen=True)
class Begun:
    """How far a run is, as far as its config is concerned."""

    turn: int
    """The last one that is begun; 0: the base's."""
    evaluating: bool = False
    """Whether an evaluation is under way."""


def changes(before: Config, after: Config) -> list[Change]:
    """What differs, in the order of the keys."""
    left, right = _flat(before.model_dump(mode="json")), _flat(after.model_dump(mode="json"))
    return [
        Change(key, json.dumps(left.get(key)), json.dumps(right.get(key)))
        for key in sorted(left.keys() | right.keys())
        if left.get(key) != right.get(key)
    ]


def differing_keys(a: Config, b: Config) -> list[str]:
    """Dotted names of the keys whose values differ."""
    return [change.key for change in changes(a, b)]


def refusal(before: Config, after: Config, begun: Begun) -> str:
    """Why a run that is so far can't go on with another config, naming its keys; empty where it can."""
    moved = before.self_supervised.reward_model.url and after.self_supervised.reward_model.url
    found = changes(before, after)
    # The reward model's service may be elsewhere, but not where none was, nor be gone.
    fixed_keys = [c.key for c in found if not c.kind and not (moved and c.key == "self_supervised.reward_model.url")]
    if fixed_keys:
        return f"was started with another config; these keys differ: {', '.join(fixed_keys)}. Use a new --run-dir"
    if after.turns < begun.turn:
        return f"has begun turn {begun.turn}, and turns is {after.turns} now; set turns={begun.turn} or more"
    evaluating = [c.key for c in found if c.kind in BETWEEN_EVALUATIONS]
    if evaluating and begun.evaluating:
        return (
            f"is in the midst of an evaluation, during which these keys can't change: {', '.join(evaluating)}. Finish "
            "it with the values it began with"
        )
    return ""


def without_changeable(
    config: Config, include: Collection[str] | None = None, keys: Collection[str] = (*ANY_TIME, *BETWEEN_EVALUATIONS)
) -> dict[str, Any]:
    """The config, or the sections of it to `include`, as JSON values, without the `keys` that may change: what work
    under way is known by."""
    tree = config.model_dump(mode="json", include=None if include is None else set(include))
    for key in keys:
        *parents, last = key.split(".")
        node: Any = tree
        for parent in parents:
            node = node.get(parent, {})
        node.pop(last, None)
    return tree


def _within(key: str, section: str) -> bool:
    return key.startswith(f"{section}.")


def _flat(node: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(node, dict):
        return {prefix: node}
    return {
        key: value
        for name, child in node.items()
        for key, value in _flat(child, f"{prefix}.{name}" if prefix else name).items()
    }
