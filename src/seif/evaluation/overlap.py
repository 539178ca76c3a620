"""Which seeds overlap with the prompts of a benchmark and must not be trained on."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from seif.errors import UsageError
from seif.quantities import quantity
from seif.tables import read_rows

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


def overlap(seeds: Sequence[str], prompts: Sequence[str]) -> list[Match]:
    """At most one match per seed, in the order of the seeds.

    A seed overlaps with a prompt when both are the same but for case and white space, when one holds the other's words
    in a row (of at least `SHORTEST` words), or when they share more than half of the 8-word shingles of the one that
    has fewer. Words are compared without case and punctuation. Takes time linear in the texts.
    """
    same: dict[str, int] = {}
    for number, prompt in enumerate(prompts):
        same.setdefault(_normalised(prompt), number)
    index = _Index([_words(p) for p in prompts], {len(words) for words in map(_words, seeds)})
    matches = []
    for number, seed in enumerate(seeds):
        equal = same.get(_normalised(seed))
        match = Match(number, equal, "same", 1.0) if equal is not None else index.best(number, _words(seed))
        if match is not None:
            matches.append(match)
    return matches


def leave_out(seeds: Sequence[str], files: Iterable[Path]) -> tuple[list[str], list[str]]:
    """The seeds that overlap with no prompt of `files`, and a line for each file that some do overlap with.

    Both the `prompt` and the `seed_question` of a row count. Raises UsageError for a file
    that has neither, and when no seed is left.
    """
    left, lines = list(seeds), []
    for path in files:
        rows = read_rows(path)
        columns = [
            [str(row[name]) for row in rows]
            for name in ("prompt", "seed_question")
            if rows and all(name in row for row in rows)
        ]
        if not columns:
            raise UsageError(f"{path}: needs a `prompt` column, whose texts must not be trained on")
        found = {match.seed: match for column in columns for match in overlap(seeds, column)}
        if found:
            lines.append(describe([found[seed] for seed in sorted(found)], len(seeds), str(path)))
        gone = {seeds[seed] for seed in found}
        left = [seed for seed in left if seed not in gone]
    if not left:
        raise UsageError(f"every seed overlaps with a benchmark's prompts: {lines[0]}; choose other seeds")
    return left, lines


def describe(matches: Sequence[Match], seeds: int, source: str) -> str:
    """One line for a person: how many of so many seeds overlap with the prompts of `source`, and the first of them."""
    first = matches[0]
    example = f"row {first.seed + 1} with row {first.prompt + 1}"
    overlap = "overlaps" if len(matches) == 1 else "overlap"
    shares = f"{len(matches):,} of {quantity(seeds, 'seed')}"
    return f"left out: {shares} {overlap} with the prompts of {source}, e.g. {example}"


class _Index:
    """Shingles of the prompts: `prompts` as words, `lengths` the numbers of words that the seeds have."""

    def __init__(self, prompts: Sequence[list[str]], lengths: Iterable[int]) -> None:
        found: dict[tuple[str, ...], list[int]] = defaultdict(list)
        self.short: dict[tuple[str, ...], int] = {}
        # Short seeds are looked up whole: for them the prompts are also cut into shingles of their lengths.
        sizes = {SHINGLE, *(n for n in lengths if SHORTEST <= n < SHINGLE)}
        for number, words in enumerate(prompts):
            if SHORTEST <= len(words) < SHINGLE:
                self.short.setdefault(tuple(words), number)
            for size in sizes:
                for shingle in _shingles(words, size):
                    found[shingle].append(number)
        self.short_sizes = sorted({len(short) for short in self.short})
        self.prompts = {shingle: places for shingle, places in found.items() if len(places) <= BOILERPLATE}
        self.counts = Counter(
            number for shingle, places in self.prompts.items() if len(shingle) == SHINGLE for number in places
        )

    def best(self, seed: int, words: list[str]) -> Match | None:
        """The prompt that a seed overlaps most with, if it does."""
        held = [self.short[s] for size in self.short_sizes for s in _shingles(words, size) if s in self.short]
        if held:
            return Match(seed, min(held), "contains", 1.0)
        if len(words) < SHORTEST:
            return None
        shingles = _shingles(words, min(SHINGLE, len(words)))
        shared = Counter(number for shingle in shingles for number in self.prompts.get(shingle, ()))
        found = [self._match(seed, number, count, len(shingles)) for number, count in shared.items()]
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
