import asyncio
import contextlib
import json
import logging
import time
from dataclasses import replace

import pytest
from benchmarks.server import FAULTS, Behaviour, running

from seif.chat import DEFAULT, ChatFormat
from seif.engines import failures
from seif.engines.base import TOO_LONG, Request
from seif.engines.openai import Limits, OpenAIEngine, read_completion, request_body
from seif.errors import RunError, UsageError

FAST = Behaviour(answer_s=0.002, verdict_s=0.002, retry_after=0.001)
KEY = "sk-not-for-anybody"


def request(content="Why?", **changes):
    return Request([{"role": "user", "content": content}], **{"max_tokens": 64, **changes})


def engine(url, recover=None, **changes):
    return OpenAIEngine(
        "fake",
        [url] if isinstance(url, str) else url,
        KEY,
        Limits(**{"timeout": 30.0, "retries": 0, "backoff": 0.001, **changes}),
        recover,
    )


def ask(asked, requests):
    async def together():
        return await asyncio.gather(*(asked.complete(r) for r in requests))

    return asyncio.run(together())


def test_answers_come_back_the_same_in_one_event_loop_after_the_other():
    with running(FAST) as (url, server):
        asked = engine(url)
        first, second = ask(asked, [request()]), ask(asked, [request()])
        assert first == second
        assert first[0].text
        assert first[0].finish_reason == "stop"
        assert len(server.log) == 2


def test_a_loop_that_ends_leaves_no_connection_open():
    with running(FAST) as (url, server):
        ask(engine(url), [request(str(i)) for i in range(20)])
        for _ in range(100):
            if not server.connections:
                break
            time.sleep(0.01)
        assert not server.connections


def test_the_first_tokens_log_probabilities():
    with running(FAST) as (url, _):
        (found,) = ask(engine(url), [request("Is it so? [[1]]", max_tokens=1, top_logprobs=5)])
    assert set(found.first_token_logprobs) == {"0", "1"}
    with running(replace(FAST, logprobs=False)) as (url, _):
        (lost,) = ask(engine(url), [request(max_tokens=1, top_logprobs=5)])
    assert lost.error == failures.NO_LOGPROBS


def test_identical_requests_under_way_are_asked_once():
    with running(FAST) as (url, server):
        found = ask(engine(url), [request()] * 9 + [request(seed=1)])
        assert len(server.log) == 2
        assert len({c.text for c in found[:9]}) == 1


def test_tokens_are_what_the_server_says_and_count_once():
    with running(FAST) as (url, _):
        found = ask(engine(url), [request()] * 3 + [request(seed=1)])
    counted = [c for c in found if c.prompt_tokens or c.new_tokens]
    assert len(counted) == 2
    assert all(c.prompt_tokens > 0 and c.new_tokens > 0 for c in counted)


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14}, (11, 3)),
        ({"prompt_tokens": 11}, (11, 0)),
        ({"prompt_tokens": None, "completion_tokens": "3"}, (0, 0)),
        (None, (0, 0)),
        ([11, 3], (0, 0)),
    ],
)
def test_usage_that_is_not_there_counts_as_none(usage, tokens):
    choice = {"message": {"content": "It is old."}, "finish_reason": "stop"}
    found = read_completion(json.dumps({"choices": [choice], "usage": usage}), logprobs=False)
    assert (found.text, found.prompt_tokens, found.new_tokens) == ("It is old.", *tokens)


def test_no_more_than_concurrency_at_once():
    with running(FAST) as (url, server):
        ask(engine(url, concurrency=5), [request(str(i)) for i in range(40)])
        assert server.most_at_once == 5


def test_requests_per_minute_are_spaced():
    with running(replace(FAST, answer_s=0.0)) as (url, _):
        began = time.monotonic()
        ask(engine(url, requests_per_minute=60_000 / 20), [request(str(i)) for i in range(8)])
        assert time.monotonic() - began >= 7 * 0.02


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        ("429", failures.TOO_MANY),
        ("500", "server error (500)"),
        ("cut", failures.LOST),
        ("malformed", failures.MALFORMED),
        ("empty", failures.EMPTY),
        ("hang", failures.TIME_LIMIT),
    ],
)
def test_every_failure_has_its_words_and_is_retried(kind, cause):
    with running(replace(FAST, faults=1.0, kinds=(kind,))) as (url, server):
        asked = engine(url, retries=2, timeout=0.2 if kind == "hang" else 30.0)
        (lost,) = ask(asked, [request()])
        assert (lost.text, lost.finish_reason, lost.error) == ("", "error", cause)
        assert server.counts[f"fault_{kind}"] == 3 or kind == "hang"
        assert asked.failures == {cause: 1}
        assert asked.attempts == {cause: 3}


@pytest.mark.parametrize(
    ("changes", "model", "cause"),
    [
        ({"key": "another"}, "fake", failures.BAD_KEY),
        ({}, "unknown", failures.NOT_FOUND),
        ({"context": 3}, "fake", TOO_LONG),
    ],
)
def test_what_no_retry_repairs_is_asked_once(changes, model, cause):
    with running(replace(FAST, **changes)) as (url, _):
        asked = engine(url, retries=5)
        asked.model = model
        (lost,) = ask(asked, [request()])
        assert lost.error == cause
        assert asked.attempts == {cause: 1}


def test_half_the_requests_fail_and_every_answer_is_that_of_a_sound_server():
    requests = [request(str(i)) for i in range(60)]
    with running(FAST) as (url, _):
        sound = ask(engine(url), requests)
    passing = [kind for kind in FAULTS if kind != "hang"]
    with running(replace(FAST, faults=0.5, kinds=tuple(passing))) as (url, server):
        assert ask(engine(url, retries=30, timeout=30.0), requests) == sound
        assert all(server.counts[f"fault_{kind}"] for kind in passing)


def test_attempts_that_a_restarted_server_failed_do_not_count():
    mended = []

    async def recover(began):
        assert began <= time.monotonic()
        mended.append(began)
        return len(mended) < 5

    with running(replace(FAST, faults=1.0, kinds=("500",))) as (url, _):
        asked = engine(url, retries=2, recover=recover)
        (lost,) = ask(asked, [request()])
    assert lost.error == "server error (500)"
    assert asked.attempts == {"server error (500)": 4 + 3}
    assert mended == sorted(mended)


def test_what_no_recovery_repairs_is_raised():
    async def recover(began):
        raise RunError("gone for good")

    with running(replace(FAST, faults=1.0, kinds=("500",))) as (url, _), pytest.raises(RunError, match="gone for good"):
        ask(engine(url, recover=recover), [request(str(i)) for i in range(5)])


def test_a_request_that_hangs_is_asked_again():
    with running(replace(FAST, faults=0.5, kinds=("hang",), seed=3)) as (url, server):
        asked = engine(url, retries=30, timeout=0.3)
        assert ask(asked, [request("1")])[0].text
        assert ask(asked, [request("2")])[0].text
        assert server.counts["fault_hang"] > 0


def test_a_server_that_is_gone_is_not_waited_for_by_everybody_in_turn():
    with running(replace(FAST, faults=1.0, kinds=("hang",))) as (url, _):
        asked = engine(url, retries=50, concurrency=4, timeout=0.05)
        asked.patience = 0.1
        lost = ask(asked, [request(str(i)) for i in range(100)])
        assert {c.error for c in lost} <= {failures.GONE, failures.TIME_LIMIT}
        assert asked.failures[failures.GONE] > 50
        assert asked.attempts.total() < 100 * 10


def test_a_replica_that_refuses_is_left_out_and_the_others_share():
    with running(FAST) as (one, first), running(FAST) as (two, second):
        asked = engine(["http://127.0.0.1:1/v1", one, two], retries=3, concurrency=8)
        found = ask(asked, [request(str(i)) for i in range(60)])
        assert not any(c.error for c in found)
        assert asked.attempts[failures.REFUSED] <= 8
        assert min(len(first.log), len(second.log)) > 15


def test_the_key_is_told_to_nobody_but_the_server(caplog):
    caplog.set_level(logging.DEBUG)
    with running(replace(FAST, key="another")) as (url, _):
        (lost,) = ask(engine(url), [request()])
    assert KEY not in caplog.text + lost.error
    with pytest.raises(UsageError, match="line break") as told:
        OpenAIEngine("fake", ["http://127.0.0.1:1/v1"], f"{KEY}\nX: y")
    assert KEY not in str(told.value)


def test_retry_after_in_all_its_forms():
    assert failures.retry_after({"retry-after": "2.5"}) == 2.5
    assert failures.retry_after({"retry-after": "9000"}) == failures.LONGEST_WAIT
    assert failures.retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0
    assert (
        failures.retry_after({"retry-after": "soon"})
        == failures.retry_after({"retry-after": "nan"})
        == failures.retry_after({})
        == 0
    )


def test_retry_after_is_waited_for():
    with running(replace(FAST, faults=1.0, kinds=("429",), retry_after=0.15)) as (url, _):
        began = time.monotonic()
        ask(engine(url, retries=1), [request()])
        assert time.monotonic() - began >= 0.15


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"finish_reason": "content_filter"}, failures.WITHHELD),
        ({"message": {"content": None}}, failures.EMPTY),
        ({"message": {"content": 5}}, failures.MALFORMED),
        ({"message": None}, failures.MALFORMED),
        ({"logprobs": {"content": [{"top_logprobs": [{"token": "1"}]}]}}, failures.MALFORMED),
    ],
)
def test_odd_bodies(change, cause):
    body = json.dumps({"choices": [{"message": {"content": "yes"}, "finish_reason": "stop", **change}]})
    assert read_completion(body, logprobs=False).cause == cause
    assert (
        read_completion("[]", logprobs=False).cause
        == read_completion("<html>", logprobs=False).cause
        == failures.MALFORMED
    )


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning"])
@pytest.mark.parametrize(
    ("content", "finish", "text"),
    [
        ("42.", "stop", "<think>Six by seven.</think>42."),
        (None, "length", "<think>Six by seven."),
        ("4", "length", "<think>Six by seven.</think>4"),
        ("<think>Six by seven.</think>42.", "stop", "<think>Six by seven.</think>42."),
    ],
)
def test_a_thought_that_the_server_took_out_is_put_back(key, content, finish, text):
    async def thinking(method, path, authorization, body):
        message = {"role": "assistant", "content": content, key: "Six by seven."}
        return 200, json.dumps({"choices": [{"message": message, "finish_reason": finish}]}).encode(), {}

    for chat in (ChatFormat(), ChatFormat(think_start="<t>", think_end="</t>", opens_thought=True)):
        if content and "</think>" in content and chat.think_start == "<t>":
            continue
        with running(FAST) as (url, server):
            server.respond = thinking
            asked = OpenAIEngine("fake", [url], KEY, Limits(retries=0), chat=chat)
            (found,) = ask(asked, [request()])
        assert (found.text, found.finish_reason) == (text, finish)


def test_a_thought_that_is_no_text_is_malformed():
    message = {"content": "42.", "reasoning": ["Six by seven."]}
    body = json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]})
    assert read_completion(body, logprobs=False).cause == failures.MALFORMED


def test_a_cancelled_asker_does_not_take_the_answer_from_the_others():
    async def one_leaves(asked):
        first = asyncio.create_task(asked.complete(request()))
        second = asyncio.create_task(asked.complete(request()))
        await asyncio.sleep(0)
        first.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await first
        return await second

    with running(FAST) as (url, _):
        assert asyncio.run(one_leaves(engine(url))).text


def test_tools_are_shown_to_the_model_and_calls_stay_in_its_text():
    tool = {"type": "function", "function": {"name": "look"}}
    body = request_body("fake", request(tools=(tool,)), DEFAULT)
    assert (body["tools"], body["tool_choice"]) == ([tool], "none")
    assert not {"tools", "tool_choice"} & request_body("fake", request(), DEFAULT).keys()
