"""Held-out tasks answered by a Follower and checked by verifiers alone; the Judger is measured, never used."""

from __future__ import annotations

import asyncio
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from seif.config import Config
from seif.constraints.conflicts import find_conflict
from seif.constraints.verifiers import verify
from seif.engines.base import Engine, Request
from seif.errors import UsageError
from seif.evaluation.results import Accuracy, Decoding, JudgeAgreement, PoolNumbers, Reliability, ReliabilityByType
from seif.instructions import read_instructions
from seif.judges.base import Judge
from seif.roles import follower
from seif.scoring import item_seed, type_of
from seif.stage_log import Tables
from seif.types import Constraint, Instruction, Verdict


@dataclass(frozen=True)
class Answer:
    """A Follower's answer to one task, and which constraints hold by the verifiers. `reply` None: bad format."""

    task: Instruction
    reply: str | None
    holds: tuple[bool, ...]


def load_tasks(path: Path) -> list[Instruction]:
    """Tasks whose every constraint a verifier checks. Raises UsageError naming the first row that has another kind."""
    tasks = read_instructions(path)
    for number, task in enumerate(tasks, 1):
        if not task.constraints or not all(c.checkable for c in task.constraints):
            raise UsageError(
                f"{path} row {number}: every held-out constraint needs an instruction id that a verifier checks"
            )
        try:
            for c in task.constraints:
                verify("probe", c.instruction_id, c.kwargs)
        except UsageError as error:
            raise UsageError(f"{path} row {number}: {error}") from error
    return tasks


async def answer_tasks(
    engine: Engine,
    tasks: Sequence[Instruction],
    style: str,
    response_format: str,
    max_new_tokens: int,
    temperature: float,
    seed: int,
) -> list[Answer]:
    """One answer per task, greedy at temperature 0; verdicts by the verifiers. A bad format satisfies nothing."""
    requests = [
        Request(
            follower.messages(style, task, response_format), max_new_tokens, temperature, item_seed("held out", seed, i)
        )
        for i, task in enumerate(tasks)
    ]
    completions = await asyncio.gather(*(engine.complete(r) for r in requests))
    answers = []
    for task, completion in zip(tasks, completions, strict=True):
        reply = follower.parse(completion.text, completion.finish_reason == "stop", response_format)
        holds = tuple(reply is not None and verify(reply, c.instruction_id, c.kwargs) for c in task.constraints)
        answers.append(Answer(task, reply, holds))
    return answers


async def answer_by_decoding(engine: Engine, config: Config) -> dict[Decoding, list[Answer]]:
    """Greedy and sampled answers to the config's held-out tasks, if it has some. Raises as `load_tasks` does."""
    if config.held_out is None:
        return {}
    tasks = load_tasks(Path(config.held_out))[: config.evaluation.tasks]
    style, form, limit = config.prompts, config.follower.format, config.answer_tokens
    # Asked at once, so that an engine can read every task once for both.
    greedy, sampled = await asyncio.gather(
        *(answer_tasks(engine, tasks, style, form, limit, temperature, config.seed) for temperature in (0.0, 1.0))
    )
    return {"greedy": greedy, "sampled": sampled}


def accuracy(answers: Sequence[Answer]) -> Accuracy:
    """Constraint- and instruction-level accuracy of at least one answer, with standard errors."""
    total = sum(len(a.holds) for a in answers)
    mean = sum(sum(a.holds) for a in answers) / total
    stderr = math.sqrt(sum((sum(a.holds) - mean * len(a.holds)) ** 2 for a in answers)) / total
    by_count: dict[str, list[bool]] = defaultdict(list)
    by_type: dict[str, list[bool]] = defaultdict(list)
    for a in answers:
        by_count[str(len(a.holds))].append(all(a.holds))
        for constraint, holds in zip(a.task.constraints, a.holds, strict=True):
            by_type[constraint.instruction_id].append(holds)
    shares = {k: sum(v) / len(v) for k, v in sorted(by_count.items())}
    return Accuracy(
        constraint_accuracy=mean,
        instruction_accuracy=shares,
        n=len(answers),
        stderr=stderr,
        instruction_stderr={k: math.sqrt(p * (1 - p) / len(by_count[k])) for k, p in shares.items()},
        per_type={k: sum(v) / len(v) for k, v in sorted(by_type.items())},
        per_type_n={k: len(v) for k, v in sorted(by_type.items())},
        well_formed=sum(a.reply is not None for a in answers) / len(answers),
        mean_words=sum(len((a.reply or "").split()) for a in answers) / len(answers),
        repetition=sum(repetition(a.reply or "") for a in answers) / len(answers),
    )


def repetition(text: str) -> float:
    """Share of three-word runs that occur earlier in the text: towards 1 for text that repeats itself."""
    words = text.split()
    runs = list(zip(words, words[1:], words[2:], strict=False))
    return 1 - len(set(runs)) / len(runs) if runs else 0.0


def tabulate(found: Iterable[tuple[str, bool, bool]]) -> Tables:
    """Count (type, rule says satisfied, model says satisfied)."""
    tables: Tables = {}
    for kind, rule, model in found:
        tables.setdefault(kind, [0, 0, 0, 0])[2 * (not rule) + (not model)] += 1
    return tables


def add_up(parts: Iterable[Tables]) -> Tables:
    """The cell-wise sum of tables."""
    total: Tables = {}
    for tables in parts:
        for kind, counts in tables.items():
            total[kind] = [a + b for a, b in zip(total.get(kind, [0, 0, 0, 0]), counts, strict=True)]
    return total


def whole(tables: Tables) -> list[int]:
    """The table over all types."""
    return [sum(column) for column in zip(*tables.values(), strict=True)] or [0, 0, 0, 0]


def reliability(table: Sequence[int]) -> Reliability:
    """What one table says of the model."""
    both, rule_only, model_only, neither = table
    n = sum(table)
    return Reliability(
        balanced_accuracy=balanced(table) if n else None,
        mean=(both + model_only) / n if n else None,
        verifier_mean=(both + rule_only) / n if n else None,
        precision_violated=neither / (neither + rule_only) if neither + rule_only else None,
        recall_violated=neither / (neither + model_only) if neither + model_only else None,
        n=n,
    )


def balanced(table: Sequence[int]) -> float:
    """Mean of the recalls on satisfied and on violated; over the classes that occur."""
    both, rule_only, model_only, neither = table
    recalls = [right / (right + wrong) for right, wrong in ((both, rule_only), (neither, model_only)) if right + wrong]
    return sum(recalls) / len(recalls)


def describe_tables(tables: Tables) -> ReliabilityByType:
    """`reliability` over all types, and per type."""
    per_type = {kind: reliability(table) for kind, table in sorted(tables.items())}
    return ReliabilityByType(**reliability(whole(tables)).to_json(), per_type=per_type)


async def judger_agreement(
    judger: Judge, answers: Sequence[Answer], judges: Callable[[Constraint], bool] = lambda constraint: True
) -> JudgeAgreement:
    """What the Judger says of well-formed answers, against the verifiers, over the pairs it judged.

    It is asked about the constraints that it `judges`.
    """
    pairs = [
        (answer, answer.reply, constraint, holds)
        for answer in answers
        if answer.reply is not None
        for constraint, holds in zip(answer.task.constraints, answer.holds, strict=True)
        if judges(constraint)
    ]
    judgements = await asyncio.gather(*(judger.judge(answer.task, reply, c) for answer, reply, c, _ in pairs))
    judged = [
        (c.instruction_id, holds, j.verdict is Verdict.SATISFIED)
        for (_, _, c, holds), j in zip(pairs, judgements, strict=True)
        if j.verdict is not Verdict.UNJUDGED
    ]
    found = describe_tables(tabulate(judged))
    return JudgeAgreement(**dict(found), unjudged=len(pairs) - len(judged))


def describe_instructions(instructions: Sequence[Instruction]) -> PoolNumbers:
    """What a pool of instructions is made of: types with counts, the top type's share, entropy (bits), conflicts."""
    counts = Counter(type_of(c) for x in instructions for c in x.constraints)
    total = counts.total()
    shares = [n / total for n in counts.values()]
    contradictory = sum(find_conflict(x.constraints) is not None for x in instructions)
    return PoolNumbers(
        instructions=len(instructions),
        types=dict(counts.most_common(60)),
        top_type=counts.most_common(1)[0][0] if counts else None,
        top_type_share=max(shares, default=0.0),
        type_entropy=-sum(p * math.log2(p) for p in shares),
        conflict_share=contradictory / max(1, len(instructions)),
        mean_constraints=total / max(1, len(instructions)),
    )
