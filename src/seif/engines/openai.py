"""Models behind OpenAI-compatible servers, through the `openai` package.

What fails comes back as a completion with `error`, one of the causes in `failures.py`, after retries with backoff.
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import openai

from seif.chat import DEFAULT, ChatFormat
from seif.engines.base import Completion, Request
from seif.engines.failures import EMPTY, GONE, MALFORMED, NO_LOGPROBS, REFUSED, WITHHELD, BadAnswer, Failure, failure_of
from seif.engines.replicas import LEFT_OUT, Replica, choose, most_bytes
from seif.errors import UsageError

LONGEST_BACKOFF = 30.0
LEAST_BYTES, BYTES_PER_TOKEN = 1 << 20, 1 << 12
"""What a response may have, and for each token that is asked for: its text and eight log-probabilities, in JSON."""
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Limits:
    """How much is asked of a server at once, and how long it is waited for."""

    concurrency: int = 128
    """Requests under way at once, over all URLs."""
    requests_per_minute: float | None = None
    """Requests are spaced evenly to keep below this."""
    timeout: float = 600.0
    """Seconds for one attempt of a request."""
    retries: int = 10
    """Further attempts of a failed request."""
    backoff: float = 0.2
    """Seconds before the first of them, twice as many before each further one, with jitter; or what the server asks."""


class OpenAIEngine:
    """One served model, at one or several base URLs. The server gets the variables of `chat` for its template.

    `recover` gets the time.monotonic() at which a failed attempt began, and says whether the server has been
    restarted since; then the attempt does not count. Raises UsageError for a key that no HTTP header takes.
    """

    def __init__(
        self,
        model: str,
        base_urls: Sequence[str],
        api_key: str = "",
        limits: Limits = Limits(),
        recover: Callable[[float], Awaitable[bool]] | None = None,
        chat: ChatFormat = DEFAULT,
    ) -> None:
        self.api_key = api_key.strip() or "none"
        if not self.api_key.isascii() or not self.api_key.isprintable():
            raise UsageError(
                "the API key holds characters that no HTTP header takes, "
                "such as a line break; set its environment variable anew"
            )
        self.model, self.base_urls, self.limits = model, base_urls, limits
        self.recover = recover
        self.chat = chat
        self.patience = 2 * limits.timeout + 60.0
        """Seconds without any success after which a server counts as lost, and requests that still wait for it fail."""
        self.pause = 60.0 / limits.requests_per_minute if limits.requests_per_minute else 0.0
        self.failures: Counter[str] = Counter()
        """Requests given up, by cause."""
        self.attempts: Counter[str] = Counter()
        """Every attempt, by how it ended; `answered` is a success."""
        self._connections: _Connections | None = None
        self._closing: AsyncIterator[None] | None = None

    async def complete(self, request: Request) -> Completion:
        """Answer one request; identical ones that are under way are asked once. Raises what `recover` raises."""
        return await (await self._connected()).complete(request)

    async def post(
        self, path: str, body: Mapping[str, Any], read: Callable[[str], Answer | Failure]
    ) -> Answer | Failure:
        """What `read` makes of the server's answer to `body` (JSON values), after retries. Raises what `recover`
        raises."""
        return await (await self._connected()).post(path, body, read)

    async def _connected(self) -> _Connections:
        loop = asyncio.get_running_loop()
        if self._connections is None or self._connections.loop is not loop:
            self._connections = _Connections(self, loop)
            # A trainer runs a new event loop for every step. A loop that ends closes the generators begun in it.
            self._closing = self._connections.until_the_loop_ends()
            await anext(self._closing)
        return self._connections

    def close(self) -> None:
        """Nothing outlives its event loop."""
        self._connections = None


class _Connections:
    """The engine within one event loop: connections, limits, and what is under way."""

    def __init__(self, engine: OpenAIEngine, loop: asyncio.AbstractEventLoop) -> None:
        self.engine, self.loop = engine, loop
        self.replicas = [
            Replica(url, engine.api_key, engine.limits.concurrency, engine.limits.timeout) for url in engine.base_urls
        ]
        self.slots = asyncio.Semaphore(engine.limits.concurrency)
        self.under_way: dict[Any, asyncio.Task[Completion]] = {}
        self.waiting = 0
        """Requests that have no answer yet."""
        self.next_start = 0.0
        self.last_success = 0.0
        """When something last succeeded, or was asked after a pause."""
        self.jitter = random.Random()  # not the global one, whose state belongs to training

    async def until_the_loop_ends(self) -> AsyncIterator[None]:
        """Closes the clients when it is closed."""
        # Thousands of requests a second make garbage, and a sixth of the client's time would go into looking for it
        # among the objects of the libraries, which were here before and will be after.
        gc.freeze()
        try:
            yield
        finally:
            gc.unfreeze()
            for replica in self.replicas:
                await replica.client.close()

    async def complete(self, request: Request) -> Completion:
        key = (
            tuple((m["role"], m["content"]) for m in request.messages),
            request.max_tokens,
            request.temperature,
            request.seed,
            request.top_logprobs,
            json.dumps(list(request.tools)),
        )
        task = self.under_way.get(key)
        if task is not None:
            return replace(await asyncio.shield(task), prompt_tokens=0, new_tokens=0, shared=True)
        task = self.under_way[key] = self.loop.create_task(self._ask(request))
        task.add_done_callback(lambda _: self.under_way.pop(key))
        return await asyncio.shield(task)

    async def _ask(self, request: Request) -> Completion:
        chat = self.engine.chat
        read = partial(read_completion, logprobs=request.top_logprobs > 0, chat=chat)
        found = await self.post("/chat/completions", request_body(self.engine.model, request, chat), read)
        if isinstance(found, Failure):
            return Completion("", "error", error=found.cause)
        return replace(found, text=chat.read(found.text))

    async def post(
        self, path: str, body: Mapping[str, Any], read: Callable[[str], Answer | Failure]
    ) -> Answer | Failure:
        if not self.waiting:
            self.last_success = self.loop.time()
        self.waiting += 1
        attempt = 0
        try:
            while True:
                began = time.monotonic()
                found = await self._attempt(path, body, read)
                if not isinstance(found, Failure):
                    return found
                if found.again and self.engine.recover is not None and await self.engine.recover(began):
                    self.last_success = self.loop.time()
                    continue
                if not found.again or attempt >= self.engine.limits.retries:
                    self.engine.failures[found.cause] += 1
                    return found
                backoff = min(LONGEST_BACKOFF, self.engine.limits.backoff * 2**attempt) * self.jitter.uniform(0.5, 1)
                await asyncio.sleep(max(found.wait, backoff))
                attempt += 1
        finally:
            self.waiting -= 1

    async def _attempt(
        self, path: str, body: Mapping[str, Any], read: Callable[[str], Answer | Failure]
    ) -> Answer | Failure:
        async with self.slots:
            # Else thousands that wait would each try as long, one after the other.
            if self.loop.time() - self.last_success > self.engine.patience:
                return Failure(GONE, again=False)
            await self._pace()
            replica = choose(self.replicas, self.loop.time())
            replica.under_way += 1
            try:
                most_bytes.set(_most(body))
                async with asyncio.timeout(self.engine.limits.timeout):
                    # The body as text: the package's own types would be built for every request and dropped again.
                    found = read(await replica.client.post(path, cast_to=str, body=body))
            except (openai.OpenAIError, TimeoutError, BadAnswer) as error:
                found = failure_of(error)
            finally:
                replica.under_way -= 1
        if not isinstance(found, Failure) or not found.again:
            self.last_success = self.loop.time()
        elif found.cause == REFUSED:
            replica.out_until = self.loop.time() + LEFT_OUT
        self.engine.attempts[found.cause if isinstance(found, Failure) else "answered"] += 1
        return found

    async def _pace(self) -> None:
        if self.engine.pause:
            start = max(self.loop.time(), self.next_start)
            self.next_start = start + self.engine.pause
            await asyncio.sleep(start - self.loop.time())


def _most(body: Mapping[str, Any]) -> int:
    """Bytes of a response to this body; vLLM repeats the prompt's tokens where it is asked for token ids."""
    return LEAST_BYTES + BYTES_PER_TOKEN * int(body.get("max_tokens", 0)) + 16 * len(body.get("prompt", ()))


def request_body(model: str, request: Request, chat: ChatFormat) -> dict[str, Any]:
    """The body of a chat completion."""
    body: dict[str, Any] = {
        "model": model,
        "messages": request.messages,
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "top_p": 1.0,
        "seed": request.seed,
    }
    if request.tools:
        # The prompt shows them, and a call stays in the text as the model wrote it; a server needs no parser for that.
        body |= {"tools": list(request.tools), "tool_choice": "none"}
    if chat.template_kwargs:
        # Not of OpenAI's own API, which would refuse it; vLLM, SGLang and others take it.
        body["chat_template_kwargs"] = dict(chat.template_kwargs)
    return {**body, "logprobs": True, "top_logprobs": request.top_logprobs} if request.top_logprobs else body


def read_completion(body: str, logprobs: bool, chat: ChatFormat = DEFAULT) -> Completion | Failure:
    """A chat completion out of a response body; `logprobs`: those of the first token were asked for.

    A thought that the server has taken out of the text is put back between the marks of `chat`.
    """
    try:
        tree = json.loads(body)
        choice = tree["choices"][0]
        message = choice["message"]
        text = message.get("content") or ""
        # Servers with a reasoning parser: vLLM and SGLang have called it both.
        thought = message.get("reasoning_content") or message.get("reasoning") or ""
        first = (((choice.get("logprobs") or {}).get("content") or [{}])[0]).get("top_logprobs") or []
        likely: dict[str, float] = {}
        for entry in first:
            likely[str(entry["token"])] = max(float(entry["logprob"]), likely.get(str(entry["token"]), -float("inf")))
        finish = choice["finish_reason"]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError):
        return Failure(MALFORMED)
    # No probability is above 1; this leaves room for rounding, and none for NaN.
    likely_enough = all(logprob < 1 for logprob in likely.values())
    if not isinstance(text, str) or not isinstance(thought, str) or not likely_enough:
        return Failure(MALFORMED)
    if thought and chat.think_end not in text:
        # A reply that was cut off before its answer was cut off within its thought.
        unfinished = finish == "length" and not text
        text = f"{chat.think_start}{thought}{'' if unfinished else chat.think_end}{text}"
    if finish not in ("stop", "length"):
        return Failure(WITHHELD, again=False)
    if not text.strip() and not likely:
        return Failure(EMPTY)
    if logprobs and not likely:
        return Failure(NO_LOGPROBS, again=False)
    usage = tree.get("usage")
    return Completion(
        text,
        finish,
        likely if logprobs else {},
        prompt_tokens=_tokens(usage, "prompt_tokens"),
        new_tokens=_tokens(usage, "completion_tokens"),
    )


def _tokens(usage: object, key: str) -> int:
    """A number of the server's `usage`, which servers may leave out."""
    found = usage.get(key) if isinstance(usage, dict) else None
    return found if isinstance(found, int) and found >= 0 else 0
