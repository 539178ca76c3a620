"""What every table of wordings is written with: the entry type, numbers, amounts, quoted words.

A wording is a regular expression that must consume a whole sentence, and a builder of IFEval's arguments. A builder
may still say None: the sentence was understood, but no rule checks exactly that ("exactly 50 words").
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Match = re.Match[str]
Kwargs = Callable[[Match], dict[str, Any] | None]


@dataclass(frozen=True)
class Wording:
    """The sentences that state one rule."""

    instruction_id: str
    cues: tuple[str, ...]
    """Lower-case fragments, one of which every such sentence contains: a cheap test before the expressions."""
    patterns: tuple[str, ...]
    """Tried in order, each against the whole sentence, ignoring case."""
    kwargs: Kwargs
    echoes: str = ""
    """What may follow without adding a requirement: an example of the form, the same rule said the other way round."""


def nothing(match: Match) -> dict[str, Any]:
    """The arguments of a rule that has none."""
    return {}


def vocabulary(words: str) -> list[str]:
    """Words written as one line."""
    return words.split()


# --- numbers ----------------------------------------------------------------------------------------------------------

_ONES = vocabulary(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen",
)
_TENS = vocabulary("twenty thirty forty fifty sixty seventy eighty ninety")
_ZH_DIGITS = "零一二三四五六七八九"
ORDINALS = {word: i for i, word in enumerate(vocabulary("first second third fourth fifth sixth seventh eighth ninth tenth"), start=1)}


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


# --- amounts ----------------------------------------------------------------------------------------------------------

# IFEval knows "at least n" and "less than n". Each phrase is one of them, with what is added to n.
_RELATION_OF = {
    phrase: (relation, add)
    for relation, add, phrases in (
        ("at least", 0, "at least|a minimum of|minimum of|minimum|min"),
        ("at least", 1, "more than|over|above|greater than|longer than|exceed|exceeds|exceeding"),
        ("less than", 0, "less than|fewer than|under|below|shorter than"),
        ("less than", 1, "at most|at the most|up to|a maximum of|maximum of|maximum|max|within|a limit of"),
    )
    for phrase in phrases.split("|")
}
_OPPOSITE = {("at least", 1): ("less than", 1), ("less than", 0): ("at least", 0)}
_AFTER = {"more": ("at least", 0), "less": ("less than", 1)}

_NOT = r"(?P<no>(?:do(?:es)? not|don't|doesn't|not|never|no|without)(?: (?:be|use|using|have|contain|include|write|exceed in))?)"
_BEFORE = "(?P<before>" + "|".join(sorted(_RELATION_OF, key=len, reverse=True)) + ")"
_OR = r"(?: or (?:more|over|above|greater|less|fewer|under)|,? (?:at (?:the )?)?(?:max(?:imum)?|min(?:imum)?|most|least))"


def amount(unit: str) -> str:
    """The expression of "at least 5 sentences", "5 sentences or more", "5+ sentences"; `bound` makes sense of it."""
    return rf"(?:{_NOT} )?(?:{_BEFORE} )?(?P<n>{NUMBER})(?P<plus>\+)?(?P<or1>{_OR})?{unit}(?P<or2>{_OR})?"


TIMES = rf"(?:{_NOT} )?(?:{_BEFORE} )?(?:(?P<n>{NUMBER})(?P<plus>\+)?(?P<or1>{_OR})? times?|(?P<few>once|twice|thrice))(?P<or2>{_OR})?"


def bound(match: Match, limit: bool = False) -> tuple[int, str] | None:
    """(n, relation) of an amount; None when it says "exactly", contradicts itself, or gives no direction.

    `limit`: the sentence says "limit ... to", so that a bare number is an upper bound.
    """
    groups = match.groupdict()
    few = groups.get("few")
    count = {"once": 1, "twice": 2, "thrice": 3}[few.lower()] if few else number(match["n"])
    found = None
    if groups.get("before"):
        found = _RELATION_OF[match["before"].lower()]
        if groups.get("no") and (found := _OPPOSITE.get(found)) is None:
            return None
    elif groups.get("no"):
        return None
    after = (groups.get("or1") or "") + (groups.get("or2") or "")
    if after or groups.get("plus"):
        trailing = _AFTER["more" if groups.get("plus") or re.search("more|over|above|greater|min|least", after, re.IGNORECASE) else "less"]
        if found and found[0] != trailing[0]:
            return None
        found = found or trailing
    if found is None and limit:
        found = ("less than", 1)
    if found is None or (count == 0 and found[1] == 0):
        return None
    return count + found[1], found[0]


def bounded(count: str, relation: str, **more: Callable[[Match], Any]) -> Kwargs:
    """A builder for an amount under IFEval's names; a group called `limit` turns a bare number into an upper bound."""

    def build(match: Match) -> dict[str, Any] | None:
        found = bound(match, limit=bool(match.groupdict().get("limit")))
        extra = {name: read(match) for name, read in more.items()}
        if found is None or None in extra.values():
            return None
        return {**extra, count: found[0], relation: found[1]}

    return build


def counted(name: str) -> Kwargs:
    """A builder for a plain count (the group `n`), which must be positive."""

    def build(match: Match) -> dict[str, Any] | None:
        count = number(match["n"])
        return {name: count} if count else None

    return build


# --- words ------------------------------------------------------------------------------------------------------------

QUOTED = r"""(?:"[^"]{1,200}"|'(?:[^'"]|(?<=\w)'(?=\w)){1,200}'(?!\w))"""
_BARE = r"""(?!["'(\[{<*_#])[^\s"',;:，、。；：]{0,60}[^\s"',;:.!?)\]}>，、。；：]"""
_NOUN = r"(?:(?:the )?(?:key ?)?(?:word|term|phrase)s? )?"
_AND = rf"(?:,? (?:and|as well as|&) {_NOUN}|, ?)"
_OR_WORD = rf"(?:,? (?:and|or|nor|and/or|&) {_NOUN}|, ?|/)"
_ITEM = rf"(?:{QUOTED}|{_BARE})"
ALL_OF = rf"(?P<words>{QUOTED}(?:{_AND}?{QUOTED}){{0,30}})"
ANY_OF = rf"(?P<words>{QUOTED}(?:{_OR_WORD}?{QUOTED}){{0,30}})"
BARE_WORD = rf"(?P<words>{_BARE})"
BARE_WORDS = rf"(?P<words>{_BARE}(?:(?:, (?:and |or )?| and | or ){_BARE}){{0,8}})"

# "include the keywords provided", "use the word sparingly": not the word to use, but how, where, or which.
_POINTERS = frozenset(
    vocabulary(
        "provided given above below listed mentioned specified following here naturally correctly properly appropriately accurately sparingly wisely "
        "carefully explicitly directly repeatedly frequently consistently verbatim exactly effectively clearly only once twice thrice count limit in of "
        "to and or that which from with as for it them each every at least itself themselves"
    )
)


def words(match: Match) -> list[str] | None:
    """The quoted (or single bare) words of a list; None when it is not certain what the words are."""
    found = match["words"]
    quoted = re.findall(QUOTED, found)
    if not quoted:
        bare = [part for part in re.split(r",? and |,? or |, ", found) if part]
        return None if any(part.lower() in _POINTERS for part in bare) else bare
    out = []
    for item in quoted:
        # American typography puts the sentence's comma inside the quotes; a full stop there may be either's.
        word = item[1:-1].strip().rstrip(",").strip()
        if word.endswith((".", ";", ":")):
            word = word[:-1]
            if " " in word or "." in word or len(word) < 3:
                return None
        if not word:
            return None
        out.append(word)
    return out


def word(match: Match) -> str | None:
    """The only word of a list."""
    found = words(match)
    return found[0] if found and len(found) == 1 else None


def listed(name: str) -> Kwargs:
    """A builder for a list of words."""

    def build(match: Match) -> dict[str, Any] | None:
        found = words(match)
        how_many = match.groupdict().get("how_many")
        if not found or (how_many and number(how_many) != len(found)):
            return None
        return {name: found}

    return build
