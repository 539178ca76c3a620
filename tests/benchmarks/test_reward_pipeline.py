import asyncio
import json
import subprocess
import sys
from dataclasses import replace

import pytest
from benchmarks.reward_pipeline import judger_of, score
from benchmarks.server import Behaviour, running

from seif.engines.openai import Limits, OpenAIEngine
from seif.errors import RunError
from seif.scoring import Score, check_unjudged
from seif.types import Verdict
from support import ROOT

FAST = Behaviour(answer_s=0.003, verdict_s=0.001, retry_after=0.001)
ROWS = [
    {
        "seed_question": f"What is {i}?",
        "constraint": ["Be kind.", f"Mention the number {i} in passing.", "Avoid commas."][: 1 + i % 3],
    }
    for i in range(40)
]


def engine(url, **changes):
    return OpenAIEngine(
        "fake", [url], limits=Limits(**{"concurrency": 24, "timeout": 30.0, "backoff": 0.001, **changes})
    )


@pytest.fixture(scope="module")
def sound():
    with running(FAST) as (url, server):
        return score(engine(url), ROWS), list(server.log)


def test_every_instruction_is_filtered_answered_and_judged(sound):
    result, log = sound
    accepted = result["outcomes"]["judged"]
    verdicts = sum(
        len(row["constraint"]) for row, reward in zip(ROWS, result["scores"], strict=True) if reward is not None
    )
    assert result["unjudged"] == 0
    assert log.count("answer") == accepted >= 30
    assert result["requests"] == len(log)
    assert len(ROWS) + accepted < len(log) <= len(ROWS) + accepted + verdicts
    assert len(set(result["scores"])) > 2


def test_no_sample_waits_for_another(sound):
    """One instruction's Filter says nothing until twenty judgements of others are done: with a barrier it would be
    for ever."""
    judged = 0

    async def holding(method, path, authorization, body):
        nonlocal judged
        if b"What is 7?" in body and b"meet them all" in body:
            async with asyncio.timeout(20):
                while judged < 20:
                    await asyncio.sleep(0.001)
        response = await answer(method, path, authorization, body)
        judged += b"check whether an answer" in body
        return response

    with running(FAST) as (url, server):
        answer, server.respond = server.respond, holding
        assert score(engine(url), ROWS)["scores"] == sound[0]["scores"]


def test_with_a_third_of_the_requests_failing_the_rewards_are_the_same(sound):
    with running(replace(FAST, faults=0.3, kinds=("429", "500", "cut", "malformed", "empty"))) as (url, server):
        result = score(engine(url, retries=20), ROWS)
    assert result["scores"] == sound[0]["scores"]
    assert result["unjudged"] == 0
    assert sum(n for name, n in server.counts.items() if name.startswith("fault_")) > 20
    assert result["requests"] > sound[0]["requests"]


def test_without_retries_what_fails_is_unjudged_by_cause_and_paid_to_nobody(sound):
    with running(replace(FAST, faults=0.3, kinds=("500", "cut"))) as (url, _):
        result = score(engine(url, retries=0), ROWS)
    assert set(result["causes"]) == {"server error (500)", "connection lost"}
    assert result["unjudged"] > 0
    for reward, whole in zip(result["scores"], sound[0]["scores"], strict=True):
        assert reward is None or 0 <= reward <= 1
        assert whole is not None
    assert None in result["scores"]


def test_above_the_limit_the_stage_stops_with_one_line():
    lost = Score(None, "unjudged", verdicts=(Verdict.UNJUDGED,), causes=("server error (500)",))
    with pytest.raises(RunError, match=r"100% of the verdicts are missing .*server error \(500\)") as told:
        check_unjudged([lost], 0.05)
    assert "\n" not in str(told.value)


def test_the_judgers_that_can_be_chosen():
    with running(FAST) as (url, _):
        generative, hybrid = score(engine(url), ROWS), score(engine(url), ROWS, "hybrid")
        assert hybrid["requests"] < generative["requests"]
        assert score(engine(url), ROWS, "logprob")["unjudged"] == 0
        assert type(judger_of("logprob", engine(url))).__name__ == "LogprobJudge"


@pytest.mark.slow
def test_the_command_prints_json(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    with running(FAST) as (url, _):
        command = [
            sys.executable,
            "-m",
            "benchmarks.reward_pipeline",
            "--base-url",
            url,
            "--model",
            "fake",
            "--instructions",
            path,
            "--rows",
            "12",
            "--json",
        ]
        done = subprocess.run(
            list(map(str, command)), cwd=ROOT, capture_output=True, text=True, timeout=300, check=True
        )
    result = json.loads(done.stdout)
    assert {"wall_s", "requests", "unjudged", "scores"} <= result.keys()
    assert (len(result["scores"]), result["unjudged"]) == (12, 0)
