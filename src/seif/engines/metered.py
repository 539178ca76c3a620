"""Tokens that engines read and write, counted by role.

    with counting() as tokens:
        await scorer.score_batch(...)
    tokens.totals()  # {"answerer": 5120, "judger": 20480}

An engine is metered for a role where the role gets it. What is counted is what the block asks for, in its own task and
in those that it starts; so things that are asked concurrently can be counted apart, each within a block of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

from seif.engines.base import Completion, Engine, Request

TokenRole = Literal["instructor", "filter", "answerer", "probe", "judger", "follower"]
"""Whose tokens they are: `answerer` answers the Instructor in its training, `probe` answers generated candidates."""


class Tokens:
    """Tokens by role: `read` in prompts, and `written`.

    A prompt counts in full, also where an engine has kept keys and values of its beginning.
    """

    def __init__(self) -> None:
        self.read: Counter[str] = Counter()
        self.written: Counter[str] = Counter()

    def add(self, role: TokenRole, read: int = 0, written: int = 0) -> None:
        """Count tokens of a role."""
        self.read[role] += read
        self.written[role] += written

    def totals(self) -> dict[str, int]:
        """Read and written together, of the roles that were asked, in alphabetical order."""
        return dict(sorted((self.read + self.written).items()))


_counter: ContextVar[Tokens | None] = ContextVar("tokens", default=None)


@contextmanager
def counting() -> Iterator[Tokens]:
    """Count what is asked within the block; of nested blocks, the innermost one counts."""
    tokens = Tokens()
    before = _counter.set(tokens)
    try:
        yield tokens
    finally:
        _counter.reset(before)


def count(role: TokenRole, read: int = 0, written: int = 0) -> None:
    """Add to the innermost `counting` block; without one nothing is counted."""
    tokens = _counter.get()
    if tokens is not None:
        tokens.add(role, read, written)


def add_up(totals: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """The sum of several `Tokens.totals`, in alphabetical order of the roles."""
    found: Counter[str] = Counter()
    for tokens in totals:
        found.update(tokens)
    return dict(sorted(found.items()))


class Metered:
    """An engine as one role asks it."""

    def __init__(self, engine: Engine, role: TokenRole) -> None:
        self.engine, self.role = engine, role

    async def complete(self, request: Request) -> Completion:
        """The engine's completion, whose tokens are counted."""
        completion = await self.engine.complete(request)
        count(self.role, completion.prompt_tokens, completion.new_tokens)
        return completion

    def close(self) -> None:
        """Close the engine."""
        self.engine.close()
