import asyncio

import pytest

from seif.atomic import JsonLines, read_json
from seif.config_file import build_config
from seif.constraints.compiler import compile_text
from seif.engines.base import Completion
from seif.engines.scripted import ScriptedEngine
from seif.errors import RunError
from seif.evaluation.audit import Audit
from seif.instructions import write_instructions
from seif.models import JudgeWeights, ModelPool, rewarding
from seif.stages import AuditRequest, audit
from seif.types import Instruction, Verdict

COMMA, LOWER = compile_text("Avoid commas."), compile_text("Use only lowercase.")
TASKS = [Instruction("Why?", (COMMA, LOWER)), Instruction("How?", (LOWER,))] * 12


class Scripted(ScriptedEngine):
    """Followers avoid commas and write capitals; the judge `lenient` finds all satisfied, others no lowercase."""

    def __init__(self, weights, loaded):
        super().__init__(self.script)
        self.weights = weights
        loaded.append(weights)

    def script(self, request):
        if not request.top_logprobs:
            return Completion("It is old.", "stop")
        satisfied = self.weights == "lenient" or "lowercase" not in str(request.messages[-1]).rpartition("old")[2]
        return Completion("1", "stop", {"1": -0.1, "0": -3.0} if satisfied else {"0": -0.1, "1": -3.0})


@pytest.fixture
def loaded(monkeypatch):
    found = []
    monkeypatch.setattr(ModelPool, "_load", lambda self, weights: Scripted(weights, found))
    monkeypatch.setattr(ModelPool, "cache", lambda self, weights: None)
    return found


@pytest.fixture
def config(tmp_path):
    write_instructions(tmp_path / "audit.parquet", TASKS)
    hard = {"templates": [{"prompt": "hard", "constraints": 3}]}
    settings = {"prompts": "compact", "judger": {"kind": "logprob"}, "follower": {"format": "plain"}}
    return build_config(
        {"model": "m", "audit": str(tmp_path / "audit.parquet"), "instructor": hard, **settings}, "test"
    )


def request(tmp_path, judge="judger", upcoming=None):
    rollouts = JsonLines(tmp_path / "rollouts.jsonl")
    return AuditRequest(
        turn=1,
        model="follower",
        judge=JudgeWeights(judge),
        next_judge=upcoming and JudgeWeights(upcoming),
        rollouts=rollouts,
        out=tmp_path / "audit.json",
    )


def test_the_next_judge_is_asked_while_the_follower_is_loaded(config, loaded, tmp_path):
    found = audit(config, request(tmp_path, judge="lenient", upcoming="follower"))
    assert loaded == ["follower", "lenient"]
    assert (found.accuracy, found.judge.judge, found.next_judge.judge) == (pytest.approx(1 / 3), "lenient", "follower")
    assert (found.judge.fpr.value, found.judge.gap) == (1.0, pytest.approx(2 / 3))
    assert Audit.from_json(read_json(tmp_path / "audit.json"), "x") == found
    assert not list(tmp_path.glob("*.parts"))


def test_the_same_judge_is_asked_once_and_rules_are_not_asked(config, loaded, tmp_path):
    assert audit(config, request(tmp_path, upcoming="judger")).next_judge is None
    (tmp_path / "audit.json").unlink()
    rules = config.model_copy(update={"judger": config.judger.model_copy(update={"kind": "rules"})})
    found = audit(rules, request(tmp_path))
    assert (found.judge, found.accuracy) == (None, pytest.approx(1 / 3))


async def verdict(judge, constraint):
    return (await judge.judge(Instruction("Why?", (constraint,)), "It is old.", constraint)).verdict


def test_soft_types_are_corrected_by_the_rates_over_all_types(config, loaded, tmp_path):
    asked = request(tmp_path)
    record = {"constraints": ["Sound like a ferryman.", "Avoid commas."], "verdicts": ["satisfied", "violated"]}
    asked.rollouts.append(record)
    asked.rollouts.append({**record, "verdicts": ["unjudged", "satisfied"]})
    found = audit(config, asked)
    assert [share.value for share in found.corrected.values()] == [1.0]
    assert all(kind.startswith("soft:") for kind in found.corrected)


def test_rewards_rely_on_the_judge_as_the_audit_says(config, loaded, tmp_path):
    audit(config, request(tmp_path))
    judge = JudgeWeights("judger", audit=str(tmp_path / "audit.json"))
    with ModelPool(config) as pool, rewarding(pool, judge) as found:
        assert asyncio.run(verdict(found, COMMA)) is Verdict.SATISFIED


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("follower", r"100% of the replies to audit tasks are missing .* most often: connection refused"),
        ("judger", r"100% of the verdicts of the audit are missing .* most often: connection refused"),
    ],
)
def test_an_audit_whose_requests_fail_ends_in_an_error_and_goes_on_later(
    config, loaded, tmp_path, monkeypatch, weights, message
):
    script = Scripted.script

    def down(self, request):
        return Completion("", "error", error="connection refused") if self.weights == weights else script(self, request)

    monkeypatch.setattr(Scripted, "script", down)
    with pytest.raises(RunError, match=message):
        audit(config, request(tmp_path))
    assert not (tmp_path / "audit.json").exists()
    monkeypatch.setattr(Scripted, "script", script)
    assert audit(config, request(tmp_path)).accuracy == pytest.approx(1 / 3)


@pytest.mark.parametrize(("kind", "stops"), [("hybrid", False), ("logprob", True)])
def test_a_judge_of_a_few_types_is_audited_on_these_beside_rules(config, loaded, tmp_path, monkeypatch, kind, stops):
    script = Scripted.script

    def commas_alone(self, request):
        lowercase = "lowercase" in str(request.messages[-1]).rpartition("old")[2]
        unread = request.top_logprobs and lowercase
        return Completion("", "error", error="not my type") if unread else script(self, request)

    monkeypatch.setattr(Scripted, "script", commas_alone)
    judger = config.judger.model_copy(update={"kind": kind, "model": "logprob"})
    asked = config.model_copy(update={"judger": judger})
    if stops:
        with pytest.raises(RunError, match="most often: not my type"):
            audit(asked, request(tmp_path))
        return
    found = audit(asked, request(tmp_path)).judge
    assert (set(found.per_type), found.unjudged) == ({"punctuation:no_comma"}, 24)
