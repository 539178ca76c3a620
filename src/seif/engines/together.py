"""Many questions at once: those of one tick of the event loop make a batch, and only so many are under way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from itertools import islice
from typing import Generic, TypeVar

from seif.activity import doing

Q = TypeVar("Q")
A = TypeVar("A")
PENDING = 4096
"""Questions that are under way at once: enough for full batches on any engine, few enough for constant memory."""


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


async def as_answered(
    ask: Callable[[Q], Awaitable[A]], questions: Iterable[Q], pending: int = PENDING
) -> AsyncIterator[list[tuple[Q, A]]]:
    """Questions with their answers, as they come: those that are answered in one tick together, in their order.

    At most `pending` are under way; `questions` is read no further. Raises what `ask` raises, once the answers that
    came before are out, and drops the other questions.
    """
    source = iter(questions)
    under_way: dict[asyncio.Task[A], Q] = {}
    over: list[asyncio.Task[A]] = []
    some = asyncio.Event()

    def end(task: asyncio.Task[A]) -> None:
        over.append(task)
        some.set()

    try:
        while True:
            # What takes the places of a batch is asked in one tick, so that an engine in process can batch it again.
            for question in islice(source, pending - len(under_way)):
                task = asyncio.ensure_future(_answer(ask, question))
                under_way[task] = question
                task.add_done_callback(end)
            if not under_way:
                return
            await some.wait()
            some.clear()
            done, over[:] = list(over), []
            answered = [(under_way.pop(task), task) for task in done]
            if found := [(question, task.result()) for question, task in answered if task.exception() is None]:
                yield found
            for _, task in answered:
                task.result()
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


async def _answer(ask: Callable[[Q], Awaitable[A]], question: Q) -> A:
    return await ask(question)


async def in_order(
    ask: Callable[[Q], Awaitable[A]], questions: Sequence[Q], pending: int = PENDING, what: str = "answers"
) -> list[A]:
    """All answers in the order of the questions, as `as_answered` asks them; `what` they are called where progress is
    shown."""
    found: dict[int, A] = {}
    with doing(what, len(questions)) as work:
        async for group in as_answered(lambda i: ask(questions[i]), range(len(questions)), pending):
            found.update(group)
            work.advance(len(group))
    return [found[i] for i in range(len(questions))]
