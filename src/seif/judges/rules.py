"""A judge of verifiers alone."""

from __future__ import annotations

from seif.constraints.verifiers import TOO_LONG, verdict_of
from seif.judges.base import Judge, JudgeContext, Judgement, register_judge
from seif.types import Constraint, Instruction, Verdict


class RulesJudge:
    """Verifiers alone, which are exact; a constraint that no rule checks, or a response past their limits, stays
    UNJUDGED."""

    async def judge(self, instruction: Instruction, response: str, constraint: Constraint) -> Judgement:
        if not constraint.checkable:
            return Judgement(Verdict.UNJUDGED, cause="no rule")
        verdict = verdict_of(response, constraint)
        return Judgement(verdict, cause=TOO_LONG if verdict is Verdict.UNJUDGED else "")


@register_judge("rules", uses_model=False)
def _make(context: JudgeContext) -> Judge:
    return RulesJudge()
