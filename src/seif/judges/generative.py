"""A judge that reasons before its verdict."""

from __future__ import annotations

import re

from seif.engines.base import Completion, Engine, Request
from seif.engines.cache import VerdictCache
from seif.judges.asking import ask, question, unmoved
from seif.judges.base import Judge, JudgeContext, Judgement, register_judge
from seif.types import Constraint, Instruction, Verdict

_MARKER = re.compile(r"\[\[\s*([01])\s*\]\]")


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


class GenerativeJudge:
    """Reasons first, then writes [[1]] or [[0]]; the last marker counts."""

    def __init__(self, engine: Engine, style: str, max_new_tokens: int, cache: VerdictCache | None = None) -> None:
        self.engine, self.style, self.max_new_tokens, self.cache = engine, style, max_new_tokens, cache

    async def judge(self, instruction: Instruction, response: str, constraint: Constraint) -> Judgement:
        async def asked(shown: str) -> Judgement:
            prompt = question(self.style, "judger_generative", instruction, shown, constraint)
            return await ask(self.engine, Request(prompt, max_tokens=self.max_new_tokens), last_marker, self.cache)

        return await unmoved(asked, response)


@register_judge("generative")
def _make(context: JudgeContext) -> Judge:
    return GenerativeJudge(context.engine, context.config.prompts, context.config.judger.max_new_tokens, context.cache)
