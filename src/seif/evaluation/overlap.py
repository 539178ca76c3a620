"""Which seeds overlap with the prompts of a benchmark and must not be trained on."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from seif.errors import UsageError
from seif.quantities import quantity
from seif.tables import read_rows, text_in

SHINGLE = 8
"""Words in a row that two texts rarely share by chance."""
SHORTEST = 5
"""A text of fewer words overlaps only with an equal one: "Write a poem" is part of too many others."""
MOST = 0.5
BOILERPLATE = 20
"""A shingle of more prompts than this is the wording of a template and says nothing about one prompt."""

_SCRIPTS_WITHOUT_SPACES = r"\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff"
_WORD = re.compile(rf"[{_SCRIPTS_WITHOUT_SPACES}]|[^\W{_SCRIPTS_WITHOUT_SPACES}]+")

Kind = Literal["same", "contains", "inside", "similar"]


@dataclass(frozen=True)
class Match:
    """A seed and the prompt that it overlaps most with, by their places from 0."""

    seed: int
    prompt: int
    kind: Kind
    """`same` but for case and white space; the seed `contains` the prompt, is `inside` it, or is `similar`."""
    share: float
    """Share of the shorter one's shingles that the other has too; 1 but for `similar`."""


def overlap(seeds: Iterable[str], prompts: Sequence[str]) -> list[Match]:
    """At most one match per seed, in the order of the seeds.

    A seed overlaps with a prompt when both are the same but for case and white space, when one holds the other's words
    in a row (of at least `SHORTEST` words), or when they share more than half of the 8-word shingles of the one that
    has fewer. Words are compared without case and punctuation. Takes time linear in the texts.
    """
    index = _Index(prompts)
    return [match for number, seed in enumerate(seeds) if (match := index.best(number, seed)) is not None]


class LeftOut:
    """Which seeds overlap with the prompts of `files`, found as the seeds go by.

    Both the `prompt` and the `seed_question` of a row count. Raises UsageError for a file that has neither.
    """

    def __init__(self, files: Iterable[Path], every: int = 1) -> None:
        self._files = [_Prompts(path) for path in files]
        self._every = every
        self.compared = self.kept = 0
        """How many seeds were compared, and how many of them overlap with no prompt."""

    def filter(self, seeds: Iterable[str]) -> Iterator[str]:
        """The seeds that overlap with no prompt; with `every` above 1, only one in so many is compared once one is
        kept, and the others pass. Raises UsageError at the end when all overlap."""
        for number, seed in enumerate(seeds):
            if self.kept and number % self._every:
                yield seed
                continue
            self.compared += 1
            # Every file counts its own, so all of them are asked.
            if not sum(file.overlap(number, seed) for file in self._files):
                self.kept += 1
                yield seed
        if not self.kept:
            raise UsageError(f"every seed overlaps with a benchmark's prompts: {self.lines()[0]}; choose other seeds")

    def lines(self) -> list[str]:
        """A line for each file with which some of the seeds overlap."""
        return [describe(f.first, f.matches, self.compared, str(f.path)) for f in self._files if f.first is not None]


class _Prompts:
    """The prompts of one file, and how many seeds overlap with them."""

    def __init__(self, path: Path) -> None:
        rows = read_rows(path)
        columns = [
            [text_in(row[name], f"{path} row {number}", name) for number, row in enumerate(rows, 1)]
            for name in ("prompt", "seed_question")
            if rows and all(name in row for row in rows)
        ]
        if not columns:
            raise UsageError(f"{path}: needs a `prompt` column, whose texts must not be trained on")
        self.path = path
        self.indices = [_Index(column) for column in columns]
        self.matches = 0
        self.first: Match | None = None

    def overlap(self, number: int, seed: str) -> bool:
        found = [match for index in self.indices if (match := index.best(number, seed)) is not None]
        if found:
            self.first = self.first or found[-1]
            self.matches += 1
        return bool(found)


def leave_out(seeds: Iterable[str], files: Iterable[Path]) -> tuple[list[str], list[str]]:
    """The seeds that overlap with no prompt of `files`, and a line for each file that some do overlap with, as
    `LeftOut` finds them."""
    overlapping = LeftOut(files)
    return list(overlapping.filter(seeds)), overlapping.lines()


def describe(first: Match, matches: int, seeds: int, source: str) -> str:
    """One line for a person: how many of so many seeds overlap with the prompts of `source`, and the first of them."""
    example = f"row {first.seed + 1} with row {first.prompt + 1}"
    overlap = "overlaps" if matches == 1 else "overlap"
    shares = f"{matches:,} of {quantity(seeds, 'seed')}"
    return f"left out: {shares} {overlap} with the prompts of {source}, e.g. {example}"


class _Index:
    """Shingles of the prompts."""

    def __init__(self, prompts: Sequence[str]) -> None:
        found: dict[tuple[str, ...], list[int]] = defaultdict(list)
        self.same: dict[str, int] = {}
        self.short: dict[tuple[str, ...], int] = {}
        for number, prompt in enumerate(prompts):
            self.same.setdefault(_normalised(prompt), number)
            words = _words(prompt)
            if SHORTEST <= len(words) < SHINGLE:
                self.short.setdefault(tuple(words), number)
            # Short seeds are looked up whole: for them the prompts are also cut into shingles of their lengths.
            for size in range(SHORTEST, SHINGLE + 1):
                for shingle in _shingles(words, size):
                    found[shingle].append(number)
        self.short_sizes = sorted({len(short) for short in self.short})
        self.prompts = {shingle: places for shingle, places in found.items() if len(places) <= BOILERPLATE}
        self.counts = Counter(
            number for shingle, places in self.prompts.items() if len(shingle) == SHINGLE for number in places
        )

    def best(self, number: int, seed: str) -> Match | None:
        """The prompt that seed `number` overlaps most with, if it does."""
        equal = self.same.get(_normalised(seed))
        if equal is not None:
            return Match(number, equal, "same", 1.0)
        words = _words(seed)
        held = [self.short[s] for size in self.short_sizes for s in _shingles(words, size) if s in self.short]
        if held:
            return Match(number, min(held), "contains", 1.0)
        if len(words) < SHORTEST:
            return None
        shingles = _shingles(words, min(SHINGLE, len(words)))
        shared = Counter(prompt for shingle in shingles for prompt in self.prompts.get(shingle, ()))
        found = [self._match(number, prompt, count, len(shingles)) for prompt, count in shared.items()]
        return max((m for m in found if m.share > MOST), key=lambda m: (m.share, -m.prompt), default=None)

    def _match(self, seed: int, number: int, shared: int, of_seed: int) -> Match:
        of_prompt = self.counts[number]
        if shared == of_seed:
            return Match(seed, number, "inside", 1.0)
        share = shared / min(of_seed, of_prompt)
        return Match(seed, number, "contains" if shared == of_prompt else "similar", share)


def _normalised(text: str) -> str:
    return " ".join(text.casefold().split())


def _words(text: str) -> list[str]:
    """Words without case and punctuation; each character of a script that puts no spaces between words is one."""
    return _WORD.findall(text.casefold())


def _shingles(words: list[str], size: int) -> set[tuple[str, ...]]:
    """All runs of `size` words; none in a shorter text."""
    return set(zip(*(words[i:] for i in range(size)), strict=False))
