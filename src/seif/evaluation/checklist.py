"""Checklists as a suite: one greedy reply per chat, and one verdict per criterion, by rules where they can check it and
by any judge where not.

    {"prompt": "Write a toast.", "criteria": ["Use at least 3 sentences.", "The tone is warm."]}
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from seif.atomic import write_atomically
from seif.engines.base import Engine, Request
from seif.engines.together import PENDING
from seif.errors import UsageError
from seif.evaluation.answering import Reply, answer, progress
from seif.evaluation.criteria import Item, load_items
from seif.evaluation.results import SuiteResult
from seif.evaluation.satisfaction import Rate, Satisfaction, depending, satisfaction
from seif.evaluation.suites import SuiteSettings, suite
from seif.journal import ask_all
from seif.judges.base import Judge, Judgement
from seif.judges.hybrid import HybridJudge
from seif.outputs import check_new
from seif.quantities import quantity
from seif.scoring import within_limit
from seif.tables import write_json_lines
from seif.types import Constraint, Instruction, Json, Verdict

MAX_NEW_TOKENS = 2048
NO_REPLY = "no reply"
"""Why the criteria of a row are unjudged that the model could not be asked."""
_SHOWN = ("CSR", "ISR", "PSR", "DRFR")


@dataclass(frozen=True)
class Judged:
    """One verdict of a reply."""

    verdict: Verdict
    by_rule: bool
    probability: float | None = None
    cause: str = ""
    """Why it is unjudged."""


async def judge_replies(
    judge: Judge, items: Sequence[Item], replies: Sequence[Reply], settings: SuiteSettings
) -> list[list[Judged]]:
    """One verdict per criterion of each row. Rules come first; `judge` is asked about the rest.

    An empty reply satisfies nothing, as in IFEval, and nobody is asked about it. Verdicts are kept in the folder
    `settings.parts`; what is unjudged is asked again by the same command.
    """
    asked = [(i, j) for i, item in enumerate(items) for j in range(len(item.criteria))]
    hybrid = HybridJudge(judge, sample=0)
    missing: dict[int, str] = {}
    done = progress(settings.report, len(asked), "verdict", "given")

    async def judge_one(place: int) -> tuple[int, float | None] | None:
        row, number = asked[place]
        found = await _judge(hybrid, items[row].instruction, replies[row], items[row].criteria[number].constraint)
        done()
        if found.verdict is Verdict.UNJUDGED:
            missing[place] = found.cause
            return None
        return found.verdict.value, found.probability

    kept = settings.parts and settings.parts / "verdicts.jsonl"
    found = await ask_all(judge_one, len(asked), kept, PENDING)
    judged: list[list[Judged]] = [[] for _ in items]
    for place, ((row, number), known) in enumerate(zip(asked, found, strict=True)):
        by_rule = items[row].criteria[number].constraint.checkable
        value, probability = known or (Verdict.UNJUDGED.value, None)
        judged[row].append(Judged(Verdict(value), by_rule, probability, missing.get(place, "")))
    return judged


async def _judge(judge: Judge, instruction: Instruction, reply: Reply, constraint: Constraint) -> Judgement:
    if reply.error:
        return Judgement(Verdict.UNJUDGED, cause=f"{NO_REPLY}: {reply.error}")
    if not reply.answer.strip():
        return Judgement(Verdict.VIOLATED)
    return await judge.judge(instruction, reply.answer, constraint)


def rates(found: Satisfaction) -> dict[str, Rate]:
    """Every measure that has a value, by the name under which it is shown."""
    named = dict(zip(_SHOWN, (found.csr, found.isr, found.psr, found.drfr), strict=True))
    for level, at in found.levels.items():
        named |= {f"HSR level {level}": at.hsr, f"SSR level {level}": at.ssr}
    return {name: rate for name, rate in named.items() if rate.value is not None}


def describe(found: Satisfaction, judged: Sequence[Sequence[Judged]], replies: Sequence[Reply]) -> list[str]:
    """The result in lines for a terminal: the measures with their 95% intervals, who judged, then what is missing."""
    lines = [f"checklist: {quantity(found.n_instructions, 'instruction')}, criteria: {found.n_criteria:,}"]
    for name, rate in rates(found).items():
        interval = "" if rate.low is None else f"  95% interval {rate.low:.1%} to {rate.high:.1%}"
        lines.append(f"{name:<12} {rate.value:6.1%}{interval}  n {rate.n:,}")
    by_rule = sum(verdict.by_rule for row in judged for verdict in row)
    lines.append(f"{by_rule:,} of {found.n_criteria:,} criteria checked by rules")
    if found.unjudged:
        causes = Counter(verdict.cause for row in judged for verdict in row if verdict.cause)
        why = ", ".join(f"{count:,} {cause}" for cause, count in causes.most_common())
        lines.append(f"{found.unjudged:,} unjudged, in no measure ({why})")
    if cut_off := sum(not reply.finished and not reply.error for reply in replies):
        lines.append(f"{cut_off:,} of {len(replies):,} replies cut off by the limit of tokens, judged as they stand")
    return lines


def records(items: Sequence[Item], replies: Sequence[Reply], judged: Sequence[Sequence[Judged]]) -> list[Json]:
    """One JSON object per row: what was asked and said, and each criterion with its verdict."""
    return [
        {
            "messages": item.messages,
            **({"tools": item.tools} if item.tools else {}),
            **({"level": item.level} if item.level is not None else {}),
            "response": reply.answer,
            "criteria": [
                {
                    "text": criterion.constraint.text,
                    "verdict": verdict.verdict.name.lower(),
                    "with_dependencies": joined.name.lower(),
                    "by": "rule" if verdict.by_rule else "judge",
                    "probability": verdict.probability,
                    **({"cause": verdict.cause} if verdict.cause else {}),
                }
                for criterion, verdict, joined in zip(
                    item.criteria, row, depending(item, [v.verdict for v in row]), strict=True
                )
            ],
            "finished": reply.finished,
            **({"error": reply.error} if reply.error else {}),
        }
        for item, reply, row in zip(items, replies, judged, strict=True)
    ]


def _check(settings: SuiteSettings) -> None:
    if settings.judge is None:
        raise UsageError("--suite checklist needs a judge: give --judge-model, or --set judger.kind=rules")
    if settings.prompts is not None:
        load_items(settings.prompts)
    if settings.responses is not None:
        check_new(settings.responses, [settings.prompts], option="--responses", stream=True)


@suite("checklist", takes=("limit", "responses", "judge_model"), needs=("prompts",), check=_check)
async def checklist(engine: Engine, settings: SuiteSettings) -> SuiteResult:
    """Criteria of one's own, or those of CFBench, FollowBench, ComplexBench and others, judged one by one.

    Raises RunError where more criteria than `judger.max_unjudged` are without a verdict.
    """
    assert settings.prompts is not None
    assert settings.judge is not None
    items = load_items(settings.prompts)[: settings.limit]
    length = settings.config.evaluation.max_new_tokens or MAX_NEW_TOKENS
    replies = await answer(engine, [Request(i.messages, length, tools=i.tools) for i in items], settings, "instruction")
    with settings.judge() as judge:
        judged = await judge_replies(judge, items, replies, settings)
    found = satisfaction(items, [[verdict.verdict for verdict in row] for row in judged])
    causes = Counter(verdict.cause for row in judged for verdict in row if verdict.cause)
    within_limit(causes, found.n_criteria, settings.config.judger.max_unjudged, "criteria's verdicts")
    if settings.responses is not None:
        lines = records(items, replies, judged)
        write_atomically(settings.responses, lambda partial: write_json_lines(partial, lines))
    measured = rates(found)
    return SuiteResult(
        numbers={name: rate.value for name, rate in measured.items()},
        stderr={name: rate.stderr for name, rate in measured.items()},
        n=found.n_instructions,
        lines=tuple(describe(found, judged, replies)),
        details=found.to_json(),
    )
