"""The worlds of the study and their arms, as overrides of shipped configs (docs/protocol.md)."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

from benchmarks.runs import Arm, Found, Settings, Study
from seif.config_file import load_config
from seif.spending import tokens_by_turn

STEPS = 10
"""Follower steps of a turn, in all arms but those that are given more on purpose."""
PROMPTS = 16
"""Instructions of a Follower step in the shipped nano configs."""
SEEDS = 384
"""Seed questions that are shipped for the nano configs."""
COMMON = {
    "turns": "3",
    "follower.steps": str(STEPS),
    # As many instructions as the Follower's steps read: every one is written for use, and no arm has more.
    "instructor.seeds_per_turn": str(STEPS * PROMPTS),
    "held_out_types": "nano:data/held_out_types.parquet",
    "audit": "null",
    "evaluation.tasks": "600",
    "evaluation.judged": "150",
    "evaluation.showcase": "0",
    "rollouts": "0",
    # All arms run all turns, whatever their audits find.
    "stop.enabled": "false",
}
"""What all runs of the study have in common; it makes them short."""

# --- arms -------------------------------------------------------------------------------------------------------------

AUDITED = {"audit": "nano:data/audit.parquet"}
STATIC = {
    "instructor.train": "false",
    "instructor.per_constraint": "false",
    "instructor.share_penalty": "0",
    "instructor.archive_penalty": "0",
    "instructor.types": "[]",
    "instructor.allocation": "none",
    "instructor.candidates": "1",
    "instructor.probes": "0",
    "instructor.edits": "0",
    "follower.replay": "0",
    "follower.hindsight": "false",
}
"""The base writes all instructions and no mechanism is on, whatever the config's default is."""
TRAINED = {"instructor.train": "true", "instructor.steps": "4", "instructor.answers": "1"}
PAPER = {**STATIC, **TRAINED, "instructor.reward": "adversarial", "judger.weights": "previous"}
LEARNABILITY = {**STATIC, **TRAINED, "instructor.reward": "learnability", "instructor.share_penalty": "0.5"}
GATE = {"instructor.candidates": "3", "instructor.probes": "2"}
TYPES = {"instructor.types": json.dumps(list(load_config(Path("nano")).instructor.types))}
EVENLY = {**TYPES, "instructor.allocation": "even"}
BANDIT = {**TYPES, "instructor.allocation": "bandit"}
MECHANISM = (
    *(f"instructor.{key}" for key in ("train", "reward", "steps", "answers", "per_constraint")),
    *(f"instructor.{key}" for key in ("share_penalty", "archive_penalty", "allocation", "types", "explore")),
    *(f"instructor.{key}" for key in ("candidates", "probes", "type_quota", "edits")),
    "follower.replay",
)
"""The config keys that make up a mechanism. The judge is the world's."""


def mechanism(config: str) -> Settings:
    """That of a shipped config, for another world."""
    shipped = load_config(Path(config)).model_dump(mode="json")
    return {key: json.dumps(_at(shipped, key)) for key in MECHANISM}


def _at(tree: Mapping[str, object], key: str) -> object:
    section, name = key.split(".")
    values = tree[section]
    assert isinstance(values, Mapping)
    return values[name]


PAIR = ("default", "static")


def more_steps(found: Found, seed: int) -> Settings:
    """Static data with as many tokens as the default has spent: more Follower steps, and fresh instructions for them
    while there are seeds."""
    default, static = (sum(sum(turn.values()) for turn in tokens_by_turn(found(arm, seed))) for arm in PAIR)
    follower = found("static", seed).config().follower
    usual = follower.steps or STEPS
    steps = math.ceil(usual * max(1.0, default / static)) if static else usual
    return {
        "follower.steps": str(steps),
        "instructor.seeds_per_turn": str(min(SEEDS, steps * follower.grpo.prompts_per_step)),
    }


def next_seed(seed: int) -> int:
    """Whose Follower is the external judge of `seed`."""
    return seed + 1


def follower_of_another_seed(found: Found, seed: int) -> Settings:
    """The last Follower of the static arm's next seed: a judge that this run neither trains nor starts from."""
    other = found("static", next_seed(seed))
    return {"judger.weights": "base", "judger.checkpoint": str(other.follower(other.config().turns))}


W1 = Study(
    Path("nano.yaml"),
    {
        "static": Arm(STATIC, confirmatory=True),
        "default": Arm(AUDITED, confirmatory=True),
        "static_plus": Arm(STATIC, confirmatory=True, needs=PAIR, settings_from=more_steps),
        # Training the Instructor and the gate, each alone and both.
        "learnability": Arm(LEARNABILITY),
        "gate": Arm({**STATIC, **GATE}),
        "trained_gate": Arm({**LEARNABILITY, **GATE}),
        "paper": Arm(PAPER, confirmatory=True),
        "adversarial": Arm({**PAPER, "instructor.share_penalty": "0.5"}),
        "per_constraint": Arm({**LEARNABILITY, "instructor.per_constraint": "true", "instructor.answers": "2"}),
        "even": Arm({**STATIC, **EVENLY}, confirmatory=True),
        "bandit_trained": Arm({**LEARNABILITY, **BANDIT}),
        "bandit_gate": Arm({**STATIC, **BANDIT, **GATE}),
        "edits": Arm({**STATIC, **GATE, "instructor.edits": "0.5"}),
        "replay": Arm({**STATIC, **GATE, "follower.replay": "0.25"}),
        # Rewards that say nothing.
        "random_follower": Arm({"follower.reward": "random"}),
        "random_instructor": Arm({**STATIC, **TRAINED, "instructor.reward": "random"}),
        # The default with another judge.
        "rules_judge": Arm({"judger.kind": "rules"}),
        "rules_judge_static": Arm({**STATIC, "judger.kind": "rules"}),
        "previous_judge": Arm({**AUDITED, "judger.weights": "previous"}),
        "anchored": Arm({**AUDITED, "judger.weights": "anchored"}),
        "external_judge": Arm(needs=("static",), needed_seed=next_seed, settings_from=follower_of_another_seed),
    },
    "static",
    COMMON,
    (
        ("default", "static_plus"),
        ("trained_gate", "gate"),
        ("trained_gate", "learnability"),
        ("bandit_gate", "gate"),
        ("edits", "gate"),
        ("replay", "gate"),
        ("per_constraint", "learnability"),
        ("rules_judge", "rules_judge_static"),
        *((judge, "default") for judge in ("rules_judge", "previous_judge", "anchored")),
        ("external_judge", "default"),
    ),
)
EVEN = {**STATIC, **EVENLY}
W0 = Study(
    Path("nano-even.yaml"),
    {
        "static": Arm(EVEN),
        "default": Arm(mechanism("nano")),
        "gate": Arm({**EVEN, **GATE}),
        "learnability": Arm({**LEARNABILITY, **EVENLY}),
    },
    "static",
    COMMON,
)
W2 = Study(
    Path("nano-all-or-nothing.yaml"),
    {
        "static": Arm(STATIC),
        "default": Arm(mechanism("nano")),
        "even": Arm({**STATIC, **EVENLY}),
        "gate": Arm({**STATIC, **GATE}),
        "hindsight": Arm({**STATIC, "follower.hindsight": "true"}),
        "gate_hindsight": Arm({**STATIC, **GATE, "follower.hindsight": "true"}),
    },
    "static",
    COMMON,
    (("gate_hindsight", "gate"), ("default", "even")),
)
W3 = Study(
    Path("nano-short.yaml"),
    {
        "static": Arm(STATIC),
        "default": Arm(mechanism("nano")),
        "even": Arm({**STATIC, **EVENLY}),
        "gate": Arm({**STATIC, **GATE}),
        "edits": Arm({**STATIC, **GATE, "instructor.edits": "0.5"}),
    },
    "static",
    # Static data is to be used up: a turn's few instructions are read three times, and there is a turn more.
    {**COMMON, "turns": "4", "follower.steps": "12", "instructor.seeds_per_turn": "64"},
    (("edits", "gate"), ("default", "even")),
)
WORLDS: Mapping[str, Study] = {"w1": W1, "w0": W0, "w2": W2, "w3": W3}
