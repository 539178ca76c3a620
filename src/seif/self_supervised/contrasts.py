"""Negatives that say how many: the same wording with another value ("exactly three bullets" against "exactly two").

An answer written without a constraint shows what its absence looks like, and a classifier that saw nothing else
calls every list right, whether too long or too short. So the answer to a constraint is also taken to violate its
contrasts: constraints of the same data that differ from it in numbers or quoted words alone. Where the wording sets
a bound, only a value beyond it is a contrast. A range or a ban has none, because an answer that avoids one word may
avoid another too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from seif.types import Constraint

_WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_CHINESE = "一二三四五六七八九十"
_VALUE = re.compile(
    rf"\d+|\b(?:{'|'.join(_WORDS)})\b|[{_CHINESE}](?=[个段句条点次项])|\"[^\"]+\"|“[^”]+”|(?<!\w)'[^']+'(?!\w)|「[^」]+」",
    re.IGNORECASE,
)
_FLOOR = re.compile(
    r"\b(at least|not? (fewer|less) than|(a )?minimum|or more|more than|over)\b|至少|不少于|以上", re.IGNORECASE
)
_CEILING = re.compile(
    r"\b(at most|limit\w*|restrict\w*|within|no more than|(a "
    r")?maximum|or (fewer|less)|(?<!no )(?<!not )(fewer|less) than"
    r"|under|up to|not? (more than|exceed))\b|最多|不超过|以内|以下",
    re.IGNORECASE,
)
_RANGE = re.compile(r"\bbetween\b|\bfrom\b.*\x00|\x00 ?(to|and|-|–|~|到|至) ?\x00|之间", re.IGNORECASE)
_BAN = re.compile(
    r"\b(not|no|never|neither|avoid|without|exclud\w+|refrain|except|free of|forbidden)\b|n't\b|不|避免|禁止|勿",
    re.IGNORECASE,
)


def split_values(text: str) -> tuple[str, tuple[str, ...]]:
    """A constraint's wording without its values, and the values: numbers, in digits whatever they were in, and what
    stands in quotes.
    """
    return _VALUE.sub("\x00", text), tuple(_in_digits(found.group().lower()) for found in _VALUE.finditer(text))


def stricter(text: str) -> str | None:
    """The same wording with its number changed by a fifth, and by one at least: up for a lower bound and where there is
    no bound ("exactly three bullets"), down for an upper bound.

    None for a text that holds not exactly one number, sets a range or a ban, or would speak of fewer than two: nouns
    are singular there.
    """
    numbers = [found for found in _VALUE.finditer(text) if _in_digits(found.group().lower()).isdigit()]
    bound = _bound(split_values(text)[0])
    if len(numbers) != 1 or bound is None:
        return None
    place, written = numbers[0].span(), numbers[0].group().lower()
    value = int(_in_digits(written))
    changed = value + max(1, value // 5) * (bound or 1)
    if min(value, changed) < 2:
        return None
    numerals = next((words for words in (_WORDS, tuple(_CHINESE)) if written in words), ())
    new = numerals[changed - 1] if changed <= len(numerals) else str(changed)
    return text[: place[0]] + new + text[place[1] :]


def _bound(wording: str) -> int | None:
    """1 where the values are lower bounds, -1 for upper bounds, 0 for neither; None where no value excludes another."""
    # "No more than" holds "more than" and "no", so what caps is taken out first.
    uncapped = _CEILING.sub("", wording)
    unbound = _FLOOR.sub("", uncapped)
    capped, floored = uncapped != wording, unbound != uncapped
    if (capped and floored) or _RANGE.search(wording) or _BAN.search(unbound):
        return None
    return floored - capped


def _excludes(bound: int | None, ours: tuple[str, ...], theirs: tuple[str, ...]) -> bool:
    """Whether an answer that just satisfies `ours` violates `theirs`; of values that set a bound, all that differ are
    stricter there.
    """
    if bound is None or ours == theirs:
        return False
    return bound == 0 or all((_number(b) - _number(a)) * bound > 0 for a, b in zip(ours, theirs, strict=True) if a != b)


def _in_digits(value: str) -> str:
    for numerals in (_WORDS, tuple(_CHINESE)):
        if value in numerals:
            return str(numerals.index(value) + 1)
    return value


def _number(value: str) -> float:
    return int(value) if value.isdigit() else float("nan")


def contrasts(constraints: Iterable[Constraint]) -> dict[str, list[Constraint]]:
    """Per text of a constraint those of the others, each once and in order, that an answer that just satisfies it would
    violate, as far as their texts tell.
    """
    by_wording: dict[str, dict[str, tuple[Constraint, tuple[str, ...]]]] = {}
    for c in constraints:
        wording, values = split_values(c.text)
        by_wording.setdefault(wording, {}).setdefault(c.text, (c, values))
    found = {}
    for wording, alike in by_wording.items():
        bound = _bound(wording)
        for text, (_, ours) in alike.items():
            found[text] = [other for other, theirs in alike.values() if _excludes(bound, ours, theirs)]
    return found
