"""Whatever is asked in one tick of the event loop is answered as one batch."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")


class Together(Generic[Q, A]):
    """Joins questions into batches.

    `answer` takes one and returns its answers in order; an exception of it reaches all who asked.

    With `one_at_a_time` a batch waits for the one before, and grows meanwhile. It belongs to one event loop at a time.
    """

    def __init__(self, answer: Callable[[list[Q]], Awaitable[Sequence[A]]], one_at_a_time: bool = False) -> None:
        self._answer = answer
        self._free = asyncio.Semaphore(1) if one_at_a_time else None
        self._waiting: list[Q] = []
        self._job: asyncio.Task[Sequence[A]] | None = None

    async def ask(self, *questions: Q) -> Sequence[A]:
        """The answers to `questions`, in order."""
        if self._job is None:
            # The job runs after every task that is ready now has had its say, so it holds all that is asked at once.
            self._waiting = []
            self._job = asyncio.get_running_loop().create_task(self._work(self._waiting))
        job, first = self._job, len(self._waiting)
        self._waiting += questions
        # Who gives up must not take the others' answers along.
        return (await asyncio.shield(job))[first : first + len(questions)]

    async def _work(self, batch: list[Q]) -> Sequence[A]:
        if self._free is None:
            self._job = None
            return await self._answer(batch)
        async with self._free:
            self._job = None
            return await self._answer(batch)
