"""A judge of verifiers alone."""

from __future__ import annotations

from seif.constraints.verifiers import verify
from seif.judges.base import Judge, JudgeContext, Judgement, register_judge
from seif.types import Constraint, Instruction, Verdict


class RulesJudge:
    """Verifiers alone, which are exact; a constraint that no rule checks stays UNJUDGED."""

    async def judge(self, instruction: Instruction, response: str, constraint: Constraint) -> Judgement:
        if not constraint.checkable:
            return Judgement(Verdict.UNJUDGED, cause="no rule")
        return Judgement(Verdict.of(verify(response, constraint.instruction_id, constraint.kwargs)))


@register_judge("rules", uses_model=False)
def _make(context: JudgeContext) -> Judge:
    return RulesJudge()
