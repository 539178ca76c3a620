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
from seif.constraints.taxonomy import type_of
from seif.constraints.verifiers import TOO_LONG, verdict_of, verify
from seif.engines.base import Engine, Request
from seif.errors import UsageError
from seif.evaluation.results import Accuracy, Decoding, JudgeAgreement, PoolNumbers, Reliability, ReliabilityByType
from seif.instructions import read_instructions
from seif.journal import ask_all
from seif.judges.base import Judge
from seif.roles import follower
from seif.scoring import item_seed
from seif.stage_log import Tables
from seif.types import Constraint, Instruction, Verdict


@dataclass(frozen=True)
class Answer:
    """A Follower's answer to one task, and which constraints hold by the verifiers."""

    task: Instruction
    reply: str | None
    """None: bad format, or no reply."""
    holds: tuple[bool, ...]
    error: str = ""
    """Why the engine gave no reply; then nothing is known to hold."""


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


Reply = tuple[str, bool]
"""A text, and whether it ended."""


@dataclass(frozen=True)
class Sampling:
    """How tasks are answered."""

    style: str
    """Which prompts they are asked with."""
    response_format: str
    max_new_tokens: int
    temperature: float
    """0: greedy."""
    seed: int


async def answer_tasks(
    engine: Engine, tasks: Sequence[Instruction], sampling: Sampling, parts: Path | None = None
) -> list[Answer]:
    """One answer per task; verdicts by the verifiers. A bad format satisfies nothing, and so does a missing reply;
    `Answer.error` tells which one it was.

    What is answered is kept in the file `parts`, and not asked again where that holds it.
    """

    errors: dict[int, str] = {}

    async def ask(place: int) -> Reply | None:
        seed = item_seed("held out", sampling.seed, place)
        prompt = follower.messages(sampling.style, tasks[place], sampling.response_format)
        completion = await engine.complete(Request(prompt, sampling.max_new_tokens, sampling.temperature, seed))
        if completion.error:
            errors[place] = completion.error
            return None
        return completion.text, completion.finish_reason == "stop"

    replies = await ask_all(ask, len(tasks), parts)
    answers = []
    for place, (task, found) in enumerate(zip(tasks, replies, strict=True)):
        text, finished = found or ("", False)
        reply = follower.parse(text, finished, sampling.response_format)
        verdicts = [verdict_of(reply, c) if reply is not None else Verdict.VIOLATED for c in task.constraints]
        error = TOO_LONG if Verdict.UNJUDGED in verdicts else ""
        holds = tuple(v is Verdict.SATISFIED for v in verdicts)
        answers.append(Answer(task, reply, holds, errors.get(place, error)))
    return answers


async def answer_by_decoding(
    engine: Engine, config: Config, file: str | None, parts: Path | None = None, name: str = ""
) -> dict[Decoding, list[Answer]]:
    """Greedy and sampled answers to the held-out tasks of `file`, if there is one, as `config.evaluation` limits them.

    What is answered is kept in the folder `parts`, in files that begin with `name`. Raises as `load_tasks` does.
    """
    if file is None:
        return {}
    tasks = load_tasks(Path(file))[: config.evaluation.tasks]

    async def answer(decoding: Decoding, temperature: float) -> list[Answer]:
        sampling = Sampling(config.prompts, config.follower.format, config.answer_tokens, temperature, config.seed)
        return await answer_tasks(engine, tasks, sampling, parts and parts / f"{name}{decoding}.jsonl")

    # Asked at once, so that an engine can read every task once for both.
    greedy, sampled = await asyncio.gather(answer("greedy", 0.0), answer("sampled", 1.0))
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
    judger: Judge,
    answers: Sequence[Answer],
    judges: Callable[[Constraint], bool] = lambda constraint: True,
    parts: Path | None = None,
) -> JudgeAgreement:
    """What the Judger says of well-formed answers, against the verifiers, over the pairs it judged.

    It is asked about the constraints that it `judges`. Its verdicts are kept in the file `parts`, and not asked for
    again where that holds them.
    """
    judged, unjudged = await judge_answers(judger, answers, judges, parts)
    found = describe_tables(tabulate((v.kind, v.holds, v.satisfied) for v in judged))
    return JudgeAgreement(**dict(found), unjudged=len(unjudged))


@dataclass(frozen=True)
class Judged:
    """A judge's verdict beside the verifier's."""

    task: int
    """The answer's number, from 0."""
    kind: str
    """The constraint's type."""
    holds: bool
    satisfied: bool
    """What the judge says."""
    soft_score: float | None = None
    """What counts in rewards in place of 1 or 0, where the judge gave it."""


@dataclass(frozen=True)
class Unjudged:
    """A verdict that a judge did not give."""

    kind: str
    """The constraint's type."""
    cause: str


async def judge_answers(
    judger: Judge,
    answers: Sequence[Answer],
    judges: Callable[[Constraint], bool] = lambda constraint: True,
    parts: Path | None = None,
) -> tuple[list[Judged], list[Unjudged]]:
    """The Judger's verdicts on well-formed answers, and those that it did not give; otherwise as `judger_agreement`."""
    pairs = [
        (task, answer.reply, constraint, holds)
        for task, answer in enumerate(answers)
        if answer.reply is not None
        for constraint, holds in zip(answer.task.constraints, answer.holds, strict=True)
        if judges(constraint)
    ]

    causes: dict[int, str] = {}

    async def ask(place: int) -> tuple[bool, float | None] | None:
        task, reply, constraint, _ = pairs[place]
        judgement = await judger.judge(answers[task].task, reply, constraint)
        if judgement.verdict is Verdict.UNJUDGED:
            causes[place] = judgement.cause
            return None
        return judgement.verdict is Verdict.SATISFIED, judgement.soft_score

    verdicts = await ask_all(ask, len(pairs), parts, what="verdicts")
    judged = [
        Judged(task, constraint.instruction_id, holds, *verdict)
        for (task, _, constraint, holds), verdict in zip(pairs, verdicts, strict=True)
        if verdict is not None
    ]
    return judged, [Unjudged(pairs[place][2].instruction_id, cause) for place, cause in sorted(causes.items())]


class Pool:
    """Counts what instructions are made of, one after the other."""

    def __init__(self) -> None:
        self.instructions = self.contradictory = 0
        self._types: Counter[str] = Counter()

    def add(self, instruction: Instruction, contradictory: bool) -> None:
        """Count one instruction, which rules prove to be `contradictory` or not."""
        self.instructions += 1
        self.contradictory += contradictory
        self._types.update(map(type_of, instruction.constraints))

    def numbers(self) -> PoolNumbers:
        """Types with counts, the top type's share, entropy (bits), conflicts."""
        counts, total = self._types, self._types.total()
        shares = [n / total for n in counts.values()]
        return PoolNumbers(
            instructions=self.instructions,
            types=dict(counts.most_common(60)),
            top_type=counts.most_common(1)[0][0] if counts else None,
            top_type_share=max(shares, default=0.0),
            type_entropy=-sum(p * math.log2(p) for p in shares),
            conflict_share=self.contradictory / max(1, self.instructions),
            mean_constraints=total / max(1, self.instructions),
        )


def describe_instructions(instructions: Iterable[Instruction]) -> PoolNumbers:
    """What a pool of instructions is made of."""
    pool = Pool()
    for x in instructions:
        pool.add(x, find_conflict(x.constraints) is not None)
    return pool.numbers()
