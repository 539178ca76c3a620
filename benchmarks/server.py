"""An OpenAI-compatible server without a model, for tests and benchmarks: it takes time, fills slots and fails as a
real one does.

A reply is a function of its request alone. Latencies are too (lognormal), and only `slots` requests are worked on at
once; the others wait in order. Faults are drawn anew for every attempt, so that a retry can succeed.

.venv/bin/python -m benchmarks.server --port 8000 --faults 0.3

HTTP/1.1 is spoken here by hand, in the one form that clients of this API use (keep-alive, Content-Length): that
takes fewer lines than a framework's wiring, adds no dependency, and leaves one core free enough for thousands of
requests a second.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import math
import random
import ssl
import statistics
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

FAULTS = ("429", "500", "cut", "malformed", "empty", "hang")
REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    429: "Too Many Requests",
    500: "Internal Server Error",
}


@dataclass(frozen=True)
class Behaviour:
    """How the server answers, and how it fails."""

    model: str = "fake"
    slots: int = 64
    answer_s: float = 0.3
    """Mean seconds of an answer, in a slot."""
    verdict_s: float = 0.08
    """Mean seconds of a verdict, the Filter's included."""
    sigma: float = 0.5
    """Spread of the latencies: the standard deviation of their logarithm."""
    satisfied: float = 0.6
    """Share of constraints found satisfied."""
    accepted: float = 0.95
    """Share of instructions that the Filter accepts."""
    faults: float = 0.0
    """Share of requests that fail, evenly over `kinds`."""
    kinds: tuple[str, ...] = FAULTS
    retry_after: float = 0.01
    """Seconds that a 429 asks the client to wait."""
    key: str = ""
    """When set, any other bearer key is refused."""
    logprobs: bool = True
    context: int = 1 << 20
    """Characters of a prompt that fit."""
    seed: int = 0


@dataclass
class Server:
    """The state behind all connections: slots, counters, and what was asked."""

    behaviour: Behaviour = field(default_factory=Behaviour)

    def __post_init__(self) -> None:
        self.slots = asyncio.Semaphore(self.behaviour.slots)
        self.luck = random.Random(self.behaviour.seed)
        self.counts: Counter[str] = Counter()
        self.latencies: list[float] = []
        self.log: list[str] = []
        """The kinds of the finished requests, in order."""
        self.most_at_once = self._at_once = 0
        self.connections: set[Connection] = set()

    async def listen(self, port: int = 0, tls: ssl.SSLContext | None = None) -> asyncio.Server:
        """Open the port (a free one for 0)."""
        return await asyncio.get_running_loop().create_server(
            lambda: Connection(self), "127.0.0.1", port, backlog=4096, ssl=tls
        )

    async def drop(self) -> None:
        """Close every connection and stop working on what it asked."""
        working = [connection.task for connection in self.connections if connection.task is not None]
        for connection in self.connections:
            connection.transport.abort()
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)

    def stats(self) -> dict[str, Any]:
        """What was served. `bound_s`: what the requests take when every slot is busy all the time."""
        work = sum(self.latencies)
        return {
            **self.counts,
            "requests": len(self.latencies),
            "latency_s": round(work, 3),
            "mean_latency_s": round(statistics.fmean(self.latencies), 4) if self.latencies else None,
            "slots": self.behaviour.slots,
            "bound_s": round(work / self.behaviour.slots, 3),
        }

    async def respond(
        self, method: str, path: str, authorization: str, body: bytes
    ) -> tuple[int, bytes, dict[str, str]] | None:
        """Status, body and extra headers; None: close the connection without a word."""
        b = self.behaviour
        if path == "/stats":
            return 200, json.dumps(self.stats()).encode(), {}
        if b.key and authorization != f"Bearer {b.key}":
            return _refusal(401, "Incorrect API key provided")
        if (method, path) == ("GET", "/v1/models"):
            return (
                200,
                json.dumps(
                    {
                        "object": "list",
                        "data": [{"id": b.model, "object": "model", "created": 0, "owned_by": "benchmarks"}],
                    }
                ).encode(),
                {},
            )
        if (method, path) != ("POST", "/v1/chat/completions"):
            return _refusal(404, "Not Found")
        try:
            request = json.loads(body)
            prompt = str(request["messages"][-1]["content"])
        except (ValueError, LookupError, TypeError):
            return _refusal(400, "the body is no chat completion request")
        if request.get("model") != b.model:
            return _refusal(404, f"The model `{request.get('model')}` does not exist.")
        if len(prompt) > b.context:
            return _refusal(400, f"This model's maximum context length is {b.context} tokens.")
        return await self._complete(request, prompt, body)

    async def _complete(
        self, request: dict[str, Any], prompt: str, body: bytes
    ) -> tuple[int, bytes, dict[str, str]] | None:
        b = self.behaviour
        dice = random.Random(hashlib.blake2b(body, digest_size=8).digest())
        kind = "verdict" if "[[1]]" in prompt or request.get("max_tokens") == 1 else "answer"
        seconds = dice.lognormvariate(-(b.sigma**2) / 2, b.sigma) * (b.verdict_s if kind == "verdict" else b.answer_s)
        fault = self.luck.choice(b.kinds) if self.luck.random() < b.faults else ""
        if fault:
            self.counts[f"fault_{fault}"] += 1
        if fault == "429":
            return 429, b'{"error": {"message": "slow down"}}', {"Retry-After": str(b.retry_after)}
        if fault == "hang":
            await asyncio.Event().wait()
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        async with self.slots:
            await asyncio.sleep(seconds)
        self._at_once -= 1
        self.counts[kind] += 1
        self.latencies.append(seconds)
        self.log.append(kind)
        if fault == "500":
            return _refusal(500, "worker died")
        if fault == "cut":
            return None
        text = "" if fault == "empty" else self._reply(kind, prompt, request, dice)
        answer = json.dumps(_completion(b, request, text)).encode()
        return 200, answer[: len(answer) // 2] if fault == "malformed" else answer, {}

    def _reply(self, kind: str, prompt: str, request: dict[str, Any], dice: random.Random) -> str:
        b = self.behaviour
        if kind == "answer":
            return "It depends on the place and on the time. " * dice.randint(4, 24)
        share = b.accepted if "meet them all" in prompt else b.satisfied
        digit = int(dice.random() < share)
        return (
            str(digit)
            if request.get("max_tokens") == 1
            else f"The constraint asks for one thing and the answer does another. [[{digit}]]"
        )


def _completion(behaviour: Behaviour, request: dict[str, Any], text: str) -> dict[str, Any]:
    """A chat completion as the API words it."""
    logprobs = None
    if request.get("logprobs") and behaviour.logprobs:
        odds = {text: 0.9, "1" if text == "0" else "0": 0.1}
        likely = [{"token": token, "logprob": math.log(p), "bytes": None} for token, p in odds.items()]
        logprobs = {
            "content": [{**likely[0], "top_logprobs": likely[: request.get("top_logprobs") or 0]}],
            "refusal": None,
        }
    finish = "length" if request.get("max_tokens") == 1 else "stop"
    message = {"role": "assistant", "content": text, "refusal": None}
    return {
        "id": "chatcmpl-0",
        "object": "chat.completion",
        "created": 0,
        "model": behaviour.model,
        "choices": [{"index": 0, "message": message, "logprobs": logprobs, "finish_reason": finish}],
        "usage": {
            "prompt_tokens": 100,
            "completion_tokens": len(text.split()),
            "total_tokens": 100 + len(text.split()),
        },
    }


def _refusal(status: int, message: str) -> tuple[int, bytes, dict[str, str]]:
    return (
        status,
        json.dumps(
            {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": status}}
        ).encode(),
        {},
    )


class Connection(asyncio.Protocol):
    """One client connection: requests in, responses out, in turn."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.buffer = bytearray()
        self.task: asyncio.Task[None] | None = None
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.server.connections.discard(self)
        if self.task is not None:
            self.task.cancel()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if self.task is None:
            self._next()

    def _next(self) -> None:
        """Start on the next request once all of it is here."""
        head, gap, rest = bytes(self.buffer).partition(b"\r\n\r\n")
        if not gap:
            return
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        if len(rest) < length:
            return
        self.buffer = bytearray(rest[length:])
        method, path = first.split(" ")[:2]
        self.task = asyncio.get_running_loop().create_task(
            self._serve(method, path, headers.get("authorization", ""), rest[:length])
        )

    async def _serve(self, method: str, path: str, authorization: str, body: bytes) -> None:
        response = await self.server.respond(method, path, authorization, body)
        if response is None:
            self.transport.abort()
            return
        status, content, extra = response
        lines = [
            f"HTTP/1.1 {status} {REASONS[status]}",
            "Content-Type: application/json",
            f"Content-Length: {len(content)}",
        ]
        lines += [f"{name}: {value}" for name, value in extra.items()]
        self.transport.write("\r\n".join([*lines, "\r\n"]).encode() + content)
        self.task = None
        self._next()


@contextmanager
def running(behaviour: Behaviour, tls: ssl.SSLContext | None = None) -> Iterator[tuple[str, Server]]:
    """A server in a thread of its own, for as long as the block lasts: its base URL, and itself."""
    loop = asyncio.new_event_loop()
    server = Server(behaviour)
    listening = loop.run_until_complete(server.listen(tls=tls))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1", server
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        listening.close()
        loop.run_until_complete(server.drop())
        loop.close()


async def serve(behaviour: Behaviour, port: int) -> None:
    """Serve until the process is stopped."""
    async with await Server(behaviour).listen(port) as listening:
        print(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1", flush=True)
        await listening.serve_forever()


def main() -> None:
    """Parse options, print the base URL, serve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    for name in (
        "model",
        "slots",
        "answer_s",
        "verdict_s",
        "sigma",
        "satisfied",
        "accepted",
        "faults",
        "retry_after",
        "key",
        "seed",
    ):
        default = getattr(Behaviour(), name)
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
    parser.add_argument("--kinds", nargs="+", choices=FAULTS, default=FAULTS, help="which faults")
    options = vars(parser.parse_args())
    port = options.pop("port")
    asyncio.run(serve(Behaviour(**{**options, "kinds": tuple(options["kinds"])}), port))


if __name__ == "__main__":
    main()
