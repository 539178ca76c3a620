"""Seed questions: read and validate, one after the other."""

from __future__ import annotations

import hashlib
import random
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from seif.errors import UsageError
from seif.tables import column_names, iter_rows, text_in
from seif.text_rows import PROMPT

USUAL_COLUMNS = ("messages", "instruction", "question", "query", "text")
"""Names that a column of questions often has, where none is called `prompt`."""


def seed_column(path: Path, wanted: str | None = None) -> str:
    """The column of a file that holds its seed questions: `wanted`, else `prompt`, else the one that goes by another
    usual name.

    Raises UsageError, with the columns that there are, where none or several could be meant.
    """
    names = column_names(path)
    if wanted is not None and names and wanted not in names:
        raise UsageError(f"{path} has no `{wanted}` column, only {_listed(names)}; set seeds_column to one of them")
    if wanted is not None or PROMPT in names or not names:
        return wanted or PROMPT
    known = [name for name in USUAL_COLUMNS if name in names]
    if known == ["instruction"] and "input" in names:
        raise UsageError(
            f"{path} has the columns `instruction` and `input`, and a seed is one text; join them in a `prompt` column"
        )
    if len(known) == 1:
        return known[0]
    raise UsageError(
        f"{path} has no `{PROMPT}` column, only {_listed(names)}; name the one with the questions: set seeds_column"
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"


def iter_seeds(path: Path, column: str | None = None) -> Iterator[str]:
    """The seed questions of a file, in order, from `column` or the one that `seed_column` finds; memory holds 8 bytes
    per seed. Of a chat, the last message of the user is the question.

    Raises UsageError for a missing or empty file, a missing column, an empty or non-text prompt, and, at the end, for
    duplicates.
    """
    name = seed_column(path, column)
    seen = Fingerprints()
    for number, row in enumerate(iter_rows(path, [name]), 1):
        where = f"{path} row {number}"
        if name not in row:
            raise UsageError(f"{where} has no `{name}`; fix or drop the row")
        prompt = _question(row[name], where, name)
        if not prompt.strip():
            raise UsageError(f"{where}: `{name}` is empty; fix or drop the row")
        seen.add(prompt.strip())
        yield prompt
    if not len(seen):
        raise UsageError(f"{path} holds no seeds; give it at least one row with a `{PROMPT}`")
    if repeated := seen.first_repeated():
        again, first = (place + 1 for place in repeated)
        raise UsageError(f"{path} row {again} repeats the seed of row {first}; drop duplicates")


def _question(value: object, where: str, name: str) -> str:
    """The text of a prompt, or of the last user's message of a chat."""
    if value is None:
        return ""
    if not isinstance(value, list):
        return text_in(value, where, name)
    messages = [message for message in value if isinstance(message, dict) and message.get("role") == "user"]
    if not messages:
        raise UsageError(f"{where}: `{name}` must be text, or messages of which one has the role user; fix the row")
    content = messages[-1].get("content")
    parts = content if isinstance(content, list) else [content]
    return "".join(_part(part, where, name) for part in parts)


def _part(part: object, where: str, name: str) -> str:
    """The text of a part of a message, which is text itself or an object of the type `text`."""
    if isinstance(part, dict):
        if part.get("type", "text") != "text":
            raise UsageError(
                f"{where}: `{name}` has a part of the type {part['type']!r}, and a seed is text; drop the row"
            )
        part = part.get("text")
    return "" if part is None else text_in(part, where, name)


def load_seeds(path: Path, column: str | None = None) -> list[str]:
    """All seeds at once, as `iter_seeds` reads them."""
    return list(iter_seeds(path, column))


def distinct(texts: Callable[[], Iterable[str]]) -> Iterator[str]:
    """Each text at its first occurrence; `texts` gives the same ones twice. Memory holds 8 bytes per text."""
    seen = Fingerprints(texts())
    known = 0
    for text, number in zip(texts(), seen.numbers(), strict=True):
        if number == known:
            known += 1
            yield text


def drawn(seeds: int, wanted: int | None, *place: object, always: int = 0) -> Sequence[int]:
    """`wanted` of the numbers 0 to `seeds` - 1, in order, drawn evenly; all of them for None, or where there are fewer.

    The first `always` of them are in every draw. A draw depends on `place`. Memory holds 8 bytes per number.
    """
    if wanted is None or wanted >= seeds:
        return range(seeds)
    always = min(always, wanted)
    rng, found = random.Random("/".join(map(str, ("seeds", *place)))), array("q", range(always))
    for number in range(always, seeds):
        if rng.random() * (seeds - number) < wanted - len(found):
            found.append(number)
    return found


class Fingerprints:
    """Texts as hashes of 64 bits: 8 bytes per text tell which of a million are equal.

    Two different texts of a million have the same hash with a probability of 3e-8.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._hashes = array("Q", map(_hash, texts))
        self._sorted = array("Q")

    def __len__(self) -> int:
        return len(self._hashes)

    def __contains__(self, text: str) -> bool:
        if len(self._sorted) != len(self._hashes):
            self._sorted = array("Q", sorted(self._hashes))
        wanted = _hash(text)
        place = bisect_left(self._sorted, wanted)
        return place < len(self._sorted) and self._sorted[place] == wanted

    def add(self, text: str) -> None:
        """Take one more text."""
        self._hashes.append(_hash(text))

    def numbers(self) -> array[int]:
        """Of each text, the number of distinct ones that occur before it first does."""
        if not self._hashes:
            return array("i")
        column = self._column()
        found = array("i")
        found.frombytes(memoryview(column.dictionary_encode().indices.buffers()[1])[: 4 * len(column)])
        return found

    def first_repeated(self) -> tuple[int, int] | None:
        """The place of the first text that occurs again, and that of its first occurrence; None without one."""
        if not self._any_repeated():
            return None
        numbers = self.numbers()
        # As long as nothing is repeated, a text's number is its place.
        again = next((place for place, number in enumerate(numbers) if number != place), None)
        return None if again is None else (again, numbers.index(numbers[again]))

    def _any_repeated(self) -> bool:
        """By sorting, which takes less memory than numbering them."""
        import pyarrow.compute as pc

        column = self._column()
        ordered = column.take(pc.array_sort_indices(column))
        return bool(pc.any(pc.equal(ordered[1:], ordered[:-1])).as_py())

    def _column(self) -> Any:
        import pyarrow as pa

        return pa.Array.from_buffers(pa.uint64(), len(self._hashes), [None, pa.py_buffer(self._hashes)])


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest())
