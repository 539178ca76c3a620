"""Model servers that fail in every way, and requests to the reward service that no client of ours sends."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import random
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import trustme
import yaml
from benchmarks.server import Behaviour
from benchmarks.server import running as running_model
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faults.campaign import Crashed, Fault, Lost, Overran, Silent, call, expect_line, expect_success
from seif.engines import failures
from seif.engines.base import Completion, Request
from seif.engines.openai import LEAST_BYTES, Limits, OpenAIEngine
from seif.judges.logprob import LogprobJudge
from seif.self_supervised.scorer import Scored
from seif.self_supervised.service import MOST_BYTES, MOST_ITEMS, application
from seif.types import Constraint, Instruction

# --- a model server that fails ----------------------------------------------------------------------------------------


def _http(status: int, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Content-Type: application/json", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _healthy(prompt: str) -> bytes:
    """A verdict and its log-probabilities, by the prompt alone."""
    digit = hashlib.sha256(prompt.encode()).digest()[0] % 2
    likely = [{"token": str(digit), "logprob": -0.1}, {"token": str(1 - digit), "logprob": -2.4}]
    message = {"role": "assistant", "content": str(digit)}
    choice = {"message": message, "finish_reason": "stop", "logprobs": {"content": [{"top_logprobs": likely}]}}
    return json.dumps({"choices": [choice], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}).encode()


GOOD = _healthy("x")
BOMB = gzip.compress(GOOD + b" " * (8 << 20))
ENDLESS = "an endless body"
FAULTS: dict[str, tuple[bytes | None, str]] = {
    "connection reset before the answer": (None, failures.LOST),
    "reset within the headers": (b"HTTP/1.1 200 OK\r\nContent-", failures.LOST),
    "reset within the body": (_http(200, GOOD)[:-40], failures.LOST),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", failures.MALFORMED),
    "429 with Retry-After": (_http(429, b"{}", "Retry-After: 0.01"), failures.TOO_MANY),
    "429 without": (_http(429, b"{}"), failures.TOO_MANY),
    "429 until yesterday": (_http(429, b"{}", "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT"), failures.TOO_MANY),
    "500": (_http(500, b"worker died"), "server error (500)"),
    "502 in HTML": (_http(502, b"<html>Bad Gateway</html>"), "server error (502)"),
    "503 with Retry-After: soon": (_http(503, b"", "Retry-After: soon"), "server error (503)"),
    "529": (_http(529, b"{}"), "server error (529)"),
    "HTML with 200": (_http(200, b"<html>Please log in</html>"), failures.MALFORMED),
    "an empty body": (_http(200, b""), failures.MALFORMED),
    "half of the JSON": (_http(200, GOOD[: len(GOOD) // 2]), failures.MALFORMED),
    "JSON of something else": (_http(200, b'{"ok": true}'), failures.MALFORMED),
    "no choices": (_http(200, b'{"choices": []}'), failures.MALFORMED),
    "an error with 200": (_http(200, b'{"error": {"message": "overloaded"}}'), failures.MALFORMED),
    "JSON nested 100,000 deep": (_http(200, b"[" * 100_000), failures.MALFORMED),
    "invalid UTF-8": (_http(200, GOOD.replace(b"assistant", b"assist\xe9nt")), failures.MALFORMED),
    "a redirect": (_http(302, b"", "Location: http://127.0.0.1:1/"), "redirected (302)"),
    "a redirect to itself": (_http(307, b"", "Location: /v1/chat/completions"), "redirected (307)"),
    "a gzip bomb": (_http(200, BOMB, "Content-Encoding: gzip"), failures.TOO_LARGE),
    "a body of 4 MB": (_http(200, GOOD + b" " * (4 << 20)), failures.TOO_LARGE),
    ENDLESS: (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", failures.TOO_LARGE),
}


@dataclass
class Raw:
    """Speaks HTTP byte by byte, so that it can speak it badly; a share of the requests fails."""

    kinds: tuple[str, ...]
    share: float = 1.0
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    tried: Counter[str] = field(default_factory=Counter)
    sent: int = 0
    """Bytes of endless bodies."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._one(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        body = await reader.readexactly(int(head.partition("content-length:")[2].split("\r\n")[0]))
        if self.chance.random() >= self.share:
            writer.write(_http(200, _healthy(json.loads(body)["messages"][-1]["content"])))
            await writer.drain()
            return True
        kind = self.chance.choice(self.kinds)
        self.tried[kind] += 1
        if kind == "a dripping body":
            writer.write(_http(200, GOOD)[: -len(GOOD)])
            for byte in GOOD:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0.05)
        elif kind == ENDLESS:
            writer.write(FAULTS[kind][0] or b"")
            while self.sent < 1 << 30:
                writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
                self.sent += 0x10000
                await writer.drain()
        else:
            writer.write(FAULTS[kind][0] or b"")
            await writer.drain()
            return b"Content-Length" in (FAULTS[kind][0] or b"") and "reset" not in kind
        return False


@contextmanager
def _running(server: Raw, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    loop = asyncio.new_event_loop()
    listening = loop.run_until_complete(asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        listening.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0.01))
        loop.close()


def _ask(url: str | list[str], count: int, **limits: Any) -> tuple[list[Completion], OpenAIEngine]:
    urls = [url] if isinstance(url, str) else url
    engine = OpenAIEngine("fake", urls, "", Limits(**{"timeout": 20.0, "retries": 40, "backoff": 0.001, **limits}))

    async def together() -> list[Completion]:
        asked = [
            Request([{"role": "user", "content": f"Is it {i}?"}], max_tokens=1, top_logprobs=8) for i in range(count)
        ]
        return await asyncio.gather(*map(engine.complete, asked))

    return asyncio.run(together()), engine


def _always(kind: str, cause: str, folder: Path) -> None:
    """Every attempt fails: an error with a cause in fixed words, after the retries."""
    server = Raw((kind,))
    with _running(server) as url:
        (found,), engine = _ask(url, 1, retries=2, timeout=0.5 if "drip" in kind else 20.0)
    if (found.text, found.error) != ("", cause):
        raise Silent(f"{found.error!r} for {found.text!r}, wanted {cause!r}")
    if engine.attempts != {cause: 3}:
        raise Silent(f"attempts: {dict(engine.attempts)}")
    if server.sent > 3 * 20 * LEAST_BYTES:
        raise Overran(f"{server.sent >> 20} MB were read")


def _sometimes(kinds: tuple[str, ...], folder: Path) -> None:
    """30% of the requests fail, and every answer is that of a sound server."""
    with _running(Raw((), 0.0)) as url:
        sound, _ = _ask(url, 60)
    server = Raw(kinds, 0.3)
    with _running(server) as url:
        found, _ = _ask(url, 60, timeout=1.0 if "a dripping body" in kinds else 20.0)
    if found != sound:
        raise Lost(f"{sum(a != b for a, b in zip(found, sound, strict=True))} of 60 answers differ")
    if not server.tried:
        raise Silent("no request failed")


def _verdicts(folder: Path) -> None:
    """The same of a judge's verdicts, all kinds of faults together."""
    task = Instruction("Why?", tuple(Constraint(f"Be kind {i} times.") for i in range(60)))

    async def judged(url: str) -> list[Any]:
        engine = OpenAIEngine("fake", [url], "", Limits(timeout=20.0, retries=40, backoff=0.001))
        judge = LogprobJudge(engine, "full")
        return await asyncio.gather(*(judge.judge(task, "It is.", c) for c in task.constraints))

    with _running(Raw((), 0.0)) as sound, _running(Raw(tuple(FAULTS), 0.3)) as faulty:
        if asyncio.run(judged(sound)) != asyncio.run(judged(faulty)):
            raise Lost("verdicts differ")


def _refusing_replica(folder: Path) -> None:
    with _running(Raw((), 0.0)) as url:
        sound, _ = _ask(url, 30)
        found, _ = _ask(["http://127.0.0.1:1/v1", url], 30)
    if found != sound:
        raise Lost("answers differ")


def _nobody(folder: Path) -> None:
    (found,), engine = _ask("http://127.0.0.1:1/v1", 1, retries=2)
    if found.error != failures.REFUSED or engine.attempts != {failures.REFUSED: 3}:
        raise Silent(f"{found.error!r}, {dict(engine.attempts)}")


def _unknown_authority(folder: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with _running(Raw((), 0.0), context) as url:
        (found,), engine = _ask(url, 1)
    if found.error != failures.UNTRUSTED or engine.attempts != {failures.UNTRUSTED: 1}:
        raise Silent(f"{found.error!r}, {dict(engine.attempts)}")


def _outage(folder: Path) -> None:
    """`seif judge` ends with exit code 3 within two time limits; the same command then gives the undisturbed result."""
    limit = 10.0
    rows = [{"prompt": f"Why {i}?", "response": "It is.", "constraint": [f"Be kind {i}."]} for i in range(40)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with running_model(Behaviour(answer_s=0.001, verdict_s=0.001)) as (url, server):
        engine = {"kind": "openai", "base_urls": [url], "retries": 2, "timeout": limit, "concurrency": 4}
        (folder / "config.yaml").write_text(yaml.safe_dump({"model": "fake", "engine": engine}))
        command = (
            "judge",
            folder / "rows.jsonl",
            "--config",
            folder / "config.yaml",
            "--model",
            "fake",
            "--json",
            "--out",
        )
        sound = server.respond

        async def dying(*request: Any) -> Any:
            return await sound(*request) if len(server.log) < 15 else None

        server.respond = dying  # type: ignore[method-assign]
        began = time.monotonic()
        expect_line(call(*command, folder / "cut.jsonl"), 3, "missing")
        if time.monotonic() - began > 2 * limit:
            raise Overran(f"{time.monotonic() - began:.0f} s")
        asked = len(server.log)
        server.respond = sound  # type: ignore[method-assign]
        (folder / "cut.jsonl").unlink(missing_ok=True)
        expect_success(call(*command, folder / "cut.jsonl"))
        if len(server.log) - asked > len(rows) - asked + 4:
            raise Lost(f"{len(server.log) - asked} of {len(rows)} verdicts were asked for again")
    with running_model(Behaviour(answer_s=0.001, verdict_s=0.001)) as (url, _):
        engine["base_urls"] = [url]
        (folder / "other").mkdir()
        (folder / "other" / "config.yaml").write_text(yaml.safe_dump({"model": "fake", "engine": engine}))
        rest = ("--model", "fake", "--json", "--out", folder / "whole.jsonl")
        expect_success(call("judge", folder / "rows.jsonl", "--config", folder / "other" / "config.yaml", *rest))
    if (folder / "cut.jsonl").read_bytes() != (folder / "whole.jsonl").read_bytes():
        raise Lost("the resumed verdicts differ")


# --- the reward service -----------------------------------------------------------------------------------------------


class _Scorer:
    def __init__(self, raises: Exception | None = None, margin: float | None = 0.0) -> None:
        self.raises, self.margin = raises, margin

    def score(self, items: list[Any]) -> list[Scored]:
        if self.raises:
            raise self.raises
        return [Scored(self.margin) for _ in items]

    def close(self) -> None:
        pass


def _send(
    parts: list[bytes], scorer: _Scorer, method: str = "POST", path: str = "/score", leaves: bool = False
) -> tuple[int, bytes, int]:
    """Status and body of an answer, and how many parts of the request were read."""
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "path": path,
        "raw_path": path.encode(), "query_string": b"", "headers": [], "scheme": "http", "server": ("x", 1),
    }  # fmt: skip
    waiting, sent, read = list(parts), [], 0

    async def receive() -> dict[str, Any]:
        nonlocal read
        read += 1
        if not waiting or (leaves and len(waiting) == 1):
            return {"type": "http.disconnect"}
        part = waiting.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(waiting)}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(application(scorer, "some/model")(scope, receive, send))  # type: ignore[arg-type]
    status = next(m["status"] for m in sent if m["type"] == "http.response.start")
    return status, b"".join(m.get("body", b"") for m in sent), read


def _answered(status: int, body: bytes, *expected: int) -> None:
    if status not in expected:
        raise Crashed(f"{status}: {body[:200]!r}")
    if status == 200:
        json.loads(body)
    elif status not in (404, 405):
        said = json.loads(body)["error"]
        if not said or "\n" in said or len(said) > 500 or "Traceback" in said:
            raise Silent(f"{status}: {said[:300]!r}")


ITEM = {"instruction": "Why?", "constraint": "Be kind.", "response": "It is."}


def _items(*items: Any) -> bytes:
    return json.dumps({"items": items}).encode()


BODIES: dict[str, tuple[list[bytes], int]] = {
    "60 MB": ([b" " * (1 << 20)] * 60, 413),
    "one byte more than it takes": ([b" " * MOST_BYTES, b" "], 413),
    "nothing": ([b""], 400),
    "null": ([b"null"], 422),
    "a number": ([b"1"], 422),
    "a list": ([b"[]"], 422),
    "binary data": ([bytes(range(256))], 400),
    "invalid UTF-8": ([_items(ITEM).replace(b"kind", b"k\xffnd")], 400),
    "half of the JSON": ([_items(ITEM)[:-9]], 400),
    "JSON nested 1,000,000 deep": ([b'{"items":' + b"[" * 1_000_000], 400),
    "items nested 1,000,000 deep": ([b'{"items":' * 100_000], 400),
    "half a surrogate pair": ([_items(ITEM).replace(b"kind", b"k\\ud800")], 400),
    "items that are no list": ([b'{"items": {}}'], 422),
    "an item that is null": ([_items(None)], 422),
    "a response that is a number": ([_items({**ITEM, "response": 10**400})], 422),
    "NaN": ([b'{"items": NaN}'], 422),
    "a million empty lists": ([_items(*[[]] * 1_000_000)], 422),
    "more items than it takes": ([_items(*[ITEM] * (MOST_ITEMS + 1))], 422),
    "a key of a megabyte": ([_items({**ITEM, "k" * (1 << 20): 1})], 422),
}


def _posted(parts: list[bytes], status: int, folder: Path) -> None:
    found, body, read = _send(parts, _Scorer())
    _answered(found, body, status)
    if (taken := sum(map(len, parts[: read - 1]))) > MOST_BYTES:
        raise Overran(f"{taken:,} bytes were read, and more")


def _scoring(scorer: Callable[[], _Scorer], status: int, folder: Path) -> None:
    found, body, _ = _send([_items(ITEM)], scorer())
    _answered(found, body, status)


def _asked(method: str, path: str, status: int, folder: Path) -> None:
    found, body, _ = _send([b""], _Scorer(), method, path)
    _answered(found, body, status)


def _leaving(folder: Path) -> None:
    found, body, _ = _send([_items(ITEM), b"", b""], _Scorer(), leaves=True)
    _answered(found, body, 400)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.fixed_dictionaries({}, optional={key: st.text() | JSON for key in (*ITEM, "more")})


def _anything(folder: Path) -> None:
    @settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(st.binary() | JSON.map(_json) | st.lists(FIELDS, max_size=3).map(lambda items: _items(*items)))
    def post(body: bytes) -> None:
        found, said, _ = _send([body], _Scorer())
        _answered(found, said, 200, 400, 422)

    post()


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def faults() -> Iterator[Fault]:
    """Kinds of failing answers, always and for 30% of the requests; bodies that the reward service gets."""
    for kind, (_, cause) in FAULTS.items():
        yield Fault("model server", f"{kind}, always", f"error: {cause}", partial(_always, kind, cause))
        yield Fault("model server", f"{kind}, 30%", "a sound server's answers", partial(_sometimes, (kind,)), False)
    drip = "a dripping body"
    yield Fault("model server", f"{drip}, always", "time limit", partial(_always, drip, failures.TIME_LIMIT), False)
    yield Fault("model server", f"{drip}, 30%", "a sound server's answers", partial(_sometimes, (drip,)), False)
    yield Fault("model server", "all faults, 30%", "a sound server's answers", partial(_sometimes, tuple(FAULTS)))
    yield Fault("judge's server", "all faults, 30%", "a sound server's verdicts", _verdicts)
    yield Fault("model server", "one of two refuses", "the other answers", _refusing_replica)
    yield Fault("model server", "refuses connections", "error: connection refused", _nobody)
    yield Fault("model server", "a certificate of nobody's", "error, asked once", _unknown_authority)
    yield Fault("judge's server", "an outage", "exit code 3 within two time limits; resumes", _outage, False)
    for kind, (parts, status) in BODIES.items():
        yield Fault("reward service", kind, str(status), partial(_posted, parts, status))
    for name, scorer, status in (
        ("its memory is full", lambda: _Scorer(RuntimeError("CUDA out of memory\nTried")), 503),
        ("its tokenizer raises", lambda: _Scorer(ValueError("no\nsuch")), 503),
        ("its model says NaN", lambda: _Scorer(margin=float("nan")), 200),
        ("its model says infinity", lambda: _Scorer(margin=float("inf")), 200),
        ("its model says nothing", lambda: _Scorer(margin=None), 200),
    ):
        yield Fault("reward service", name, str(status), partial(_scoring, scorer, status))
    for method, path, status in (("GET", "/score", 405), ("DELETE", "/score", 405), ("GET", "/../etc/passwd", 404)):
        yield Fault("reward service", f"{method} {path}", str(status), partial(_asked, method, path, status))
    yield Fault("reward service", "a client that leaves within its request", "400, no traceback", _leaving)
    yield Fault("reward service", "anything at all", "200, 400 or 422", _anything, False)
