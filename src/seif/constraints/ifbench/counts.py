"""Types of IFBench that count words, numbers, names, pronouns and marks."""

from __future__ import annotations

import re

from seif.constraints.ifbench.english import COORDINATORS, NAMES, PRONOUNS
from seif.constraints.ifbench.family import ifbench, trimmed, unpunctuated
from seif.constraints.parameters import Count, Filled, Positive
from seif.constraints.text import count_words, word_tokens

_JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
_NAMES = [re.compile(rf"\b{name}\b") for name in NAMES]
_MARKS = frozenset(".,!?;:")
_INTERROBANG = "\u203d"


def _reversed_range(min_words: int, max_words: int) -> str | None:
    return f"min_words {min_words} is more than max_words {max_words}" if min_words > max_words else None


@ifbench(
    "count:word_count_range",
    "a number of words within a range",
    "Stay between 100 and 120 words.",
    problem=_reversed_range,
)
def word_count_range(response: str, min_words: Count, max_words: Count) -> bool:
    """Words are runs of word characters: "don't" is two."""
    return min_words <= count_words(response) <= max_words


@ifbench("count:unique_word_count", "at least so many different words", "At least 50 of the words must differ.")
def unique_word_count(response: str, N: Count) -> bool:
    """Case and the punctuation around a word make no difference; a lone mark is one word more."""
    return len({trimmed(word) for word in response.lower().split()}) >= N


@ifbench(
    "count:conjunctions",
    "at least so many different coordinating conjunctions",
    "At least 4 kinds of coordinating conjunction must occur.",
)
def conjunctions(response: str, small_n: Count) -> bool:
    """Forms are told apart as they are written: "and", "And" and "and," are three."""
    return len({word for word in response.split() if trimmed(word).lower() in COORDINATORS}) >= small_n


@ifbench(
    "count:person_names", "at least so many of 50 listed first names", "Let at least 5 of the listed people appear."
)
def person_names(response: str, N: Count) -> bool:
    """Whole words, in the case of the list."""
    return sum(name.search(response) is not None for name in _NAMES) >= N


@ifbench("count:numbers", "an exact number of numbers in digits", "There must be exactly 3 numbers in digits.")
def numbers(response: str, N: Count) -> bool:
    """Punctuation does not divide a number: "1,000.5" is one, and so is "3-4"."""
    return len(re.findall(r"\d+", unpunctuated(response))) == N


@ifbench(
    "count:punctuation",
    "every common punctuation mark, an interrobang among them",
    "Let each of . , ! ? ; : and an interrobang occur.",
)
def punctuation(response: str) -> bool:
    """The two marks of a written-out interrobang don't count once more as ! and ?."""
    written = next((mark for mark in ("?!", "!?") if mark in response), None)
    if written is None and _INTERROBANG not in response:
        return False
    return set(response.replace(written, "", 1) if written else response) >= _MARKS


@ifbench("count:words_japanese", "every n-th word in Japanese", "Let every 3rd word be Japanese.")
def words_japanese(response: str, N: Positive) -> bool:
    """A word with one Japanese character is Japanese; numbers and lone marks are passed over."""
    nth = (trimmed(word) for word in response.split()[N - 1 :: N])
    return all(_JAPANESE.search(word) for word in nth if word and not word.isdigit())


@ifbench("count:pronouns", "at least so many pronouns", "At least 10 pronouns must occur.")
def pronouns(response: str, N: Count) -> bool:
    """Each occurrence counts; "she/her" are two."""
    return sum(token in PRONOUNS for token in word_tokens(response.replace("/", " ").lower())) >= N


@ifbench(
    "count:keywords_multiple",
    "five keywords once, twice, three, five and seven times",
    "The five given words must occur once, twice, three, five and seven times.",
)
def keywords_multiple(
    response: str, keyword1: Filled, keyword2: Filled, keyword3: Filled, keyword4: Filled, keyword5: Filled
) -> bool:
    """Whole words in any case."""
    wanted = {1: keyword1, 2: keyword2, 3: keyword3, 5: keyword4, 7: keyword5}
    return all(
        len(re.findall(rf"\b{re.escape(keyword.strip())}\b", response, re.IGNORECASE)) == times
        for times, keyword in wanted.items()
    )
