from __future__ import annotations

import asyncio

import pytest

from seif.constraints.compiler import compile_text
from seif.engines.metered import counting
from seif.judges.hybrid import HybridJudge
from seif.scoring import FollowerScorer, check_unjudged
from seif.self_supervised.classifier import ClassifierJudge, Found
from seif.types import Constraint, Instruction, Verdict

COMMA, KIND, TITLE = compile_text("Avoid commas."), Constraint("Be kind."), compile_text("Add a title in <<>>.")
TASK = Instruction("Why?", (COMMA, KIND, TITLE))


def judger(probabilities, asked=None, **settings):
    async def ask(items):
        if asked is not None:
            asked.append(items)
        return [found if isinstance(found := probabilities[item.constraint], Found) else Found(found) for item in items]

    return ClassifierJudge(ask, **settings)


def score(judge, reply="Old, new."):
    return asyncio.run(FollowerScorer(judge, "plain").score(TASK, reply, True))


def test_the_reward_is_the_mean_of_probabilities_and_rule_results():
    hybrid = HybridJudge(judger({"Be kind.": 0.75}), sample=0.0)
    found = score(hybrid)
    assert found.reward == pytest.approx((0 + 0.75 + 0) / 3)
    assert (found.verdicts[1], found.soft_scores) == (Verdict.SATISFIED, (None, 0.75, None))
    assert found.adherence == pytest.approx(1 / 3)


def test_hard_labels_pay_nothing_in_between():
    assert score(HybridJudge(judger({"Be kind.": 0.75}, hard_labels=True), sample=0.0)).reward == pytest.approx(1 / 3)


def test_a_soft_type_is_judged_by_the_classifier_and_measured_by_its_rule():
    hybrid = HybridJudge(
        judger({"Be kind.": 0.5, "Avoid commas.": 0.9}), sample=0.0, soft_types=("punctuation:no_comma",)
    )
    found = score(hybrid)
    assert found.reward == pytest.approx((0.9 + 0.5 + 0) / 3)
    assert [(c.kind, c.rule, c.model) for c in found.checks] == [("punctuation:no_comma", False, True)]


def test_without_rules_the_classifier_judges_all():
    assert score(judger({"Be kind.": 0.2, "Avoid commas.": 0.4, "Add a title in <<>>.": 0.9})).reward == pytest.approx(
        0.5
    )


def test_what_it_reads_is_counted_once():
    judge = judger({"Be kind.": Found(0.5, tokens=20)})

    async def twice():
        await asyncio.gather(*(judge.judge(TASK, reply, KIND) for reply in ("Old.", "Old.", "New.")))

    with counting() as meter:
        asyncio.run(twice())
    assert meter.spent() == {"tokens": {"judger": 40}, "calls": {"judger": 2}}


def test_all_that_is_asked_in_one_tick_is_one_batch_without_repeats():
    asked = []
    judge = judger({"Be kind.": 0.5, "Avoid commas.": 0.5, "Add a title in <<>>.": 0.5}, asked)

    async def twice():
        await asyncio.gather(
            *(FollowerScorer(judge, "plain").score(TASK, reply, True) for reply in ("It is.", "It is.", "It was."))
        )
        await judge.judge(TASK, "It is.", KIND)

    asyncio.run(twice())
    assert [len(items) for items in asked] == [6, 1]


@pytest.mark.parametrize("broken", [Found(float("nan")), Found(None, "context too long")])
def test_no_number_is_no_verdict(broken):
    found = score(HybridJudge(judger({"Be kind.": broken}), sample=0.0))
    assert (found.verdicts[1], found.reward) == (Verdict.UNJUDGED, 0.0)
    assert found.causes == (broken.error or "probability is not a number",)
    assert check_unjudged([found], 0.5) == pytest.approx(1 / 3)
