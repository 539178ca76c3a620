"""Conflicts of counts: a reply can't have so many of something and so few of it, or of what it consists of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from seif.constraints.conflict import Choice, Conflict, conflict_between, required_texts, shown
from seif.constraints.demands import (
    BLANK_LINED,
    BULLETS,
    CAPITAL,
    CAPITALS,
    KEYWORD,
    LETTER,
    MANY,
    SENTENCES,
    STARRED,
    WORDS,
    Demands,
    Measure,
    Text,
)
from seif.constraints.text import count_bullets, occurrences


@dataclass(frozen=True)
class _Low:
    """A reply has at least so many of a measure, because of these demands; `why` is empty where one states it."""

    count: int
    sources: tuple[Demands, ...]
    why: str = ""


def conflicting_counts(choice: Choice) -> Iterator[Conflict]:
    """Ranges that don't meet. The low end is stated, or follows from shape, one text, or all required words."""
    highs = [
        (measure, int(high), demand)
        for demand in choice
        for measure, (_, high) in demand.bounds.items()
        if high != MANY
    ]
    for source in (_stated, _from_shape, _from_texts, _from_all_words):
        for measure, high, demand in highs:
            for low in source(choice, measure):
                if low.count > high:
                    yield conflict_between(
                        choice, _kind(measure), (*low.sources, demand), _too_many(measure, low, high)
                    )
    for measure, high, demand in highs:
        if measure[0] == WORDS:
            yield from _no_letter_left(choice, high, demand)


def _kind(measure: Measure) -> str:
    return "comma" if measure == (LETTER, ",") else measure[0]


def _called(measure: Measure) -> str:
    kind, name = measure
    return {LETTER: f'letters "{name}"', KEYWORD: f'uses of "{name}"'}.get(kind, kind)


def _too_many(measure: Measure, low: _Low, high: int) -> str:
    if low.why and measure == (LETTER, ",") and high == 0:
        return f"{low.why} has a comma"
    if low.why:
        return f"with {low.why} the number of {_called(measure)} is {low.count} or more, and it may be {high} at most"
    if measure[0] in (BULLETS, STARRED, BLANK_LINED):
        return f"the number of {'paragraphs' if measure[0] != BULLETS else BULLETS} is fixed twice"
    return f"no number of {_called(measure)} is in both ranges"


def _stated(choice: Choice, measure: Measure) -> Iterator[_Low]:
    for demand in choice:
        if measure in demand.bounds:
            yield _Low(int(demand.bounds[measure][0]), (demand,))


def _from_shape(choice: Choice, measure: Measure) -> Iterator[_Low]:
    kind, _ = measure
    if kind == SENTENCES:
        yield _Low(1, (), "any text")
    for demand in choice:
        if kind == WORDS and demand.language:
            yield _Low(1, (demand,), "a reply in a language")
        if kind == CAPITALS and demand.case == CAPITAL:
            yield _Low(1, (demand,), "a reply in capitals")
        for (other, name), (count, _) in demand.bounds.items() if kind == WORDS else ():
            if other == CAPITALS:
                # The tokenizer makes two of CANNOT and of GONNA, never more of a word.
                yield _Low((count + 1) // 2, (demand,), f"{count} capital words")
            if other == LETTER and count and re.match(r"\w", name):
                yield _Low(1, (demand,), f'a letter "{name}"')
        if kind == BULLETS and demand.start is not None:
            yield _Low(count_bullets(demand.start), (demand,), "the text to repeat")


def _from_texts(choice: Choice, measure: Measure) -> Iterator[_Low]:
    kind, name = measure
    capitals = [demand for demand in choice if demand.case == CAPITAL]
    for demand, text in required_texts(choice):
        if kind == CAPITALS and capitals:
            yield _Low(text.capital_tokens(), (demand, capitals[0]), f"{shown(text)} in capitals")
            continue
        yield _Low(_count_in(text, kind, name), (demand,), shown(text))


def _count_in(text: Text, kind: str, name: str) -> int:
    """How many of a measure the required copies of a text bring with them, at least."""
    if kind == WORDS:
        return text.least_words()
    if kind == SENTENCES:
        return text.sentences()
    if kind == LETTER:
        return text.letters(name)
    if kind == KEYWORD:
        return text.times * occurrences(name, text.text)
    return text.paragraphs() if kind == BLANK_LINED else 0


def _all_words(choice: Choice) -> dict[str, tuple[int, Demands]]:
    """Every word that must occur, how often at least, and for whom.

    Different words never share a place, so their counts add up.
    """
    needs: dict[str, tuple[int, Demands]] = {}
    for demand, text in required_texts(choice):
        for word, count in text.words().items():
            if count > needs.get(word, (0, demand))[0]:
                needs[word] = (count, demand)
    return needs


def _from_all_words(choice: Choice, measure: Measure) -> Iterator[_Low]:
    kind, name = measure
    if kind not in (WORDS, LETTER, KEYWORD):
        return

    def weigh(word: str) -> int:
        if kind == WORDS:
            return 1
        # What begins with a digit is not known to the letter, and a Greek sigma changes with its place: neither is
        # added up.
        return 0 if word == "#" or name in "σς" else word.count(name) if kind == LETTER else occurrences(name, word)

    parts = [(weigh(word) * count, demand) for word, (count, demand) in _all_words(choice).items()]
    yield _Low(
        sum(count for count, _ in parts), tuple(demand for count, demand in parts if count), "all that is required"
    )


def _no_letter_left(choice: Choice, words: int, limit: Demands) -> Iterator[Conflict]:
    """Where the required words use up all words, no letter can be added either."""
    needs = _all_words(choice)
    if "#" in needs or sum(count for count, _ in needs.values()) != words:
        return
    for demand in choice:
        for (kind, name), (low, _) in demand.bounds.items():
            if (
                kind == LETTER
                and re.match(r"\w", name)
                and name not in "σς"
                and sum(count * word.count(name) for word, (count, _) in needs.items()) < low
            ):
                reason = f'the required words are {words} already, with too few letters "{name}"'
                yield conflict_between(choice, LETTER, (demand, limit, *(owner for _, owner in needs.values())), reason)
