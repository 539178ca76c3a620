import asyncio

import pytest

from seif.constraints.compiler import compile_text
from seif.errors import RunError
from seif.judges import Judgement
from seif.judges.audited import UNRELIABLE, AuditedJudge, ErrorRates, Reliance
from seif.scoring import FollowerScorer, check_unjudged
from seif.types import Constraint, Instruction, Verdict

COMMA, TITLE, SOFT = compile_text("Avoid commas."), compile_text("Add a title in <<>>."), Constraint("Be kind.")


class Asked:
    """Finds all satisfied, and notes what it was asked."""

    def __init__(self, verdict=Verdict.SATISFIED):
        self.verdict, self.asked = verdict, []

    async def judge(self, instruction, response, constraint):
        self.asked.append(constraint)
        return Judgement(self.verdict, model=self.verdict)


def judge(inner, reliance, constraint, asks=lambda constraint: True):
    audited = AuditedJudge(inner, reliance, asks)
    return asyncio.run(audited.judge(Instruction("Why?", (constraint,)), "It is.", constraint))


def reliance(unreliable=(), rates=None):
    return Reliance(frozenset({COMMA.instruction_id, TITLE.instruction_id}), frozenset(unreliable), rates or {})


def test_an_unreliable_type_is_unjudged_without_a_question():
    inner = Asked()
    found = judge(inner, reliance([COMMA.instruction_id]), COMMA)
    assert (found.verdict, found.cause, inner.asked) == (Verdict.UNJUDGED, UNRELIABLE, [])
    assert judge(inner, reliance([COMMA.instruction_id]), TITLE) == Judgement(
        Verdict.SATISFIED, model=Verdict.SATISFIED
    )


def test_what_rules_decide_passes():
    found = judge(Asked(), reliance([COMMA.instruction_id]), COMMA, asks=lambda constraint: not constraint.checkable)
    assert found.verdict is Verdict.SATISFIED


def test_verdicts_are_corrected_within_bounds():
    rates = {COMMA.instruction_id: ErrorRates(0.9, 0.4), "soft": ErrorRates(0.5, 0.3)}
    assert judge(Asked(), reliance(rates=rates), COMMA).soft_score == pytest.approx(1.2)
    assert judge(Asked(Verdict.VIOLATED), reliance(rates=rates), COMMA).soft_score == pytest.approx(-0.8)
    assert judge(Asked(), reliance(rates=rates), SOFT).soft_score == 2.0
    assert judge(Asked(Verdict.VIOLATED), reliance(rates=rates), SOFT).soft_score == -1.0
    assert judge(Asked(Verdict.UNJUDGED), reliance(rates=rates), COMMA).soft_score is None
    assert judge(Asked(), reliance(rates=rates), TITLE).soft_score is None


def test_unreliable_types_are_no_failure_of_the_judge():
    scorer = FollowerScorer(AuditedJudge(Asked(), reliance([COMMA.instruction_id]), lambda c: True), "plain")
    score = asyncio.run(scorer.score(Instruction("Why?", (COMMA, TITLE)), "It is.", True))
    assert (score.reward, score.causes, score.failures) == (1.0, (UNRELIABLE,), 0)
    assert check_unjudged([score], 0.0) == 0.0


def test_the_judge_that_raises_is_named():
    class Broken:
        async def judge(self, instruction, response, constraint):
            raise ValueError("no")

    with pytest.raises(RunError, match="the judge Broken failed: ValueError: no"):
        judge(Broken(), reliance(), COMMA)
