import asyncio

import pytest

from seif.archive import Archive
from seif.config import Instructor
from seif.constraints.compiler import compile_text
from seif.constraints.signature import signature_of
from seif.constraints.taxonomy import type_of
from seif.engines.base import Completion
from seif.engines.scripted import ScriptedEngine
from seif.errors import RunError
from seif.judges.generative import GenerativeJudge
from seif.judges.hybrid import HybridJudge
from seif.judges.rules import RulesJudge
from seif.roles.filter import Filter
from seif.scoring import (
    Answerer,
    Check,
    FollowerScorer,
    InstructorScorer,
    Score,
    Writing,
    check_unjudged,
    item_seed,
    penalised,
)
from seif.types import Constraint, Instruction, Verdict

TASK = Instruction("Why?", (compile_text("Avoid commas."), compile_text("Use only lowercase.")))


def instructor_scores(texts, answer="it is old.", held_out_types=frozenset(), **changes):
    engine = ScriptedEngine(answer if callable(answer) else lambda request: answer)
    settings = {
        "filter": Filter(engine, "full", rules=True, model=False, max_new_tokens=8),
        "answerer": Answerer(engine, "compact", "plain", 80, temperature=1.0, seed=0),
        "judge": RulesJudge(),
        **{name: changes.pop(name) for name in ("archive", "seed") if name in changes},
        "settings": Instructor(**{"answers": 2, **changes}),
        "held_out_types": held_out_types,
    }
    scorer = InstructorScorer(**settings)
    return asyncio.run(
        scorer.score_batch([Writing("Why?", text.count("\n") + 1, text, True) for text in texts], 1)
    ), engine


def test_follower_is_paid_per_constraint():
    scorer = FollowerScorer(RulesJudge(), "plain")
    score = asyncio.run(scorer.score(TASK, "It is old.", True))
    assert (score.reward, score.outcome) == (0.5, "judged")
    assert asyncio.run(scorer.score(TASK, "it is old.", False)).reward == 0.0


def test_instructor_is_paid_for_what_the_follower_misses():
    (easy, hard, junk, clash), _ = instructor_scores(
        [
            "1. Avoid commas.",
            "1. Use only uppercase.",
            "The river is old.",
            "1. Use only lowercase.\n2. Use only uppercase.",
        ]
    )
    assert (easy.reward, hard.reward) == (0.0, 1.0)
    assert (junk.reward, junk.outcome) == (0.0, "bad format")
    assert (clash.reward, clash.outcome) == (0.0, "contradictory")


def test_a_failing_answerer_pays_nobody():
    (score,), _ = instructor_scores(["1. Avoid commas."], answer=Completion("", "error", error="timeout"))
    assert (score.reward, score.outcome) == (None, "unjudged")
    assert set(score.causes) == {"timeout"}
    (cut,), _ = instructor_scores(["1. Avoid commas."], answer=Completion("it is", "length"))
    assert (cut.reward, cut.failures) == (None, 0)
    assert check_unjudged([cut] * 9, 0.0) == 0.0


def test_answers_are_seeded_per_item():
    _, engine = instructor_scores(["1. Avoid commas.", "1. Use only uppercase."])
    seeds = [r.seed for r in engine.requests]
    assert len(set(seeds)) == 4
    assert item_seed("a", 1) == item_seed("a", 1) != item_seed("a", 2)


def test_a_held_out_type_is_worth_nothing_and_is_not_answered():
    (held, other), engine = instructor_scores(
        ["1. Use only uppercase.", "1. Avoid commas."], held_out_types=frozenset({"change_case:english_capital"})
    )
    assert (held.reward, held.outcome, other.outcome) == (0.0, "held-out type", "judged")
    assert len(engine.requests) == 2


def test_share_penalty_and_known_types():
    (first, second, other), _ = instructor_scores(
        ["1. Use only uppercase."] * 2 + ["1. Write at least 9 sentences."], share_penalty=0.5
    )
    assert first.reward == second.reward == pytest.approx(1 - 0.5 * 2 / 3)
    assert other.reward == pytest.approx(1 - 0.5 / 3)
    (odd,), _ = instructor_scores(["1. Be kind."], known_types=True)
    assert (odd.reward, odd.outcome) == (0.0, "unknown type")
    assert type_of(Constraint("Write in a kind tone.")) == "soft:tone_and_emotion"
    (copied,), _ = instructor_scores(["1. Do not use commas."])
    assert (copied.reward, copied.outcome) == (0.0, "copied example")


def test_shares_count_the_value_too():
    same, differ = (
        instructor_scores([f"1. Write at least {n} sentences." for n in counts], share_penalty=0.5)[0][0].reward
        for counts in ((8, 9), (8, 30))
    )
    assert (same, differ) == (pytest.approx(1 - 0.5), pytest.approx(1 - 0.5 * 0.75))


def test_the_archive_of_earlier_turns_is_a_penalty_of_its_own():
    archive = Archive([[signature_of(compile_text("Use only uppercase."))]])
    texts = ["1. Use only uppercase.", "1. Write at least 9 sentences."]
    scores, _ = instructor_scores(texts, archive=archive, archive_penalty=0.5)
    assert [s.reward for s in scores] == [0.5, 1.0]
    scores, _ = instructor_scores(texts, archive=archive, archive_penalty=3.0, share_penalty=0.5)
    assert [s.reward for s in scores] == [0.0, 0.75]


def test_each_constraint_may_be_rewarded_by_its_own_p():
    def answer(request):
        return "it is old." if request.seed % 2 else "It is, old."

    text = "1. Avoid commas.\n2. Write at least 9 sentences."
    (whole,), engine = instructor_scores([text], answer, answers=8, reward="learnability")
    (each,), _ = instructor_scores([text], answer, answers=8, reward="learnability", per_constraint=True)
    followed = sum(request.seed % 2 for request in engine.requests) / 8
    assert 0 < followed < 1
    assert whole.reward == pytest.approx(4 * (followed / 2) * (1 - followed / 2))
    assert each.reward == pytest.approx(4 * followed * (1 - followed) / 2)


def test_an_answer_of_bad_format_leaves_the_p_of_every_constraint():
    def answer(request):
        return "it is old." if request.seed % 2 else Completion("it is, ", "length")

    (score,), engine = instructor_scores(["1. Avoid commas."], answer, answers=8, per_constraint=True)
    assert 0 < sum(request.seed % 2 for request in engine.requests) < 8
    assert score.reward == 0.0
    (none,), _ = instructor_scores(["1. Avoid commas."], Completion("it is", "length"), per_constraint=True)
    assert (none.reward, none.outcome) == (None, "unjudged")


def test_a_random_reward_depends_on_the_stage_and_the_place_alone():
    texts = ["1. Avoid commas.", "1. Use only uppercase.", "The river is old."]
    (first, second, junk), _ = instructor_scores(texts, reward="random", seed=1)
    (other, again, _), _ = instructor_scores([texts[1], texts[0], texts[2]], reward="random", seed=1)
    assert (first.reward, second.reward, junk.reward) == (other.reward, again.reward, 0.0)
    assert first.reward != second.reward
    assert instructor_scores(texts, reward="random", seed=2)[0][0].reward != first.reward

    def follower(reply, *place):
        scorer = FollowerScorer(RulesJudge(), "plain", "random", seed=1)
        return asyncio.run(scorer.score(TASK, reply, bool(reply), *place)).reward

    assert follower("it is old.", 1, 0) == follower("It, is.", 1, 0) != follower("it is old.", 1, 1)
    assert follower("", 1, 0) == 0.0


@pytest.mark.parametrize("penalty", [0.0, 1e-9, 0.5])
def test_penalties_change_no_reward_that_is_not_positive(penalty):
    constraints = (Constraint("Be kind."),)
    scores = [Score(reward, "judged", constraints=constraints) for reward in (-0.5, 0.0, 0.25)]
    found = [s.reward for s in penalised(scores, Instructor(share_penalty=penalty), Archive())]
    assert found == [-0.5, 0.0, pytest.approx(max(0.0, 0.25 - penalty))]


def test_rule_and_model_are_compared_wherever_both_speak():
    engine = ScriptedEngine(lambda request: "[[1]]")
    scorer = FollowerScorer(HybridJudge(GenerativeJudge(engine, "full", 8), sample=1.0), "plain")
    score = asyncio.run(
        scorer.score(Instruction("Why?", (*TASK.constraints, Constraint("Be kind."))), "It is old.", True)
    )
    assert score.verdicts == (Verdict.SATISFIED, Verdict.VIOLATED, Verdict.SATISFIED)
    assert score.checks == (
        Check("punctuation:no_comma", True, True),
        Check("change_case:english_lowercase", False, True),
    )
    assert asyncio.run(FollowerScorer(RulesJudge(), "plain").score(TASK, "It is old.", True)).checks == ()


def test_too_many_unjudged_stop_the_stage_with_the_cause():
    lost, fine = Verdict.UNJUDGED, Verdict.SATISFIED
    scores = [
        Score(1.0, "judged", verdicts=(lost, fine), causes=("error",)),
        *[Score(1.0, "judged", verdicts=(fine, fine))] * 4,
    ]
    assert check_unjudged(scores, 0.1) == 0.1
    with pytest.raises(RunError, match="error"):
        check_unjudged(scores, 0.05)


def test_a_judge_and_a_reward_that_raise_are_named(monkeypatch):
    class Broken:
        async def judge(self, instruction, response, constraint):
            raise KeyError("weights")

    with pytest.raises(RunError, match=r"the judge Broken failed: KeyError: 'weights'"):
        asyncio.run(FollowerScorer(Broken(), "plain").score(TASK, "it is old.", True))
    scorer = FollowerScorer(RulesJudge(), "plain")
    monkeypatch.setattr(scorer, "reward", lambda verdicts, soft_scores: 1 / 0)
    with pytest.raises(RunError, match="the Follower reward 'constraint_mean' failed: ZeroDivisionError"):
        asyncio.run(scorer.score(TASK, "it is old.", True))
