"""The Judger: one verdict per (answer, constraint), each constraint judged alone."""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Protocol

from seif.constraints.verifiers import verify
from seif.engines.base import Completion, Engine, Request
from seif.engines.cache import VerdictCache
from seif.roles.quoting import defuse, mark_of
from seif.roles.templates import Messages, render
from seif.types import Constraint, Instruction, Verdict

_MARKER = re.compile(r"\[\[\s*([01])\s*\]\]")


@dataclass(frozen=True)
class Judgement:
    """A verdict with its reason when there is none (`cause`), and the probability of *satisfied* where the judge has one."""

    verdict: Verdict
    probability: float | None = None
    cause: str = ""
    model: Verdict | None = None
    """What a model said, where one was asked; beside a rule's verdict it tells how far the model can be trusted."""
    worth: float | None = None
    """What the verdict is worth as a reward where that is not 1 or 0: a classifier pays its probability."""


class Judger(Protocol):
    """Anything that judges."""

    async def judge(self, instruction: Instruction, response: str, constraint: Constraint) -> Judgement:
        """One verdict. What can't be judged comes back as UNJUDGED with a cause; nothing is raised for it."""
        ...


def yes_no(completion: Completion) -> Judgement:
    """Read a one-token answer from its log-probabilities of `1` and `0`; UNJUDGED when neither is among the likeliest."""
    if completion.error:
        return Judgement(Verdict.UNJUDGED, cause=completion.error)
    scores = {"1": -math.inf, "0": -math.inf}
    for token, logprob in completion.first_token_logprobs.items():
        if token.strip() in scores:
            scores[token.strip()] = max(scores[token.strip()], logprob)
    if scores["1"] == scores["0"] == -math.inf:
        return Judgement(Verdict.UNJUDGED, cause="no verdict token")
    probability = 1 / (1 + math.exp(min(700.0, scores["0"] - scores["1"])))
    verdict = Verdict.of(scores["1"] > scores["0"])
    return Judgement(verdict, probability, model=verdict)


def last_marker(completion: Completion) -> Judgement:
    """Read the last [[1]] or [[0]] in the judge's own words."""
    if completion.error:
        return Judgement(Verdict.UNJUDGED, cause=completion.error)
    if completion.finish_reason == "length":
        # A judge that was cut off may have been about to change its mind.
        return Judgement(Verdict.UNJUDGED, cause="cut off")
    found = _MARKER.findall(completion.text)
    if not found:
        return Judgement(Verdict.UNJUDGED, cause="no marker")
    verdict = Verdict.of(found[-1] == "1")
    return Judgement(verdict, model=verdict)


async def ask(engine: Engine, request: Request, read: Callable[[Completion], Judgement], cache: VerdictCache | None) -> Judgement:
    """A model's verdict as `read` finds it, out of `cache` where that holds it. What could not be judged is not kept."""
    known = cache.find(request) if cache else None
    if known:
        return Judgement(*known, model=known[0])
    judgement = read(await engine.complete(request))
    if cache and judgement.verdict is not Verdict.UNJUDGED:
        cache.keep(request, judgement.verdict, judgement.probability)
    return judgement


def question(style: str, name: str, instruction: Instruction, response: str, constraint: Constraint) -> Messages:
    """What a Judger is asked. Nothing in it that a model wrote can pass for the question's own words."""
    shown = defuse(response)
    return render(
        style,
        name,
        seed=defuse(instruction.seed),
        instruction=defuse(instruction.prompt),
        mark=mark_of(shown),
        response=shown,
        constraint=defuse(constraint.text),
    )


class LogprobJudger:
    """Compares the probabilities of the answers 1 and 0: one token per verdict."""

    def __init__(self, engine: Engine, style: str, cache: VerdictCache | None = None) -> None:
        self.engine, self.style, self.cache = engine, style, cache

    async def judge(self, instruction: Instruction, response: str, constraint: Constraint) -> Judgement:
        prompt = question(self.style, "judger", instruction, response, constraint)
        return await ask(self.engine, Request(prompt, max_tokens=1, top_logprobs=8), yes_no, self.cache)


class GenerativeJudger:
    """Reasons first, then writes [[1]] or [[0]]; the last marker counts."""

    def __init__(self, engine: Engine, style: str, max_new_tokens: int, cache: VerdictCache | None = None) -> None:
        self.engine, self.style, self.max_new_tokens, self.cache = engine, style, max_new_tokens, cache

    async def judge(self, instruction: Instruction, response: str, constraint: Constraint) -> Judgement:
        prompt = question(self.style, "judger_generative", instruction, response, constraint)
        return await ask(self.engine, Request(prompt, max_tokens=self.max_new_tokens), last_marker, self.cache)


class RulesJudger:
    """Verifiers alone: exact and free; a constraint that no rule checks stays UNJUDGED."""

    async def judge(self, instruction: Instruction, response: str, constraint: Constraint) -> Judgement:
        if not constraint.checkable:
            return Judgement(Verdict.UNJUDGED, cause="no rule")
        return Judgement(Verdict.of(verify(response, constraint.instruction_id, constraint.kwargs)))


class HybridJudger:
    """Rules where the compiler is certain, else a model; `soft_types` are judged by the model although a rule could.

    The model is also asked on a `sample` (a share, drawn by a hash of the question) of what rules decide. That verdict
    pays nobody; it shows how reliable the model is where only it can judge.
    """

    def __init__(self, model: Judger, sample: float, soft_types: Collection[str] = ()) -> None:
        self.rules, self.model, self.sample, self.soft_types = RulesJudger(), model, sample, soft_types

    async def judge(self, instruction: Instruction, response: str, constraint: Constraint) -> Judgement:
        if not constraint.checkable or constraint.instruction_id in self.soft_types:
            return await self.model.judge(instruction, response, constraint)
        ruled = await self.rules.judge(instruction, response, constraint)
        if not self._sampled(instruction.prompt, response, constraint.text):
            return ruled
        said = await self.model.judge(instruction, response, constraint)
        return replace(ruled, model=said.verdict)

    def _sampled(self, *question: str) -> bool:
        return zlib.crc32("\x00".join(question).encode("utf-8", errors="replace")) < self.sample * 2**32
