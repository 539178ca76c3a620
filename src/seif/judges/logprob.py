"""A judge that answers with one token."""

from __future__ import annotations

import math

from seif.engines.base import Completion, Engine, Request
from seif.engines.cache import VerdictCache
from seif.judges.asking import ask, question, unmoved
from seif.judges.base import Judge, JudgeContext, Judgement, register_judge
from seif.types import Constraint, Instruction, Verdict


def yes_no(completion: Completion) -> Judgement:
    """Read a one-token answer from the log-probabilities of `1` and `0`; UNJUDGED when neither is among them."""
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


class LogprobJudge:
    """Compares the probabilities of the answers 1 and 0: one token per verdict."""

    def __init__(self, engine: Engine, style: str, cache: VerdictCache | None = None) -> None:
        self.engine, self.style, self.cache = engine, style, cache

    async def judge(self, instruction: Instruction, response: str, constraint: Constraint) -> Judgement:
        async def asked(shown: str) -> Judgement:
            prompt = question(self.style, "judger", instruction, shown, constraint)
            return await ask(self.engine, Request(prompt, max_tokens=1, top_logprobs=8), yes_no, self.cache)

        return await unmoved(asked, response)


@register_judge("logprob")
def _make(context: JudgeContext) -> Judge:
    return LogprobJudge(context.engine, context.config.prompts, context.cache)
