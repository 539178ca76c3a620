"""One greedy reply per chat, for suites: kept one by one, and shortened where the model's context is too short."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from seif.chat import THINK_START, split_thought
from seif.engines.base import Engine, Request
from seif.engines.together import PENDING
from seif.errors import RunError
from seif.evaluation.suites import SuiteSettings
from seif.journal import ask_all
from seif.progress import clock
from seif.quantities import quantity

FEWEST_NEW_TOKENS = 16
"""A prompt that leaves fewer tokens than this in the model's context is not answered."""
TOGETHER = 128
"""Prompts asked at once of an engine in process, and items between two lines of progress."""


@dataclass(frozen=True)
class Reply:
    """What a model said to one prompt. `text` is empty when nothing could be generated; `error` then says why."""

    text: str
    finished: bool
    """Did the model end the reply itself, within `limit` tokens?"""
    limit: int
    error: str = ""

    @property
    def answer(self) -> str:
        """What is scored: all of it, or what follows the thought; a thought that was cut off leaves nothing."""
        thought, answer = split_thought(self.text)
        if thought is not None:
            return answer.lstrip()
        return "" if self.text.lstrip().startswith(THINK_START) else self.text


async def answer(engine: Engine, requests: Sequence[Request], settings: SuiteSettings, noun: str) -> list[Reply]:
    """One reply per request; `settings.report` gets a line now and then, in which a request is called `noun`.

    Replies are kept in the folder `settings.parts`, and not asked for again where that holds them. Raises RunError
    when no request can be answered.
    """
    done, failed = progress(settings.report, len(requests), noun, "answered"), dict[int, Reply]()

    async def answer_one(place: int) -> tuple[str, bool, int] | None:
        reply = await ask(engine, requests[place])
        done()
        if reply.error:
            failed[place] = reply
            return None
        return reply.text, reply.finished, reply.limit

    kept = settings.parts and settings.parts / "replies.jsonl"
    pending = TOGETHER if settings.config.engine.kind == "local" else PENDING
    found = await ask_all(answer_one, len(requests), kept, pending)
    replies = [Reply(*known) if known else failed[place] for place, known in enumerate(found)]
    if all(reply.error for reply in replies):
        raise RunError(f"the model answered none of {quantity(len(replies), noun)}: {replies[0].error}")
    return replies


async def ask(engine: Engine, request: Request) -> Reply:
    """The reply to one request, whose limit of tokens is halved for as long as it and the prompt don't fit the model's
    context."""
    while True:
        completion = await engine.complete(request)
        limit = request.max_tokens
        if not completion.error or limit // 2 < FEWEST_NEW_TOKENS:
            return Reply(completion.text, completion.finish_reason == "stop", limit, completion.error)
        request = replace(request, max_tokens=limit // 2)


def progress(report: Callable[[str], None], total: int, noun: str, done: str) -> Callable[[], None]:
    """To be called after each of `total` items: it reports every `TOGETHER` and the last, with the time that is left.

    Of 512 prompts it says "128 of 512 prompts answered".
    """
    began, count = time.monotonic(), 0

    def count_one() -> None:
        nonlocal count
        count += 1
        if count % TOGETHER == 0 or count == total:
            left = (time.monotonic() - began) / count * (total - count)
            report(f"{count:,} of {quantity(total, noun)} {done}, left {clock(left)}")

    return count_one
