"""`seif nano build`: the embedded model again from nothing: tokenizer, weights, data, measured floors, model card."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from seif.config import Template
from seif.constraints.compiler import compile_text
from seif.engines.base import Request
from seif.engines.local import LocalEngine
from seif.evaluation import held_out
from seif.instructions import read_instructions, write_instructions
from seif.nano import examples, world
from seif.nano.pretrain import Recipe, new_model, pretrain
from seif.nano.tokenizer import train_tokenizer
from seif.roles import follower, instructor
from seif.roles.filter import Filter
from seif.roles.judger import LogprobJudger
from seif.types import Instruction, Verdict

RUN_SEEDS, HELD_OUT_SEEDS, HELD_OUT_TASKS = 384, 200, 1200
MIXTURE: tuple[tuple[Callable[[random.Random, str], examples.Example], float], ...] = (
    (examples.judger_example, 0.42),
    (examples.follower_example, 0.26),
    (examples.instructor_example, 0.18),
    (examples.filter_example, 0.14),
)
Say = Callable[[str], None]


def split_seeds() -> tuple[list[str], list[str]]:
    """The world's questions, split once and for all: (seen in training and by the loop, held out)."""
    questions = world.all_seeds()
    random.Random("split").shuffle(questions)
    return questions[HELD_OUT_SEEDS:], questions[:HELD_OUT_SEEDS]


def held_out_tasks(seeds: Sequence[str]) -> list[Instruction]:
    """Tasks with 1 to 4 rules that hold together, as many of each, over questions that nothing else uses."""
    rng = random.Random("held out")
    return [Instruction(seeds[i % len(seeds)], world.draw_constraints(rng, 1 + i % 4)) for i in range(HELD_OUT_TASKS)]


def build(out: Path, steps: int | None, seed: int, say: Say) -> dict[str, Any]:
    """Train, measure, and write `out/model` and `out/data`. Returns the measured floors, as in `out/model/floors.json`."""
    recipe = replace(Recipe(), seed=seed) if steps is None else replace(Recipe(), seed=seed, steps=steps)
    seen, unseen = split_seeds()
    data = out / "data"
    data.mkdir(parents=True)
    pq.write_table(pa.table({"prompt": seen[:RUN_SEEDS]}), data / "seeds.parquet")
    write_instructions(data / "held_out.parquet", held_out_tasks(unseen))

    own: list[tuple[Instruction, str]] = []
    rounds: list[int] = []

    def draw(rng: random.Random) -> examples.Example:
        make = rng.choices([m for m, _ in MIXTURE], [w for _, w in MIXTURE])[0]
        if make is examples.judger_example and own and rng.random() < 0.5:
            return examples.judger_example_of(rng, *rng.choice(own))
        return make(rng, rng.choice(seen))

    rng = random.Random(f"tokenizer/{seed}")
    drawn = [draw(rng) for _ in range(8000)]
    tokenizer = train_tokenizer(text for e in drawn for text in (e.messages[0]["content"], *(part for branch in e.branches for part in branch)))
    torch.manual_seed(seed)

    def progress(step: int, loss: float, seconds: float) -> None:
        say(f"step {step}/{recipe.steps}  loss {loss:.4f}  {seconds:.0f} s")

    def listen(model: Any) -> None:
        own[:] = own_replies(LocalEngine(model, tokenizer), random.Random(f"own/{seed}/{len(rounds)}"), seen)
        rounds.append(len(own))

    model = pretrain(new_model(tokenizer), tokenizer, draw, recipe, progress, listen)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(out / "model")
    tokenizer.save_pretrained(out / "model")
    floors = measure_floors(out)
    (out / "model" / "floors.json").write_text(json.dumps(floors, indent=2) + "\n", encoding="utf-8")
    (out / "model" / "README.md").write_text(_card(floors, recipe, sum(p.numel() for p in model.parameters())), encoding="utf-8")
    say(json.dumps({k: v for k, v in floors.items() if not isinstance(v, dict)}, indent=2))
    return floors


def own_replies(engine: LocalEngine, rng: random.Random, seeds: Sequence[str], count: int = 3000) -> list[tuple[Instruction, str]]:
    """What the model itself answers, from careful (greedy) to careless: the text its Judger will have to judge.

    Low temperatures stand in for a Follower that RL has made sure of itself, repetitions included.
    """
    tasks = [Instruction(rng.choice(seeds), world.draw_constraints(rng, rng.choice((1, 2, 3, 4)))) for _ in range(count)]
    requests = [Request(follower.messages(examples.STYLE, task, "plain"), 80, rng.choice((0.0, 0.4, 0.7, 1.0)), rng.randrange(1 << 31)) for task in tasks]
    completions = engine.answer(requests)
    return [(task, c.text.strip()) for task, c in zip(tasks, completions, strict=True) if c.finish_reason == "stop" and c.text.strip()]


def measure_floors(folder: Path) -> dict[str, Any]:
    """How good each role of `folder/model` is on held-out questions, labelled by verifiers and conflict rules."""
    engine = LocalEngine.load(folder / "model")
    _, unseen = split_seeds()
    tasks = read_instructions(folder / "data" / "held_out.parquet")
    return asyncio.run(_measure(engine, unseen, tasks))


async def _measure(engine: LocalEngine, unseen: Sequence[str], tasks: Sequence[Instruction]) -> dict[str, Any]:
    rng = random.Random("floors")
    judger = LogprobJudger(engine, examples.STYLE)
    pairs = [(seed, reply, compile_text(text.strip()), answer == "1") for seed, reply, branches in _judged_replies(rng, unseen) for text, answer in branches]
    judgements = await asyncio.gather(*(judger.judge(Instruction(s, (c,)), reply, c) for s, reply, c, _ in pairs))
    tables = held_out.tabulate((c.instruction_id, truth, j.verdict is Verdict.SATISFIED) for (_, _, c, truth), j in zip(pairs, judgements, strict=True))
    per_type = {k: held_out.balanced(t) for k, t in sorted(tables.items())}

    filters = Filter(engine, examples.STYLE, rules=False, model=True, max_new_tokens=1)
    sets = [(world.draw_constraints(rng, rng.choice((2, 3, 4)), contradictory=bool(i % 2)), i % 2 == 0) for i in range(1000)]
    decisions = await asyncio.gather(*(filters.check(Instruction(rng.choice(unseen), rules)) for rules, _ in sets))
    filtered = held_out.tabulate(("filter", good, d.verdict is Verdict.SATISFIED) for (_, good), d in zip(sets, decisions, strict=True))

    templates = [Template(prompt="hard", constraints=k) for k in (3, 4)]
    asked = [Request(instructor.messages(examples.STYLE, templates[i % 2], unseen[i % len(unseen)]), 64, 1.0, i) for i in range(600)]
    written = await asyncio.gather(*(engine.complete(r) for r in asked))
    parsed = [instructor.parse(c.text, c.finish_reason == "stop", templates[i % 2].constraints) for i, c in enumerate(written)]
    understood = [p for p in parsed if p is not None and all(c.checkable for c in p)]

    greedy = await held_out.answer_tasks(engine, tasks, examples.STYLE, "plain", 80, 0.0, 0)
    sampled = await held_out.answer_tasks(engine, tasks, examples.STYLE, "plain", 80, 1.0, 0)
    own = await held_out.judger_agreement(judger, sampled)
    return {
        "judger_balanced_accuracy": held_out.balanced(held_out.whole(tables)),
        "judger_worst_type": min(per_type.values()),
        "judger_on_own_answers": own["balanced_accuracy"],
        "judger_on_own_answers_worst_type": min(t["balanced_accuracy"] for t in own["per_type"].values()),
        "filter_balanced_accuracy": held_out.balanced(filtered["filter"]),
        "instructor_parsable": sum(p is not None for p in parsed) / len(parsed),
        "instructor_known_types": len(understood) / len(parsed),
        "instructor_conflict_share": held_out.describe_instructions([Instruction("", p) for p in understood])["conflict_share"],
        "follower_greedy_constraint_accuracy": held_out.accuracy(greedy)["constraint_accuracy"],
        "follower_sampled_constraint_accuracy": held_out.accuracy(sampled)["constraint_accuracy"],
        "follower_well_formed": held_out.accuracy(sampled)["well_formed"],
        "judger_per_type": per_type,
        "judger_on_own_answers_per_type": {k: t["balanced_accuracy"] for k, t in own["per_type"].items()},
        "follower_greedy_per_type": held_out.accuracy(greedy)["per_type"],
        "follower_greedy_by_count": held_out.accuracy(greedy)["instruction_accuracy"],
    }


def _judged_replies(rng: random.Random, seeds: Sequence[str]) -> list[tuple[str, str, tuple[tuple[str, str], ...]]]:
    """(seed, reply, (rule, verdict) pairs) of 1,200 replies by the world's writer: obeying, nearly obeying, damaged."""
    found = []
    for _ in range(1200):
        seed = rng.choice(seeds)
        rules = world.draw_constraints(rng, rng.choice((2, 3, 4)))
        reply = examples.some_reply(rng, seed, rules)
        found.append((seed, reply, examples.verdicts_on(rng, seed, reply, list(rules)).branches))
    return found


def _card(floors: dict[str, Any], recipe: Recipe, parameters: int) -> str:
    rows = "\n".join(
        f"| {k} | {floors['judger_per_type'][k]:.3f} | {floors['judger_on_own_answers_per_type'].get(k, float('nan')):.3f} | {v:.3f} |"
        for k, v in floors["follower_greedy_per_type"].items()
    )
    numbers = "\n".join(f"| {k.replace('_', ' ')} | {v:.3f} |" for k, v in floors.items() if isinstance(v, float))
    return f"""---
license: apache-2.0
library_name: transformers
tags: [instruction-following, grpo, toy-world]
---
# seif nano

A Qwen3-architecture language model of {parameters:,} parameters that plays all four roles of self-evolving RL for
instruction following (Instructor, Filter, Follower, Judger) in a small English world: {len(world.THINGS)} everyday
things, {len(world.QUESTIONS)} kinds of question, {len(world.WORDINGS)} types of IFEval's rules. It exists so that the whole
loop can be run, watched and tested on a laptop. It knows nothing outside its world and is of no other use.

Made by `seif nano build` from nothing ({recipe.steps:,} steps of {recipe.rows * 256:,} tokens, seed {recipe.seed}). The training texts are drawn by a
grammar and labelled by the project's verifiers; no other model and no human took part. The writer of the Follower's
examples obeys each rule only now and then (`OBEYED` in `nano/examples.py`): the base is able but careless, on purpose.

Measured on questions that training never saw (`floors.json`):

| | |
|---|---|
{numbers}

| rule | Judger, writer's replies (balanced) | Judger, own replies (balanced) | Follower, greedy |
|---|---|---|---|
{rows}
"""
