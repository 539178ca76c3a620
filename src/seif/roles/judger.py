"""The Judger: one verdict per (answer, constraint), each constraint judged alone."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Protocol

from seif.constraints.verifiers import verify
from seif.engines.base import Completion, Engine, Request
from seif.roles.templates import render
from seif.types import Constraint, Instruction, Verdict

_MARKER = re.compile(r"\[\[\s*([01])\s*\]\]")


@dataclass(frozen=True)
class Judgement:
    """A verdict with its reason when there is none (`cause`), and the probability of *satisfied* where the judge has one."""

    verdict: Verdict
    probability: float | None = None
    cause: str = ""


class Judger(Protocol):
    """Anything that judges."""

    async def judge(self, instruction: Instruction, response: str, constraint: Constraint) -> Judgement:
        """One verdict. What can't be judged comes back as UNJUDGED with a cause; nothing is raised for it."""
        ...


def neutralise(response: str) -> str:
    """The reply with anything that looks like a verdict marker defused: a reply can't vote for itself."""
    return _MARKER.sub(lambda m: f"(({m.group(1)}))", response)


def yes_no(completion: Completion) -> Judgement:
    """Read a one-token answer from its log-probabilities of `1` and `0`; UNJUDGED when neither is among the likeliest."""
    if completion.error:
        return Judgement(Verdict.UNJUDGED, cause="error")
    scores = {"1": -math.inf, "0": -math.inf}
    for token, logprob in completion.first_token_logprobs.items():
        if token.strip() in scores:
            scores[token.strip()] = max(scores[token.strip()], logprob)
    if scores["1"] == scores["0"] == -math.inf:
        return Judgement(Verdict.UNJUDGED, cause="no verdict token")
    probability = 1 / (1 + math.exp(min(700.0, scores["0"] - scores["1"])))
    return Judgement(Verdict.of(scores["1"] > scores["0"]), probability)


def last_marker(completion: Completion) -> Judgement:
    """Read the last [[1]] or [[0]] in the judge's own words."""
    if completion.error:
        return Judgement(Verdict.UNJUDGED, cause="error")
    if completion.finish_reason == "length":
        # A judge that was cut off may have been about to change its mind.
        return Judgement(Verdict.UNJUDGED, cause="cut off")
    found = _MARKER.findall(completion.text)
    if not found:
        return Judgement(Verdict.UNJUDGED, cause="no marker")
    return Judgement(Verdict.of(found[-1] == "1"))


class LogprobJudger:
    """Compares the probabilities of the answers 1 and 0: one token per verdict."""

    def __init__(self, engine: Engine, style: str) -> None:
        self.engine, self.style = engine, style

    async def judge(self, instruction: Instruction, response: str, constraint: Constraint) -> Judgement:
        prompt = render(self.style, "judger", seed=instruction.seed, instruction=instruction.prompt, response=neutralise(response), constraint=constraint.text)
        return yes_no(await self.engine.complete(Request(prompt, max_tokens=1, top_logprobs=8)))


class GenerativeJudger:
    """Reasons first, then writes [[1]] or [[0]]; the last marker counts."""

    def __init__(self, engine: Engine, style: str, max_new_tokens: int) -> None:
        self.engine, self.style, self.max_new_tokens = engine, style, max_new_tokens

    async def judge(self, instruction: Instruction, response: str, constraint: Constraint) -> Judgement:
        prompt = render(
            self.style, "judger_generative", seed=instruction.seed, instruction=instruction.prompt, response=neutralise(response), constraint=constraint.text
        )
        return last_marker(await self.engine.complete(Request(prompt, max_tokens=self.max_new_tokens)))


class RulesJudger:
    """Verifiers alone: exact and free; a constraint that no rule checks stays UNJUDGED."""

    async def judge(self, instruction: Instruction, response: str, constraint: Constraint) -> Judgement:
        if not constraint.checkable:
            return Judgement(Verdict.UNJUDGED, cause="no rule")
        return Judgement(Verdict.of(verify(response, constraint.instruction_id, constraint.kwargs)))
