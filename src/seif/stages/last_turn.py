"""What the Follower's rollouts of the turn before showed, by seed question."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from seif.atomic import damaged
from seif.stage_log import Outcome


class LastOutcomes(AbstractContextManager["LastOutcomes"]):
    """The outcomes in a file that a turn has written whole, by seed question: of the turn's own instructions, the last
    one of each counts.

    Memory holds about 150 bytes per question in the file. Raises DamagedFile naming a line that is no outcome.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("rb")
        self._places = {_digest(outcome.seed): place for place, outcome in self._lines() if outcome.own}

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def get(self, seed: str) -> Outcome | None:
        """What the rollouts of the seed question's instruction showed; None where there were none."""
        place = self._places.get(_digest(seed))
        if place is None:
            return None
        self._file.seek(place)
        return _outcome(self._file.readline())

    def _lines(self) -> Iterator[tuple[int, Outcome]]:
        place = 0
        for number, line in enumerate(self._file, 1):
            try:
                yield place, _outcome(line)
            except (KeyError, TypeError, ValueError) as error:
                raise damaged(self._path, f"{type(error).__name__}: {error}", number) from error
            place += len(line)


def _outcome(line: bytes) -> Outcome:
    return Outcome.from_json(json.loads(line))


def _digest(seed: str) -> bytes:
    return hashlib.blake2b(seed.encode(errors="surrogatepass"), digest_size=8).digest()
