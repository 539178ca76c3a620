"""Calls of engines and the tokens that they read and write, counted by role.

    with counting() as meter:
        await scorer.score_batch(...)
    meter.spent()  # {"tokens": {"answerer": 5120, "judger": 20480}, "calls": {"answerer": 32, "judger": 96}}

An engine is metered for a role where the role gets it. What is counted is what the block asks for, in its own task and
in those that it starts; so things that are asked concurrently can be counted apart, each within a block of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal, TypedDict

from seif.engines.base import Completion, Engine, Request

SpendingRole = Literal["instructor", "filter", "answerer", "probe", "judger", "follower"]
"""Who asks a model: `answerer` answers the Instructor in its training, `probe` answers generated candidates."""


class Spent(TypedDict):
    """What was spent, by role in alphabetical order: tokens read and written together, and calls. A call is one prompt
    with one reply, or one question to a classifier with an answer. Roles without any are left out."""

    tokens: dict[str, int]
    calls: dict[str, int]


class Meter:
    """By role, the `tokens` read in prompts and written in replies, and the `calls`.

    A prompt counts in full, also where an engine has kept keys and values of its beginning.
    """

    def __init__(self) -> None:
        self.tokens: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()

    def add(self, role: SpendingRole, tokens: int, calls: int = 1) -> None:
        """Count calls of a role, and their tokens."""
        self.tokens[role] += tokens
        self.calls[role] += calls

    def include(self, entry: Mapping[str, Any]) -> None:
        """Add what was spent on a journal's entry, which holds it beside other keys. Entries of earlier versions have
        no calls."""
        self.tokens.update(entry["tokens"])
        self.calls.update(entry.get("calls", {}))

    def spent(self) -> Spent:
        """What has been counted so far."""
        return {"tokens": add_up([self.tokens]), "calls": add_up([self.calls])}


def add_up(totals: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """The sum of counts by role, in alphabetical order of the roles, without those that have none."""
    found: Counter[str] = Counter()
    for counts in totals:
        found.update(counts)
    return {role: count for role, count in sorted(found.items()) if count}


_counter: ContextVar[Meter | None] = ContextVar("meter", default=None)


@contextmanager
def counting() -> Iterator[Meter]:
    """Count what is asked within the block; of nested blocks, the innermost one counts."""
    meter = Meter()
    before = _counter.set(meter)
    try:
        yield meter
    finally:
        _counter.reset(before)


def count(role: SpendingRole, tokens: int, calls: int = 1) -> None:
    """Add to the innermost `counting` block; without one nothing is counted."""
    meter = _counter.get()
    if meter is not None:
        meter.add(role, tokens, calls)


class Metered:
    """An engine as one role asks it."""

    def __init__(self, engine: Engine, role: SpendingRole) -> None:
        self.engine, self.role = engine, role

    async def complete(self, request: Request) -> Completion:
        """The engine's completion, which is counted."""
        completion = await self.engine.complete(request)
        answered = not completion.error and not completion.shared
        count(self.role, completion.prompt_tokens + completion.new_tokens, int(answered))
        return completion

    def close(self) -> None:
        """Close the engine."""
        self.engine.close()
