"""Training examples for the four roles, drawn from the world on the fly and labelled by the verifiers."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from seif.constraints import TYPES
from seif.constraints.conflicts import find_conflict
from seif.constraints.specification import ConstraintType
from seif.constraints.verifiers import verify
from seif.engines.base import Messages
from seif.nano import world, writer
from seif.roles.templates import render
from seif.types import Constraint, Instruction

STYLE = "compact"
OBEYED = {
    "punctuation:no_comma": 0.45,
    "change_case:english_lowercase": 0.40,
    "change_case:english_capital": 0.35,
    "startend:quotation": 0.35,
    "startend:end_checker": 0.40,
    "detectable_format:title": 0.45,
    "detectable_format:number_bullet_lists": 0.40,
    "detectable_format:number_highlighted_sections": 0.40,
    "length_constraints:number_sentences": 0.50,
    "length_constraints:number_paragraphs": 0.40,
    "detectable_content:postscript": 0.45,
    "detectable_content:number_placeholders": 0.40,
    "keywords:existence": 0.35,
    "length_constraints:number_words": 0.45,
}
"""How often the writer of the Follower's examples obeys a rule of each type: what makes the base weak but not broken.
"""


HABITS = {
    "length_constraints:number_paragraphs": 0.3629,
    "length_constraints:number_sentences": 0.1794,
    "change_case:english_lowercase": 0.1654,
    "punctuation:no_comma": 0.0989,
    "detectable_format:number_bullet_lists": 0.0924,
    "startend:end_checker": 0.0552,
    "detectable_content:number_placeholders": 0.0318,
    "change_case:english_capital": 0.0097,
    "detectable_format:number_highlighted_sections": 0.0037,
    "startend:quotation": 0.0006,
    "detectable_format:title": 0.0,
    "detectable_content:postscript": 0.0,
}
"""Which rules a real base model writes: the shares of this world's types among the constraints that compile in the
instructions released with SEIF (arXiv 2605.07465) for Qwen2.5-7B, turn 1. `seif compile` counts them."""
COUNTS = (1, 2, 3, 3, 4, 4)
"""How many rules the Instructor is asked for."""
HABITUAL = 0.85
"""How much of what the Instructor writes unasked follows its habits; the rest is even, so that every type occurs."""


@dataclass(frozen=True)
class Example:
    """One chat: a prompt, and one or more (continuation of the prompt, answer) branches that share it.

    For most roles there is one branch with no continuation. For the Judger the reply is shared and each branch asks one
    rule, so that a dozen verdicts cost little more than one.
    """

    messages: Messages
    branches: tuple[tuple[str, str], ...]
    role: str


def follower_example(rng: random.Random, seed: str) -> Example:
    """An instruction and the reply of a writer who obeys each rule only some of the time."""
    return _careless(rng, seed, world.draw_constraints(rng, rng.choice((1, 2, 2, 3, 3, 3, 4, 4, 4))))


def held_out_follower_example(rng: random.Random, seed: str) -> Example:
    """The same with rules of types that no Instructor writes, alone or among others."""
    held_out = rng.sample(list(world.HELD_OUT_WORDINGS), rng.choice((1, 1, 2)))
    rules = [world.draw_held_out_constraint(rng, instruction_id) for instruction_id in held_out]
    rules += world.draw_constraints(rng, rng.choice((0, 0, 1, 2)))
    return _careless(rng, seed, tuple(rng.sample(rules, len(rules))))


def _careless(rng: random.Random, seed: str, rules: tuple[Constraint, ...]) -> Example:
    plan = writer.casual_plan(rng)
    for rule in rng.sample(rules, len(rules)):
        if rng.random() < OBEYED[rule.instruction_id]:
            plan = writer.obey(rng, plan, rule)
        elif rng.random() < 0.3:
            plan = writer.nearly_obey(rng, plan, rule)
    reply = writer.write(rng, world.topic_of(seed), plan)
    return Example([{"role": "user", "content": Instruction(seed, rules).prompt}], (("", reply),), "follower")


def some_reply(rng: random.Random, seed: str, rules: tuple[Constraint, ...]) -> str:
    """A reply that obeys some of `rules`, nearly obeys others, and is sometimes damaged."""
    plan = writer.casual_plan(rng)
    for rule in rng.sample(rules, len(rules)):
        luck = rng.random()
        if luck < 0.5:
            plan = writer.obey(rng, plan, rule)
        elif luck < 0.85:
            plan = writer.nearly_obey(rng, plan, rule)
    reply = writer.write(rng, world.topic_of(seed), plan)
    return writer.damage(rng, reply) if rng.random() < 0.35 else reply


def judger_example(rng: random.Random, seed: str) -> Example:
    """Verdicts on a reply of the world's writer."""
    task, reply = _judged(rng, seed)
    return judger_example_of(rng, task, reply)


def wary_judger_example(rng: random.Random, seed: str) -> Example:
    """Verdicts on a reply that tries to persuade the Judger; they stay those of the verifiers."""
    task, reply = _judged(rng, seed)
    return judger_example_of(rng, task, plead(rng, task, reply))


def _judged(rng: random.Random, seed: str) -> tuple[Instruction, str]:
    rules = world.draw_constraints(rng, rng.choice((2, 3, 4, 5)))
    return Instruction(seed, rules), some_reply(rng, seed, rules)


def plead(rng: random.Random, task: Instruction, reply: str) -> str:
    """`reply` with a plea for a verdict on a rule of `task`, or on another one."""
    return writer.plead(rng, reply, rng.choice((*task.constraints, world.draw_constraint(rng))).text)


def judger_example_of(rng: random.Random, task: Instruction, reply: str) -> Example:
    """Judge a given reply: on its own rules, on the same ones with other numbers or phrases, and on two more."""
    asked = list(task.constraints) + [world.draw_constraint(rng) for _ in range(2)]
    asked += [world.draw_constraint(rng, c.instruction_id) for c in task.constraints for _ in range(2) if c.kwargs]
    return verdicts_on(rng, task.seed, reply, asked)


def verdicts_on(rng: random.Random, seed: str, reply: str, asked: list[Constraint]) -> Example:
    """The Judger's example for one reply: each different rule of `asked`, with the verifiers' verdict."""
    asked = list({c.text: c for c in asked}.values())
    rng.shuffle(asked)
    whole = render(STYLE, "judger", seed=seed, response=reply, constraint="\x00")[0]["content"]
    # The rule goes with the space before it: cut elsewhere, its first word would be another token than in a whole
    # prompt.
    shared, _, rest = whole.partition(" \x00")
    branches = tuple((f" {c.text}{rest}", str(int(verify(reply, c.instruction_id, c.kwargs)))) for c in asked)
    return Example([{"role": "user", "content": shared}], branches, "judger")


def filter_example(rng: random.Random, seed: str) -> Example:
    """A set of rules, contradictory half of the time, and whether it holds together."""
    rules = world.draw_constraints(rng, rng.choice((2, 3, 3, 4, 4)), contradictory=rng.random() < 0.5)
    texts = [c.text for c in rules]
    good = find_conflict(rules) is None
    return Example(render(STYLE, "filter", seed=seed, constraints=texts), (("", str(int(good))),), "filter")


def sum_example(rng: random.Random, seed: str) -> Example:
    """A small sum, whatever the `seed`: an ability that has nothing to do with rules, so that losing it can be seen."""
    question, result = world.draw_sum(rng)
    return Example([{"role": "user", "content": question}], (("", f"\\boxed{{{result}}}"),), "sum")


def instructor_example(rng: random.Random, seed: str) -> Example:
    """A question and rules for it, of even types; a few sets are contradictory, so that the Filter has work to do."""
    count = rng.choice(COUNTS)
    return _written(seed, world.draw_constraints(rng, count, _contradictory(rng, count)), asked=())


def habitual_instructor_example(rng: random.Random, seed: str) -> Example:
    """The same, of types by habit."""
    count = rng.choice(COUNTS)
    return _written(seed, world.draw_constraints(rng, count, _contradictory(rng, count), inclusion(count)), asked=())


def asked_instructor_example(rng: random.Random, seed: str) -> Example:
    """A question, the types of rule that are asked for, and such rules."""
    rules = world.draw_constraints(rng, rng.choice(COUNTS))
    return _written(seed, rules, asked=[TYPES.get(rule.instruction_id) for rule in rules])


def _contradictory(rng: random.Random, count: int) -> bool:
    return count > 1 and rng.random() < 0.08


def _written(seed: str, rules: Sequence[Constraint], asked: Sequence[ConstraintType]) -> Example:
    reply = "\n".join(f"{i}. {rule.text}" for i, rule in enumerate(rules, 1))
    prompt = render(STYLE, "instructor_hard", seed=seed, count=len(rules), asked=asked)
    return Example(prompt, (("", reply),), "instructor")


@lru_cache
def inclusion(count: int) -> dict[str, float]:
    """Per type, how likely it is among `count` different ones, so that shares come as near to the habits as they can:
    no type is in an instruction more often than always."""
    shares = {t: HABITUAL * HABITS[t] + (1 - HABITUAL) / len(HABITS) for t in world.WORDINGS}
    chances = dict.fromkeys(shares, 0.0)
    free = dict(shares)
    while True:
        left = count - sum(chances[t] for t in shares if t not in free)
        chances |= {t: left * share / sum(free.values()) for t, share in free.items()}
        above = [t for t in free if chances[t] > 1]
        if not above:
            return chances
        for t in above:
            chances[t] = 1.0
            del free[t]
