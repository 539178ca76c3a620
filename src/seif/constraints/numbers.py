"""Numbers in a constraint's text, English and Chinese: the expressions that find them, and what they mean.

A wording has an expression and a builder, which makes a rule's kwargs of the match. A builder may still say None: the
sentence was understood, but no rule checks exactly that ("exactly 50 words").
"""

from __future__ import annotations

import re
from collections.abc import Callable

from seif.types import Kwargs

Match = re.Match[str]
Builder = Callable[[Match], Kwargs | None]
"""Kwargs from a match; None when no rule checks just what was said."""


def vocabulary(words: str) -> list[str]:
    """Words written as one line."""
    return words.split()


_ONES = vocabulary(
    (
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen"
    ),
)
_TENS = vocabulary("twenty thirty forty fifty sixty seventy eighty ninety")
_ZH_DIGITS = "零一二三四五六七八九"
ORDINALS = {
    word: i
    for i, word in enumerate(vocabulary("first second third fourth fifth sixth seventh eighth ninth tenth"), start=1)
}


def _number_words() -> dict[str, int]:
    words = {word: i for i, word in enumerate(_ONES)}
    for i, tens in enumerate(_TENS, start=2):
        words[tens] = 10 * i
        for j, one in enumerate(_ONES[1:10], start=1):
            words[f"{tens}-{one}"] = words[f"{tens} {one}"] = 10 * i + j
    for j, one in enumerate(_ONES[1:10], start=1):
        words[f"{one} hundred"] = 100 * j
    words |= {"a hundred": 100, "a thousand": 1000, "one thousand": 1000, "a dozen": 12}
    return words


_NUMBERS = _number_words()
_LONGEST_FIRST = "|".join(sorted(_NUMBERS, key=len, reverse=True))
NUMBER = rf"(?:\d{{1,3}}(?:,\d{{3}})+|\d{{1,6}}|(?:{_LONGEST_FIRST})(?![\w-]))"
ZH_NUMBER = rf"(?:\d{{1,4}}|[{_ZH_DIGITS}两]?十[{_ZH_DIGITS}]?|[{_ZH_DIGITS}两])"


def number(text: str) -> int:
    """An English or Chinese numeral or a written number as an integer."""
    text = text.strip().lower().replace(",", "")
    if text.isdecimal():
        return int(text)
    if text in _NUMBERS:
        return _NUMBERS[text]
    tens, ten, ones = text.replace("两", "二").rpartition("十")
    if not ten:
        return _ZH_DIGITS.index(ones)
    return 10 * (_ZH_DIGITS.index(tens) if tens else 1) + (_ZH_DIGITS.index(ones) if ones else 0)


def ordinal(text: str) -> int:
    """ "third", "3rd", "第三" or "3" as 3."""
    digits = re.match(r"\d+", text)
    return int(digits[0]) if digits else ORDINALS[text.lower()]


def counted(name: str) -> Builder:
    """A builder for a plain count (the group `n`), which must be positive."""

    def build(match: Match) -> Kwargs | None:
        count = number(match["n"])
        return {name: count} if count else None

    return build
