"""The reward model as a Judger: whatever is asked in one tick of the event loop is judged as one batch, in process or
by a service.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import math
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from seif.engines.metered import count
from seif.engines.together import Together
from seif.errors import UsageError
from seif.judges.base import Judgement
from seif.self_supervised.inputs import Item, item_of
from seif.types import Constraint, Instruction, Verdict

if TYPE_CHECKING:
    from seif.self_supervised.scorer import Scorer

PER_REQUEST = 256
"""Items of one request to a service, which joins those of several trainers into batches."""
CHARACTERS_PER_REQUEST = 2 << 20
"""Of the items of one request, unless one alone has more: a character is up to twelve bytes of JSON, and the service
takes 32 MiB."""
LARGEST_ANSWER = 1 << 20
"""Bytes of a service's answer to one request."""


@dataclass(frozen=True)
class Found:
    """P(satisfied); None with the cause why there is none."""

    probability: float | None
    error: str = ""
    tokens: int = 0
    """Tokens that were read; 0 from a service, which does not say."""
    shared: bool = False
    """It was asked at the same time by another, for whom it counts."""


Ask = Callable[[Sequence[Item]], Awaitable[list[Found]]]


class ClassifierJudge:
    """One probability per (question, constraint, response).

    It is the reward too, unless `hard_labels` makes that 0 or 1.
    """

    def __init__(self, ask: Ask, hard_labels: bool = False) -> None:
        self.ask, self.hard_labels = ask, hard_labels
        self._together = Together(self._ask_once)

    async def judge(self, instruction: Instruction, response: str, constraint: Constraint) -> Judgement:
        (found,) = await self._together.ask(item_of(instruction, constraint, response))
        count("judger", found.tokens, int(not found.error and not found.shared))
        p = found.probability
        if p is None or not math.isfinite(p):
            return Judgement(Verdict.UNJUDGED, cause=found.error or "probability is not a number")
        verdict = Verdict.of(p >= 0.5)
        return Judgement(verdict, p, model=verdict, soft_score=None if self.hard_labels else p)

    async def _ask_once(self, items: list[Item]) -> list[Found]:
        unique = list(dict.fromkeys(items))
        found = dict(zip(unique, await self.ask(unique), strict=True))
        answers = []
        for item in items:
            answers.append(found[item])
            # What is asked several times is read once.
            found[item] = replace(found[item], tokens=0, shared=True)
        return answers


def in_process(scorer: Scorer) -> Ask:
    """Ask a model in this process."""

    async def ask(items: Sequence[Item]) -> list[Found]:
        return [Found(s.probability, s.error, s.tokens) for s in scorer.score(items)]

    return ask


class Service:
    """Asks `seif serve reward-model`.

    A request that fails is made again `retries` times with growing waits; then it is an error of its items.
    """

    def __init__(
        self, url: str, timeout: float = 600.0, retries: int = 10, backoff: float = 0.2, at_once: int = 8
    ) -> None:
        self.url, self.timeout, self.retries, self.backoff, self.at_once = (
            url.rstrip("/"),
            timeout,
            retries,
            backoff,
            at_once,
        )

    def check(self) -> None:
        """Raises UsageError when nothing that is healthy answers within ten seconds."""
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=10) as reply:
                healthy = json.loads(reply.read(LARGEST_ANSWER)).get("status") == "ok"
        except (OSError, ValueError, AttributeError, RecursionError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise UsageError(
                f"no reward model answers at {self.url} ({reason}); start it with `seif serve reward-model`"
            ) from error
        if not healthy:
            raise UsageError(f"{self.url} is no `seif serve reward-model`: its /health does not say so")

    async def ask(self, items: Sequence[Item]) -> list[Found]:
        """One result per item, in order."""
        slots = asyncio.Semaphore(self.at_once)
        found = await asyncio.gather(*(self._ask_part(part, slots) for part in _parts(items)))
        return [one for part in found for one in part]

    async def _ask_part(self, items: Sequence[Item], slots: asyncio.Semaphore) -> list[Found]:
        body = json.dumps({"items": [asdict(item) for item in items]}).encode("utf-8", errors="replace")
        cause = ""
        async with slots:
            for attempt in range(self.retries + 1):
                if attempt:
                    await asyncio.sleep(min(30.0, self.backoff * 2 ** (attempt - 1)))
                try:
                    return _read(await asyncio.to_thread(self._post, body), len(items))
                except urllib.error.HTTPError as error:
                    cause = f"reward model's service says {error.code}"
                    if error.code < 500:
                        break
                except (OSError, ValueError, RecursionError, http.client.HTTPException) as error:
                    cause = (
                        "no reward model answers"
                        if isinstance(error, OSError)
                        else "reward model's answer can't be read"
                    )
        return [Found(None, cause)] * len(items)

    def _post(self, body: bytes) -> bytes:
        request = urllib.request.Request(f"{self.url}/score", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=self.timeout) as reply:
            answer = bytes(reply.read(LARGEST_ANSWER + 1))
        if len(answer) > LARGEST_ANSWER:
            raise ValueError("the answer is too large")
        return answer


def _parts(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """The items in requests, in order."""
    first = characters = 0
    for place, item in enumerate(items):
        size = len(item.instruction) + len(item.constraint) + len(item.response)
        if place > first and (place - first == PER_REQUEST or characters + size > CHARACTERS_PER_REQUEST):
            yield items[first:place]
            first, characters = place, 0
        characters += size
    if items:
        yield items[first:]


def _read(body: bytes, count: int) -> list[Found]:
    """The results of a reply. Raises ValueError when they are not what was asked for."""
    results: Any = json.loads(body)
    results = results.get("results") if isinstance(results, dict) else None
    if not isinstance(results, list) or len(results) != count or not all(isinstance(r, dict) for r in results):
        raise ValueError("not one result per item")
    return [Found(_probability(r.get("probability")), str(r.get("error") or "")) for r in results]


def _probability(value: object) -> float | None:
    """Raises ValueError for what is no probability."""
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise ValueError("not a probability")
    return float(value)
