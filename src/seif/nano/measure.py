"""How good the embedded model is, role by role, by the program's own roles and never by the training code."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path

from seif.config import Template
from seif.constraints.compiler import compile_text
from seif.constraints.verifiers import verify
from seif.engines.base import Request
from seif.engines.local import LocalEngine
from seif.evaluation import held_out
from seif.instructions import read_instructions
from seif.judges.logprob import LogprobJudge
from seif.nano import examples, world, writer
from seif.nano.floors import Floors
from seif.nano.tasks import held_out_type_tasks, split_seeds
from seif.roles import instructor
from seif.roles.filter import Filter
from seif.types import Constraint, Instruction, Verdict


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

    written = await _written(engine, unseen, [()] * 600)
    understood = [p for p in written if p is not None and all(c.checkable for c in p)]
    pool = held_out.describe_instructions([Instruction("", p) for p in understood])
    types = [tuple(rng.sample(list(world.WORDINGS), 3 + i % 2)) for i in range(600)]
    obeyed = [
        len({*types[i]} & {c.instruction_id for c in p or ()})
        for i, p in enumerate(await _written(engine, unseen, types))
    ]

    greedy, sampled = [
        await held_out.answer_tasks(engine, tasks, held_out.Sampling(examples.STYLE, "plain", 80, temperature, 0))
        for temperature in (0.0, 1.0)
    ]
    held_out_types = await held_out.answer_tasks(
        engine, held_out_type_tasks(unseen), held_out.Sampling(examples.STYLE, "plain", 80, 1.0, 0)
    )
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
        instructor_parsable=sum(p is not None for p in written) / len(written),
        instructor_known_types=len(understood) / len(written),
        instructor_conflict_share=pool.conflict_share,
        instructor_writes_asked=sum(obeyed) / sum(map(len, types)),
        instructor_shares={t: pool.types.get(t, 0) / sum(pool.types.values()) for t in world.WORDINGS},
        follower_held_out_types=held_out.accuracy(held_out_types).constraint_accuracy,
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


async def _written(
    engine: LocalEngine, seeds: Sequence[str], types: Sequence[tuple[str, ...]]
) -> list[tuple[Constraint, ...] | None]:
    """What the Instructor writes when it is asked for these types; without types, for 3 or 4 constraints."""
    templates = [Template(prompt="hard", constraints=3 + i % 2) for i in range(len(types))]
    asked = [
        Request(instructor.messages(examples.STYLE, t, seeds[i % len(seeds)], types[i]), 64, 1.0, i)
        for i, t in enumerate(templates)
    ]
    completions = await asyncio.gather(*(engine.complete(r) for r in asked))
    return [
        instructor.parse(c.text, c.finish_reason == "stop", t.constraints)
        for c, t in zip(completions, templates, strict=True)
    ]


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
