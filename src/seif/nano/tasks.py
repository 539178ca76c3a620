"""The world's questions and sums, split once and for all, and the tasks that are made of them."""

from __future__ import annotations

import random
from collections.abc import Sequence

from seif.nano import world
from seif.types import Instruction

RUN_SEEDS, HELD_OUT_SEEDS, HELD_OUT_TASKS = 384, 200, 1200
HELD_OUT_TYPE_TASKS, AUDIT_TASKS = 240, 300
SUMS = 80
"""Sums for training; the other 46 are held out."""


def split_seeds() -> tuple[list[str], list[str]]:
    """The world's questions, split once and for all: (seen in training and by the loop, held out)."""
    questions = world.all_seeds()
    random.Random("split").shuffle(questions)
    return questions[HELD_OUT_SEEDS:], questions[:HELD_OUT_SEEDS]


def held_out_tasks(seeds: Sequence[str]) -> list[Instruction]:
    """Tasks with 1 to 4 rules that hold together, as many of each, over questions that nothing else uses."""
    rng = random.Random("held out")
    return [Instruction(seeds[i % len(seeds)], world.draw_constraints(rng, 1 + i % 4)) for i in range(HELD_OUT_TASKS)]


def held_out_type_tasks(seeds: Sequence[str]) -> list[Instruction]:
    """Tasks of the types that no Instructor writes, one or both, over questions that nothing but tests uses."""
    rng = random.Random("held out types")
    tasks = []
    for i in range(HELD_OUT_TYPE_TASKS):
        types = rng.sample(list(world.HELD_OUT_WORDINGS), 1 + i % 2)
        rules = tuple(world.draw_held_out_constraint(rng, instruction_id) for instruction_id in types)
        tasks.append(Instruction(seeds[i % len(seeds)], rules))
    return tasks


def audit_tasks(seeds: Sequence[str]) -> list[Instruction]:
    """Tasks by which a run checks its judge: even, of 1 to 4 rules, over questions that neither its seeds nor held-out
    tasks have."""
    rng = random.Random("audit")
    return [Instruction(seeds[i % len(seeds)], world.draw_constraints(rng, 1 + i % 4)) for i in range(AUDIT_TASKS)]


def split_sums() -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    """All sums of the world with their results, split once and for all: (for training, held out)."""
    rng = random.Random("sums")
    sums = list(dict(world.draw_sum(rng) for _ in range(5000)).items())
    return sums[:SUMS], sums[SUMS:]
