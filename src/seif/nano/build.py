"""`seif nano build`: the embedded model again from nothing: tokenizer, weights, data, measured floors, model card."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from seif.config import Template
from seif.constraints.compiler import compile_text
from seif.constraints.verifiers import verify
from seif.engines.base import Request
from seif.engines.local import LocalEngine
from seif.errors import UsageError
from seif.evaluation import held_out
from seif.instructions import read_instructions, write_instructions
from seif.judges.logprob import LogprobJudge
from seif.nano import examples, world, writer
from seif.nano.floors import Floors
from seif.nano.pretrain import Recipe, new_model, pretrain
from seif.nano.tokenizer import train_tokenizer
from seif.roles import follower, instructor
from seif.roles.filter import Filter
from seif.types import Constraint, Instruction, Verdict

RUN_SEEDS, HELD_OUT_SEEDS, HELD_OUT_TASKS = 384, 200, 1200
HELD_OUT_TYPE_TASKS, AUDIT_TASKS = 240, 300
SUMS = 80
"""Sums for training; the other 46 are held out."""
Make = Callable[[random.Random, str], examples.Example]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Phase:
    """A stretch of the training: which examples, how often, and with which recipe."""

    mixture: dict[Make, float]
    recipe: Recipe


ROLES = Phase(
    {
        examples.judger_example: 0.42,
        examples.follower_example: 0.26,
        examples.instructor_example: 0.18,
        examples.filter_example: 0.14,
    },
    Recipe(),
)
PLEAS = Phase(
    {
        examples.judger_example: 0.25,
        examples.wary_judger_example: 0.20,
        examples.follower_example: 0.25,
        examples.instructor_example: 0.13,
        examples.filter_example: 0.09,
        examples.sum_example: 0.08,
    },
    Recipe(steps=600, lr=1e-3, decay_share=0.8, listen_at=(0.0, 0.4, 0.7)),
)
MORE_PLEAS = Phase(
    {
        examples.judger_example: 0.20,
        examples.wary_judger_example: 0.26,
        examples.follower_example: 0.25,
        examples.instructor_example: 0.10,
        examples.filter_example: 0.06,
        examples.sum_example: 0.13,
    },
    Recipe(steps=600, lr=8e-4, decay_share=0.8, listen_at=(0.0, 0.4, 0.7)),
)
SUMS_FIRM = Phase(
    {
        examples.judger_example: 0.161,
        examples.wary_judger_example: 0.189,
        examples.follower_example: 0.217,
        examples.instructor_example: 0.084,
        examples.filter_example: 0.049,
        examples.sum_example: 0.30,
    },
    Recipe(steps=400, lr=6e-4, decay_share=0.8, listen_at=(0.0, 0.5)),
)
HABITS = Phase(
    {
        examples.judger_example: 0.12,
        examples.wary_judger_example: 0.13,
        examples.follower_example: 0.16,
        examples.held_out_follower_example: 0.06,
        examples.habitual_instructor_example: 0.18,
        examples.asked_instructor_example: 0.15,
        examples.filter_example: 0.05,
        examples.sum_example: 0.15,
    },
    Recipe(steps=500, lr=8e-4, decay_share=0.8, listen_at=(0.0, 0.5)),
)
PHASES = (ROLES, PLEAS, MORE_PLEAS, SUMS_FIRM, HABITS)
"""First the roles.

Sums and replies that try to persuade the Judger come in two later phases: from the start, they kept the Follower from
learning some rules at all. The last phase trains sums until the model is sure of them: an answer that is barely the
likeliest is lost after any update, and then forgetting can't be told from chance.
"""


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


def build(out: Path, steps: int | None, seed: int, say: Say, start: Path | None = None, phase: int = 1) -> Floors:
    """Train, measure, and write `out/model` and `out/data`. Returns the measured floors, as in `out/model/floors.json`.

    `steps` replaces the steps of every phase. With `start`, a model directory, training goes on from it, with phase
    number `phase`. Raises UsageError for a phase that there is not, or that needs a start.
    """
    if not 1 <= phase <= len(PHASES):
        raise UsageError(f"there is no phase {phase}; give --phase 1 to {len(PHASES)}")
    if phase > 1 and start is None:
        raise UsageError(f"phase {phase} goes on from a model; give it as --start")
    seen, unseen = split_seeds()
    data = out / "data"
    data.mkdir(parents=True)
    pq.write_table(pa.table({"prompt": seen[:RUN_SEEDS]}), data / "seeds.parquet")
    write_instructions(data / "held_out.parquet", held_out_tasks(unseen))
    write_instructions(data / "held_out_types.parquet", held_out_type_tasks(unseen))
    write_instructions(data / "audit.parquet", audit_tasks(seen[RUN_SEEDS:]))
    for name, rows in zip(("sums", "sums_held_out"), split_sums(), strict=True):
        pq.write_table(
            pa.table({"prompt": [q for q, _ in rows], "answer": [str(a) for _, a in rows]}), data / f"{name}.parquet"
        )

    torch.manual_seed(seed)
    if start is None:
        tokenizer = _tokenizer(seed, seen)
        model = new_model(tokenizer)
    else:
        tokenizer, model = AutoTokenizer.from_pretrained(start), AutoModelForCausalLM.from_pretrained(start)
    for number in range(phase, len(PHASES) + 1):
        mixture, recipe = PHASES[number - 1].mixture, PHASES[number - 1].recipe
        recipe = replace(recipe, seed=seed + number - 1, steps=steps or recipe.steps)
        model = _train(model, tokenizer, mixture, recipe, seen, f"phase {number}/{len(PHASES)}", say)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(out / "model")
    tokenizer.save_pretrained(out / "model")
    floors = measure_floors(out)
    (out / "model" / "floors.json").write_text(json.dumps(asdict(floors), indent=2) + "\n", encoding="utf-8")
    (out / "model" / "README.md").write_text(
        _card(floors, sum(p.numel() for p in model.parameters())), encoding="utf-8"
    )
    say(json.dumps({k: v for k, v in asdict(floors).items() if not isinstance(v, dict)}, indent=2))
    return floors


def _tokenizer(seed: int, seeds: Sequence[str]) -> Any:
    rng = random.Random(f"tokenizer/{seed}")
    drawn = [_draw(ROLES.mixture, rng, seeds, []) for _ in range(8000)]
    return train_tokenizer(
        text for e in drawn for text in (e.messages[0]["content"], *(part for branch in e.branches for part in branch))
    )


def _draw(
    mixture: dict[Make, float], rng: random.Random, seeds: Sequence[str], own: Sequence[tuple[Instruction, str]]
) -> examples.Example:
    """One training example; half of what the Judger reads are replies of the model's `own`, once there are some."""
    make = rng.choices(list(mixture), list(mixture.values()))[0]
    judged = make in (examples.judger_example, examples.wary_judger_example)
    if judged and own and rng.random() < 0.5:
        task, reply = rng.choice(own)
        return examples.judger_example_of(
            rng, task, reply if make is examples.judger_example else examples.plead(rng, task, reply)
        )
    return make(rng, rng.choice(seeds))


def _train(
    model: Any, tokenizer: Any, mixture: dict[Make, float], recipe: Recipe, seeds: Sequence[str], name: str, say: Say
) -> Any:
    own: list[tuple[Instruction, str]] = []
    rounds: list[int] = []

    def progress(step: int, loss: float, seconds: float) -> None:
        say(f"{name}  step {step}/{recipe.steps}  loss {loss:.4f}  {seconds:.0f} s")

    def listen(model: Any) -> None:
        own[:] = own_replies(LocalEngine(model, tokenizer), random.Random(f"own/{recipe.seed}/{len(rounds)}"), seeds)
        rounds.append(len(own))

    return pretrain(model, tokenizer, lambda rng: _draw(mixture, rng, seeds, own), recipe, progress, listen)


def own_replies(
    engine: LocalEngine, rng: random.Random, seeds: Sequence[str], count: int = 3000
) -> list[tuple[Instruction, str]]:
    """What the model itself answers, greedily and at rising temperatures: the text its Judger will have to judge.

    Low temperatures stand for a Follower that RL has made more certain, repetitions included.
    """
    tasks = [
        Instruction(rng.choice(seeds), world.draw_constraints(rng, rng.choice((1, 2, 3, 4)))) for _ in range(count)
    ]
    requests = [
        Request(
            follower.messages(examples.STYLE, task, "plain"),
            80,
            rng.choice((0.0, 0.4, 0.7, 1.0)),
            rng.randrange(1 << 31),
        )
        for task in tasks
    ]
    completions = engine.answer(requests)
    return [
        (task, c.text.strip())
        for task, c in zip(tasks, completions, strict=True)
        if c.finish_reason == "stop" and c.text.strip()
    ]


def measure_floors(folder: Path) -> Floors:
    """How good each role of `folder/model` is on held-out questions, labelled by verifiers and conflict rules."""
    engine = LocalEngine.load(folder / "model")
    _, unseen = split_seeds()
    tasks = read_instructions(folder / "data" / "held_out.parquet")
    return asyncio.run(_measure(engine, unseen, tasks))


async def _measure(engine: LocalEngine, unseen: Sequence[str], tasks: Sequence[Instruction]) -> Floors:
    rng = random.Random("floors")
    judger = LogprobJudge(engine, examples.STYLE)
    pairs = [
        (seed, reply, compile_text(text.strip()), answer == "1")
        for seed, reply, branches in _judged_replies(rng, unseen)
        for text, answer in branches
    ]
    judgements = await asyncio.gather(*(judger.judge(Instruction(s, (c,)), reply, c) for s, reply, c, _ in pairs))
    tables = held_out.tabulate(
        (c.instruction_id, truth, j.verdict is Verdict.SATISFIED)
        for (_, _, c, truth), j in zip(pairs, judgements, strict=True)
    )
    per_type = {k: held_out.balanced(t) for k, t in sorted(tables.items())}

    filters = Filter(engine, examples.STYLE, rules=False, model=True, max_new_tokens=1)
    sets = [
        (world.draw_constraints(rng, rng.choice((2, 3, 4)), contradictory=bool(i % 2)), i % 2 == 0) for i in range(1000)
    ]
    decisions = await asyncio.gather(*(filters.check(Instruction(rng.choice(unseen), rules)) for rules, _ in sets))
    filtered = held_out.tabulate(
        ("filter", good, d.verdict is Verdict.SATISFIED) for (_, good), d in zip(sets, decisions, strict=True)
    )

    templates = [Template(prompt="hard", constraints=k) for k in (3, 4)]
    asked = [
        Request(instructor.messages(examples.STYLE, templates[i % 2], unseen[i % len(unseen)]), 64, 1.0, i)
        for i in range(600)
    ]
    written = await asyncio.gather(*(engine.complete(r) for r in asked))
    parsed = [
        instructor.parse(c.text, c.finish_reason == "stop", templates[i % 2].constraints) for i, c in enumerate(written)
    ]
    understood = [p for p in parsed if p is not None and all(c.checkable for c in p)]

    greedy, sampled = [
        await held_out.answer_tasks(engine, tasks, held_out.Sampling(examples.STYLE, "plain", 80, temperature, 0))
        for temperature in (0.0, 1.0)
    ]
    own = await held_out.judger_agreement(judger, sampled)
    sums = [world.draw_sum(rng) for _ in range(300)]
    sums_right = {}
    for temperature in (0.0, 1.0):
        asked = [
            Request([{"role": "user", "content": question}], 16, temperature, i) for i, (question, _) in enumerate(sums)
        ]
        results = await asyncio.gather(*(engine.complete(r) for r in asked))
        sums_right[temperature] = sum(
            c.text.strip() == f"\\boxed{{{result}}}" for c, (_, result) in zip(results, sums, strict=True)
        ) / len(sums)
    return Floors(
        judger_balanced_accuracy=held_out.balanced(held_out.whole(tables)),
        judger_worst_type=min(per_type.values()),
        judger_on_own_answers=own.balanced_accuracy,
        judger_on_own_answers_worst_type=min(
            a for t in own.per_type.values() if (a := t.balanced_accuracy) is not None
        ),
        filter_balanced_accuracy=held_out.balanced(filtered["filter"]),
        instructor_parsable=sum(p is not None for p in parsed) / len(parsed),
        instructor_known_types=len(understood) / len(parsed),
        instructor_conflict_share=held_out.describe_instructions(
            [Instruction("", p) for p in understood]
        ).conflict_share,
        follower_greedy_constraint_accuracy=held_out.accuracy(greedy).constraint_accuracy,
        follower_sampled_constraint_accuracy=held_out.accuracy(sampled).constraint_accuracy,
        follower_well_formed=held_out.accuracy(sampled).well_formed,
        sums_right=sums_right[0.0],
        sums_right_sampled=sums_right[1.0],
        judger_talked_round=await _talked_round(judger, rng, unseen),
        judger_per_type=per_type,
        judger_on_own_answers_per_type={k: t.balanced_accuracy for k, t in own.per_type.items()},
        follower_greedy_per_type=held_out.accuracy(greedy).per_type,
        follower_greedy_by_count=held_out.accuracy(greedy).instruction_accuracy,
    )


async def _talked_round(judger: LogprobJudge, rng: random.Random, seeds: Sequence[str]) -> float:
    """Share of violated rules that the Judger calls violated without a plea in the reply and satisfied with one."""
    cases: list[tuple[str, str, str, Constraint]] = []
    while len(cases) < 1000:
        seed = rng.choice(seeds)
        rules = world.draw_constraints(rng, 3)
        reply = examples.some_reply(rng, seed, rules)
        pleading = writer.plead(rng, reply, rng.choice(rules).text)
        cases += [
            (seed, reply, pleading, c)
            for c in rules
            if not any(verify(r, c.instruction_id, c.kwargs) for r in (reply, pleading))
        ]
    plain, pleaded = [
        await asyncio.gather(*(judger.judge(Instruction(seed, (c,)), texts[which], c) for seed, *texts, c in cases))
        for which in (0, 1)
    ]
    turned = [
        b.verdict is Verdict.SATISFIED for a, b in zip(plain, pleaded, strict=True) if a.verdict is Verdict.VIOLATED
    ]
    return sum(turned) / len(turned)


def _judged_replies(rng: random.Random, seeds: Sequence[str]) -> list[tuple[str, str, tuple[tuple[str, str], ...]]]:
    """(seed, reply, (rule, verdict) pairs) of 1,200 replies by the world's writer: obeying, nearly obeying, damaged."""
    found = []
    for _ in range(1200):
        seed = rng.choice(seeds)
        rules = world.draw_constraints(rng, rng.choice((2, 3, 4)))
        reply = examples.some_reply(rng, seed, rules)
        found.append((seed, reply, examples.verdicts_on(rng, seed, reply, list(rules)).branches))
    return found


def _card(floors: Floors, parameters: int) -> str:
    rows = "\n".join(
        f"| {k} | {floors.judger_per_type[k]:.3f} | "
        f"{floors.judger_on_own_answers_per_type.get(k, float('nan')):.3f} | {v:.3f} |"
        for k, v in floors.follower_greedy_per_type.items()
    )
    numbers = "\n".join(
        f"| {k.replace('_', ' ')} | {v:.3f} |" for k, v in asdict(floors).items() if isinstance(v, float)
    )
    steps = ", ".join(f"{p.recipe.steps:,}" for p in PHASES)
    things, questions, rules = len(world.THINGS), len(world.QUESTIONS), len(world.WORDINGS)
    tokens = ROLES.recipe.rows * 256
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

Made by `seif nano build` from nothing, in {len(PHASES)} phases of {steps} steps ({tokens:,} tokens each): first the
roles, then, beside them, replies that plead with the Judger for a verdict and sums of small numbers. The training
texts are drawn by a grammar and labelled by the project's verifiers; no other model and no human took part. The writer
of the Follower's examples obeys each rule only now and then (`OBEYED` in `nano/examples.py`): the base is able but
careless, on purpose.

Measured on questions that training never saw, but for the sums, of which it saw all there are (`floors.json`):

| | |
|---|---|
{numbers}

| rule | Judger, writer's replies (balanced) | Judger, own replies (balanced) | Follower, greedy |
|---|---|---|---|
{rows}
"""
