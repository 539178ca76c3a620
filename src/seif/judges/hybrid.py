"""A judge that asks rules first and another judge for the rest."""

from __future__ import annotations

import zlib
from collections.abc import Collection
from dataclasses import replace

from seif.judges.base import Judge, JudgeContext, Judgement, judging_kind, register_judge
from seif.judges.rules import RulesJudge
from seif.types import Constraint, Instruction


class HybridJudge:
    """Rules where the compiler is certain, else a model; `soft_types` are judged by the model although a rule could.

    The model is also asked on a `sample` (a share, drawn by a hash of the question) of what rules decide. That verdict
    is not part of any reward; it shows how reliable the model is where only it can judge.
    """

    def __init__(self, model: Judge, sample: float, soft_types: Collection[str] = ()) -> None:
        self.rules, self.model, self.sample, self.soft_types = RulesJudge(), model, sample, soft_types

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


@register_judge("hybrid")
def _make(context: JudgeContext) -> Judge:
    config = context.config
    return HybridJudge(judging_kind(config).make(context), config.judger.sample, config.self_supervised.soft_types)
