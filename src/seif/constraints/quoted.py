"""The words and phrases that a constraint's text names, in quotation marks or bare."""

from __future__ import annotations

import re

from seif.constraints.numbers import Builder, Match, number, vocabulary
from seif.types import Kwargs

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
        "provided given above below listed mentioned specified following here naturally correctly properly "
        "appropriately accurately sparingly wisely "
        "carefully explicitly directly repeatedly frequently consistently verbatim exactly effectively clearly only "
        "once twice thrice count limit in of "
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


def listed(name: str) -> Builder:
    """A builder for a list of words."""

    def build(match: Match) -> Kwargs | None:
        found = words(match)
        how_many = match.groupdict().get("how_many")
        if not found or (how_many and number(how_many) != len(found)):
            return None
        return {name: found}

    return build
