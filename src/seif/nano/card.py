"""The embedded model's card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from seif.nano import world
from seif.nano.floors import Floors
from seif.nano.pretrain import Recipe


def card(floors: Floors, parameters: int, phases: Sequence[Recipe]) -> str:
    """The model card of a model with so many parameters, trained by these recipes."""
    rows = "\n".join(
        f"| {k} | {floors.judger_per_type[k]:.3f} | "
        f"{floors.judger_on_own_answers_per_type.get(k, float('nan')):.3f} | {v:.3f} | "
        f"{floors.instructor_shares[k]:.3f} |"
        for k, v in floors.follower_greedy_per_type.items()
    )
    numbers = "\n".join(
        f"| {k.replace('_', ' ')} | {v:.3f} |" for k, v in asdict(floors).items() if isinstance(v, float)
    )
    steps = ", ".join(f"{p.steps:,}" for p in phases)
    things, questions, rules = len(world.THINGS), len(world.QUESTIONS), len(world.WORDINGS)
    tokens = phases[0].rows * 256
    header = (
        "| rule | Judger, writer's replies | Judger, own replies | Follower, greedy | share in the Instructor's rules |"
    )
    return f"""---
license: apache-2.0
library_name: transformers
tags: [instruction-following, grpo, toy-world]
---
# seif nano

A Qwen3-architecture language model of {parameters:,} parameters that plays all four roles of self-evolving RL for
instruction following (Instructor, Filter, Follower, Judger) in a small English world: {things} everyday
things, {questions} kinds of question, {rules} types of IFEval's rules. It exists so that the whole
loop can be run, watched and tested on a laptop. It knows nothing outside its world and is of no other use.

Made by `seif nano build` from nothing, in {len(phases)} phases of {steps} steps ({tokens:,} tokens each): first the
roles, then, beside them, replies that plead with the Judger for a verdict and sums of small numbers, and last an
Instructor with the habits of a real base model (`HABITS` in `nano/examples.py`), so that rare types are rare. The
training texts are drawn by a grammar and labelled by the project's verifiers; no other model and no human took part.
The writer of the Follower's examples obeys each rule only now and then (`OBEYED` in `nano/examples.py`): the base is
able but careless, on purpose.

Measured on questions that training never saw, but for the sums, of which it saw all there are (`floors.json`); the
Judger's accuracies are balanced:

| | |
|---|---|
{numbers}

{header}
|---|---|---|---|---|
{rows}
"""
