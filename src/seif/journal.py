"""What a stage has finished so far, item by item and on disk, so that a resumed stage asks for nothing twice."""

from __future__ import annotations

import json
import os
import time
import zlib
from array import array
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any, TypeVar

from seif.activity import doing
from seif.engines.together import PENDING, as_answered, in_order

A = TypeVar("A")
_MISSING = -1
SYNC = 1.0
"""Seconds between two waits for the disk."""


class Journal(AbstractContextManager["Journal"]):
    """JSON values by the number of their item, from 0; in memory are 8 bytes per item.

    A line of the file holds what finished together, behind its CRC-32. One that a kill has cut off or that is damaged
    counts for nothing, nor do those after it: their items are asked again together, so an engine in process batches
    them as before, and the result is the same bit for bit.
    """

    def __init__(self, path: Path, items: int) -> None:
        """Open the journal, and continue it where the file is there. It belongs to one process."""
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self.items = items
        self._file: IO[bytes] = path.open("a+b")
        self._synced = time.monotonic()
        self._places = array("q", [_MISSING]) * items
        self._line: tuple[int, dict[int, Any]] = (_MISSING, {})
        self._scan()

    def __contains__(self, item: int) -> bool:
        return self._places[item] != _MISSING

    def get(self, item: int) -> Any:
        """The value of a finished item; None for any other."""
        place = self._places[item]
        if place == _MISSING:
            return None
        if place != self._line[0]:
            self._file.seek(place)
            self._line = place, dict(_parsed(self._file.readline()) or ())
        return self._line[1][item]

    def values(self) -> Iterator[Any]:
        """The values of all finished items, as they finished."""
        with self.path.open("rb") as file:
            for line in file:
                yield from (value for _, value in _parsed(line) or ())

    def __exit__(self, *_: object) -> None:
        self._sync()
        self._file.close()

    def add(self, values: Iterable[tuple[int, Any]]) -> None:
        """Note what finished together. It is with the system when this returns, so it survives kill -9; once a second
        it is also on disk, and what the machine's end takes is asked again."""
        finished = list(values)
        if not finished:
            return
        place = self._file.seek(0, os.SEEK_END)
        self._file.write(_line(finished))
        self._file.flush()
        if time.monotonic() - self._synced > SYNC:
            self._sync()
        for item, _ in finished:
            self._places[item] = place

    def _scan(self) -> None:
        self._file.seek(0)
        place = 0
        for line in self._file:
            finished = _parsed(line)
            if finished is None:
                self._file.truncate(place)
                break
            for item, _ in finished:
                self._places[item] = place
            place += len(line)

    def _sync(self) -> None:
        os.fsync(self._file.fileno())
        self._synced = time.monotonic()


def _line(finished: list[tuple[int, Any]]) -> bytes:
    text = json.dumps(finished).encode()
    return b"%08x %b\n" % (zlib.crc32(text), text)


def _parsed(line: bytes) -> list[tuple[int, Any]] | None:
    """What a line holds; None for one that is cut off or damaged."""
    crc, _, text = line.partition(b" ")
    if not text.endswith(b"\n") or crc != b"%08x" % zlib.crc32(text[:-1]):
        return None
    found: list[tuple[int, Any]] = json.loads(text)
    return found


async def ask_missing(
    journal: Journal,
    ask: Callable[[int], Awaitable[Any]],
    items: Iterable[int],
    pending: int = PENDING,
    what: str = "answers",
) -> None:
    """Ask for those of `items` that the journal lacks, and note the answers as they come, as JSON values; `what` they
    are called where progress is shown.

    An answer None is not noted: the item failed, and is asked again by the same command. Raises what `ask` raises.
    """
    missing = array("q", (item for item in items if item not in journal))
    with doing(what, len(missing)) as work:
        async for group in as_answered(ask, missing, pending):
            journal.add((item, value) for item, value in group if value is not None)
            work.advance(len(group))


async def ask_all(
    ask: Callable[[int], Awaitable[A]], items: int, path: Path | None, pending: int = PENDING, what: str = "answers"
) -> list[A | None]:
    """The answers to items 0, 1, ...; they are JSON values, and what failed is None.

    Those that the journal at `path` holds are not asked for; without a path none are kept.
    """
    if path is None:
        return list(await in_order(ask, range(items), pending, what))
    with Journal(path, items) as journal:
        await ask_missing(journal, ask, range(items), pending, what)
        return [journal.get(item) for item in range(items)]
