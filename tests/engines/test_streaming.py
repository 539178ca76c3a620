from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from seif.chat import ChatFormat
from seif.engines.base import Request
from seif.engines.openai import Limits, OpenAIEngine
from seif.engines.scripted import ScriptedEngine
from seif.engines.streaming import stream
from seif.errors import RunError, UsageError

QUESTION = [{"role": "user", "content": "Write about the river.\nAvoid commas."}]


def test_pieces_are_the_whole_greedy_reply(engine):
    (whole,) = engine.answer([Request(QUESTION, 40)])
    pieces = list(stream(engine, Request(QUESTION, 40)))
    assert "".join(pieces) == whole.text
    assert len(pieces) > 3


def test_sampling_follows_its_seed(engine):
    def sampled(seed):
        return "".join(stream(engine, Request(QUESTION, 40, 1.0, seed)))

    assert sampled(1) == sampled(1)
    assert len({sampled(seed) for seed in range(4)}) > 1


def test_closing_stops_the_model(engine):
    before = threading.active_count()
    reply = stream(engine, Request(QUESTION, 200, 1.0, 3))
    next(reply)
    reply.close()
    assert threading.active_count() <= before


def test_a_prompt_that_does_not_fit_is_refused(engine):
    with pytest.raises(RunError, match="context too long"):
        list(stream(engine, Request([{"role": "user", "content": "river " * 5000}], 4)))


def test_what_fails_while_writing_is_raised(engine, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(type(engine.model), "generate", fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        list(stream(engine, Request(QUESTION, 4)))


def test_an_engine_of_another_kind_can_not_stream():
    with pytest.raises(UsageError, match="ScriptedEngine can't stream"):
        stream(ScriptedEngine(lambda request: "x"), Request(QUESTION, 4))


@contextmanager
def serving(lines: list[str], status: int = 200) -> Iterator[tuple[str, list[dict]]]:
    """A server that sends these events, whatever it is asked; and what it was asked."""

    class Handler(BaseHTTPRequestHandler):
        asked: ClassVar[list[dict]] = []

        def do_POST(self):
            self.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.send_header("Content-Type", "text/event-stream" if status == 200 else "application/json")
            self.end_headers()
            self.wfile.write("".join(f"data: {line}\n\n" for line in lines).encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", Handler.asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def event(**delta):
    return json.dumps({"id": "x", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta}]})


def served(url, **chat):
    return OpenAIEngine("some/model", [url], "key", Limits(timeout=20.0, retries=0), chat=ChatFormat(**chat))


def test_a_server_streams_by_events():
    with serving([event(role="assistant"), event(content="It "), event(content="flows."), "[DONE]"]) as (url, asked):
        pieces = list(stream(served(url), Request(QUESTION, 9, 0.5, 7)))
    assert pieces == ["It ", "flows."]
    (body,) = asked
    assert (body["model"], body["messages"], body["stream"]) == ("some/model", QUESTION, True)
    assert (body["max_tokens"], body["temperature"], body["seed"]) == (9, 0.5, 7)


def test_a_thought_that_is_sent_apart_gets_its_marks():
    sent = [event(reasoning_content="hm "), event(reasoning_content="so"), event(content="Yes."), "[DONE]"]
    with serving(sent) as (url, _):
        pieces = list(stream(served(url), Request(QUESTION, 9)))
    assert "".join(pieces) == "<think>hm so</think>Yes."


@pytest.mark.parametrize(
    ("lines", "status", "said"),
    [
        ([], 401, "key refused"),
        ([], 404, "no such model or path"),
        (["{broken"], 200, "malformed answer"),
        ([json.dumps({"error": {"message": "secret words"}})], 200, "malformed answer"),
    ],
)
def test_a_server_that_fails_is_one_line_without_its_words(lines, status, said):
    with serving(lines, status) as (url, _), pytest.raises(RunError, match=said) as error:
        list(stream(served(url), Request(QUESTION, 9)))
    assert url in str(error.value)
    assert "secret" not in str(error.value)


def test_nothing_that_answers():
    with pytest.raises(RunError, match=r"connection (refused|lost)"):
        list(stream(served("http://127.0.0.1:9/v1"), Request(QUESTION, 9)))
