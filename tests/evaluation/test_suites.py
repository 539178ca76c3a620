import asyncio
import json
from contextlib import contextmanager

import pytest

from seif.artifacts import RunDir
from seif.atomic import read_json
from seif.config_file import build_config
from seif.engines.scripted import ScriptedEngine
from seif.errors import UsageError
from seif.evaluation.results import Evaluation, SuiteResult
from seif.evaluation.suites import SUITES, check_options, check_suites, find_suite, run_suites, suite
from seif.judges.rules import RulesJudge
from seif.plugins import load_plugins, unload_plugin
from support import ROOT, seif

EXAMPLE = str(ROOT / "examples" / "suite.py")


@pytest.fixture
def example():
    load_plugins([EXAMPLE])
    yield
    unload_plugin(EXAMPLE)


def config(*suites):
    return build_config({"model": "m", "evaluation": {"suites": list(suites)}}, "test")


def test_the_shipped_suites_are_registered():
    load_plugins([])
    assert {"held-out", "ifeval", "lm-eval"} <= set(SUITES)
    assert find_suite("lm-eval:gsm8k") == (SUITES.get("lm-eval"), "gsm8k")


def test_a_suite_of_ones_own_gets_its_limit(example):
    engine = ScriptedEngine(lambda request: "It is old." if "cat" in request.messages[0]["content"] else "old " * 40)
    results = asyncio.run(run_suites(config({"name": "few-words", "limit": 2}), "m", engine))
    assert results["few-words"].numbers == {"few words": 0.5}
    assert results["few-words"].n == len(engine.requests) == 2


def test_a_suite_that_loads_the_model_itself_runs_without_an_engine():
    @suite("own-loader", loads_model=True)
    async def own_loader(engine, settings):
        return SuiteResult(numbers={"x": 1.0}, n=1)

    try:
        assert asyncio.run(run_suites(config("own-loader"), "m", ScriptedEngine(lambda request: ""))) == {}
        assert asyncio.run(run_suites(config("own-loader"), "m", None))["own-loader"].numbers == {"x": 1.0}
    finally:
        SUITES.remove("own-loader")


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("ifevall", [], "no evaluation suite 'ifevall'; did you mean 'ifeval'"),
        ("ifeval", [], "--suite ifeval needs --prompts"),
        ("lm-eval", [], r"--suite lm-eval needs a task \(lm-eval:TASK\)"),
        ("held-out", ["include_path"], "--include-path goes with --suite lm-eval, not with held-out"),
        ("ifeval:x", ["prompts"], r"a task \(lm-eval:TASK\) goes with --suite lm-eval, not with ifeval"),
    ],
)
def test_options_that_do_not_fit(name, given, message):
    load_plugins([])
    with pytest.raises(UsageError, match=message):
        check_options(name, given)


def test_suites_of_a_config_are_checked_before_the_run():
    load_plugins([])
    with pytest.raises(UsageError, match=r"evaluation\.suites: --suite ifeval needs --prompts"):
        check_suites(config("ifeval"))
    with pytest.raises(UsageError, match="no file at"):
        check_suites(config({"name": "ifeval", "prompts": "nowhere.jsonl"}))
    with pytest.raises(UsageError, match="each name may be listed once"):
        config("ifeval", "ifeval")


@pytest.mark.slow
def test_a_suite_of_ones_own_in_a_run_and_by_itself(tmp_path, model):
    tiny = [
        "nano-tiny",
        *("--set", f"plugins=[{EXAMPLE}]", "--set", "evaluation.suites=[few-words]", "--set", "evaluation.tasks=20"),
    ]
    quick = [
        "instructor.steps=1",
        "follower.steps=1",
        "instructor.grpo.prompts_per_step=4",
        "follower.grpo.prompts_per_step=4",
    ]
    done = seif("run", *tiny, *(part for key in quick for part in ("--set", key)), "--run-dir", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    run = RunDir(tmp_path / "run")
    base = Evaluation.from_json(read_json(run.evaluation(0)), "test").suites["few-words"]
    assert base.n == 8
    assert "few-words" in done.stdout
    assert "few words" in run.report.read_text(encoding="utf-8")
    out = tmp_path / "out.json"
    alone = seif("evaluate", model, "--suite", "few-words", "--config", *tiny, "--out", out)
    assert alone.returncode == 0, alone.stderr
    assert "few words" in alone.stdout
    assert json.loads(out.read_text(encoding="utf-8"))["few_words"] == base.to_json()


def test_a_suite_of_the_config_gets_the_turns_judge(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"prompt": "Why?", "criteria": ["Do not use any commas."]}\n', encoding="utf-8")

    @contextmanager
    def judge():
        yield RulesJudge()

    load_plugins([])
    entry = config({"name": "checklist", "prompts": str(path)})
    check_suites(entry)
    results = asyncio.run(run_suites(entry, "m", ScriptedEngine(lambda request: "It is old."), judge=judge))
    assert results["checklist"].numbers == {"CSR": 1.0, "ISR": 1.0, "DRFR": 1.0}
