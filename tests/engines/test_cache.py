import asyncio
import shutil

import pytest

from seif.config_file import build_config
from seif.engines.base import Completion
from seif.engines.cache import VerdictCache, weights_of_checkpoint
from seif.engines.metered import Metered, counting
from seif.engines.scripted import ScriptedEngine
from seif.judges.asking import question
from seif.judges.generative import GenerativeJudge
from seif.judges.logprob import LogprobJudge
from seif.models import ModelPool
from seif.roles.filter import Filter
from seif.types import Constraint, Instruction, Verdict

TASK = Instruction("Why?", (Constraint("Be kind."), Constraint("Be brief.")))


def judge_all(judger):
    async def together():
        return await asyncio.gather(*(judger.judge(TASK, "It is old.", c) for c in TASK.constraints))

    return asyncio.run(together())


def test_a_repeated_scoring_asks_nothing_and_says_the_same(tmp_path):
    path = tmp_path / "verdicts.jsonl"
    engine = ScriptedEngine(lambda request: Completion("1", "length", {"1": -0.1, "0": -2.4}))
    first = judge_all(LogprobJudge(engine, "full", VerdictCache(path, "weights")))
    assert len(engine.requests) == 2
    again = VerdictCache(path, "weights")
    assert judge_all(LogprobJudge(engine, "full", again)) == first == judge_all(LogprobJudge(engine, "full"))
    assert (len(engine.requests), again.hits) == (4, 2)
    judge_all(LogprobJudge(engine, "compact", again))
    judge_all(LogprobJudge(engine, "full", VerdictCache(path, "other weights")))
    assert len(engine.requests) == 8


def test_a_known_verdict_costs_no_tokens(tmp_path):
    reply = Completion("1", "length", {"1": -0.1, "0": -2.4}, prompt_tokens=40, new_tokens=1)
    cache = VerdictCache(tmp_path / "v", "w")
    spent = []
    for _ in range(2):
        with counting() as meter:
            judge_all(LogprobJudge(Metered(ScriptedEngine(lambda request: reply), "judger"), "full", cache))
        spent.append(meter.spent())
    assert spent == [{"tokens": {"judger": 82}, "calls": {"judger": 2}}, {"tokens": {}, "calls": {}}]


def test_what_could_not_be_judged_is_asked_again(tmp_path):
    answers = iter(["hm", Completion("", "error", error="time limit"), "[[1]]", "[[0]]"])
    engine = ScriptedEngine(lambda request: next(answers))
    judger = GenerativeJudge(engine, "full", 64, VerdictCache(tmp_path / "v", "w"))
    assert [j.verdict for j in judge_all(judger)] == [Verdict.UNJUDGED] * 2
    assert [j.verdict for j in judge_all(judger)] == [Verdict.SATISFIED, Verdict.VIOLATED]
    assert [j.verdict for j in judge_all(judger)] == [Verdict.SATISFIED, Verdict.VIOLATED]


def test_the_filters_decisions_are_kept_too(tmp_path):
    engine = ScriptedEngine(lambda request: "[[0]]")
    checking = Filter(engine, "full", True, True, 64, VerdictCache(tmp_path / "v", "w"))
    assert asyncio.run(checking.check(TASK)) == asyncio.run(checking.check(TASK))
    assert len(engine.requests) == 1


@pytest.mark.parametrize("torn", [b'{"key": "ab', b'{"key": "ab", "verdict": 1}', b"\xff\xfe"])
def test_a_torn_last_line_costs_one_verdict_and_no_other(tmp_path, torn):
    path = tmp_path / "v"
    engine = ScriptedEngine(lambda request: "[[1]]")
    judge_all(GenerativeJudge(engine, "full", 64, VerdictCache(path, "w")))
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    cache = VerdictCache(path, "w")
    judge_all(GenerativeJudge(engine, "full", 32, cache))
    assert path.read_bytes().startswith(whole)
    assert len(path.read_bytes().splitlines()) == 4
    path.write_bytes(b"no json\n" + path.read_bytes())
    judge_all(GenerativeJudge(engine, "full", 64, VerdictCache(path, "w")))
    assert len(engine.requests) == 4


def test_verdicts_of_a_server_are_known_wherever_it_moves(tmp_path):
    def verdict(url, model="served"):
        config = build_config(
            {"model": "base", "engine": {"kind": "openai", "base_urls": [url], "served_model": model}}, "test"
        )
        engine = ScriptedEngine(lambda request: "[[1]]")
        with ModelPool(config, tmp_path / "out") as pool:
            judge_all(GenerativeJudge(engine, "full", 64, pool.cache("base")))
            return len(engine.requests)

    assert [verdict("http://one/v1"), verdict("http://two/v1"), verdict("http://two/v1", "other")] == [2, 0, 2]


def test_every_file_that_makes_a_judge_is_in_its_fingerprint(tmp_path, model):
    copy = tmp_path / "copy"
    shutil.copytree(model, copy)
    assert weights_of_checkpoint(str(copy)) == weights_of_checkpoint(str(model))
    (copy / "chat_template.jinja").write_text("other")
    assert weights_of_checkpoint(str(copy)) != weights_of_checkpoint(str(model))


def test_verdicts_are_kept_where_they_are_served_unless_told_otherwise(tmp_path, model):
    def kept(kind, cache):
        engine = {"kind": kind, "cache": cache, "base_urls": ["http://h/v1"] if kind == "openai" else []}
        return (
            ModelPool(build_config({"model": str(model), "engine": engine}, "test"), tmp_path / "v").cache(str(model))
            is not None
        )

    assert [kept("local", c) for c in (None, True, False)] == [False, True, False]
    assert [kept("openai", c) for c in (None, True, False)] == [True, True, False]
    assert [kept("vllm", c) for c in (None, True, False)] == [True, True, False]
    served = build_config({"model": str(model), "engine": {"kind": "openai", "base_urls": ["http://h/v1"]}}, "test")
    assert ModelPool(served, tmp_path / "v").cache("turn_01/follower") is None


@pytest.mark.parametrize(("style", "name"), [("full", "judger"), ("full", "judger_generative"), ("compact", "judger")])
def test_judge_prompts_differ_only_from_the_constraint_on(style, name):
    """So a server that caches prefixes reads instruction and response once for all the constraints of a reply."""
    one, two = (
        question(style, name, TASK, "It is old.", Constraint(text))[0]["content"] for text in ("<first>", "<second>")
    )
    prefix = one.split("<first>")[0]
    assert two.startswith(prefix)
    assert "It is old." in prefix
    assert len(one) - len(prefix) < len(prefix) or style == "compact"
