"""Types about letter case: words in capitals, and a reply all in capitals or in lower case."""

from __future__ import annotations

import re

from seif.constraints.amounts import TIMES, amount, bounded
from seif.constraints.demands import CAPITAL, CAPITALS, LOWER, Demands, range_of
from seif.constraints.english import APPEAR, IS, REPLY, SAY, SHOULD, USE
from seif.constraints.numbers import Match
from seif.constraints.parameters import LESS_THAN, Count, Relation, compare, less_than_none
from seif.constraints.specification import ConstraintType, register
from seif.constraints.text import capital_words, language_of
from seif.constraints.wordings import CHINESE, Wording
from seif.types import Kwargs

# --- words in capitals ------------------------------------------------------------------------------------------------

_CAPITAL_WORDS = (
    r"(?:(?:the )?words? (?:(?:be |written |that are |with )?(?:in )?)?(?:all[- ]capital letters|all[- ]caps|all[- "
    r"]capitals|all upper ?case(?: letters)?)|(?:all[- ]caps|all[- ]capital|fully capitali[sz]ed) words?)"
)


def _has_capital_words(response: str, capital_frequency: Count, capital_relation: Relation) -> bool:
    return compare(capital_words(response), capital_relation, capital_frequency)


def _capitals(match: Match) -> Kwargs | None:
    """ "Use some, but less than one" asks for what it forbids."""
    found = bounded("capital_frequency", "capital_relation")(match)
    none = found is not None and found["capital_relation"] == LESS_THAN and found["capital_frequency"] in (0, 1)
    return None if none and re.match("use some|add", match[0], re.IGNORECASE) else found


def _capital_words(capital_frequency: int, capital_relation: str) -> list[Demands]:
    return [Demands(bounds={(CAPITALS, ""): range_of(capital_relation, capital_frequency)})]


register(
    ConstraintType(
        id="change_case:capital_word_frequency",
        category="Language",
        definition="at least, or less than, so many words in capitals",
        example="Write at least 3 words in ALL CAPITALS.",
        check=_has_capital_words,
        problem=less_than_none("capital_frequency", "capital_relation"),
        demands=_capital_words,
        wordings=(
            Wording(
                (
                    rf"(?:{USE} )?(?:some )?{_CAPITAL_WORDS} (?:{SHOULD} )?(?:{APPEAR} )?(?:for )?{TIMES}",
                    (
                        rf"(?:(?:{USE}|respond with|answer with|"
                        rf"reply with) )?{amount(f' {_CAPITAL_WORDS}')}(?: (?:{SHOULD} )?{APPEAR})?"
                    ),
                    rf"(?:{USE} )?all[- ]caps word frequency with {amount(f' {_CAPITAL_WORDS}')}",
                    rf"limit the number of {_CAPITAL_WORDS} to (?P<limit>){amount('')}",
                    rf"(?:the )?number of {_CAPITAL_WORDS} (?:should|must) be {amount('')}",
                    rf"use some {_CAPITAL_WORDS}(?: in {REPLY})?,? but those {_CAPITAL_WORDS} should appear {TIMES}",
                    rf"add stress words which are capitalized\. limit those stress words (?:to|for) {TIMES}",
                ),
                _capitals,
                fragments=("capital", "caps", "upper"),
            ),
        ),
    )
)


# --- capitals only, lower case only -----------------------------------------------------------------------------------

_SMALL = r"(?:lower[ -]?case[sd]?)"
_LARGE = r"(?:upper[ -]?case|all[- ]caps|caps|capitals|capital letters|capital(?:ized)? letters)"
_ENGLISH = (
    r"(?:(?:be|is|are|was)? ?(?:written )?(?:only )?in english,?(?: and)?,? ?(?:with |be |is |are |must be |"
    r"should be |must )?)?"
)
_ALL = r"(?:all|only|entirely|completely|exclusively)"
_WAY = rf"(?:(?:{IS}|{SAY}|{IS} {SAY}|use|uses|using|used) )?(?:(?:everything|it|{REPLY}) )?"


def _case(style: str, other: str) -> tuple[str, ...]:
    letters = rf"(?:(?:english )?{style}(?: (?:english|letters))?)"
    return (
        (
            rf"{_WAY}{_ENGLISH}(?:(?:in|use|uses|using) )?(?:english,? )?(?:(?:in )?{_ALL} (?:in )?(?:the "
            rf")?){letters}(?: only)?(?:,? and in english)?"
        ),
        rf"{_WAY}{_ENGLISH}in (?:english )?{letters}(?: only)?(?:,? and in english)?",
        rf"{_WAY}{_ENGLISH}(?:contain|make sure to) (?:{_ALL}) (?:use )?{letters}",
        (
            rf"{_ENGLISH}(?:with )?(?:all|every)(?: (?:of )?(?:the |your )?(?:letters?|words?))(?: (?:in|"
            rf"of) {REPLY})?(?: "
            rf"(?:must|should))?(?: be| is| are)?(?: in| written in)? {letters}"
        ),
        rf"{_ENGLISH}(?:{other})",
    )


def _is_capital(response: str) -> bool:
    return response.isupper() and language_of(response) == "en"


def _is_lowercase(response: str) -> bool:
    return response.islower() and language_of(response) == "en"


register(
    ConstraintType(
        id="change_case:english_capital",
        category="Language",
        definition="English in capital letters only",
        example="Answer in English, in capitals only.",
        check=_is_capital,
        demands=lambda: [Demands(case=CAPITAL, language="en")],
        wordings=(
            Wording(
                (
                    *_case(_LARGE, r"no lower ?case letters(?: are| be)? allowed"),
                    rf"{_ENGLISH}(?:use |uses |using |in )(?:english )?all[- ]caps",
                    (
                        rf"capitalize (?:every|each) letter|(?:{SAY} )?in english and capitalize all (?:of )?your "
                        rf"words|all letters(?: "
                        rf"in {REPLY})? (?:should|must) be capitali[sz]ed"
                    ),
                    rf"only use {_LARGE}",
                ),
                fragments=("upper", "caps", "capital"),
                echoes=(
                    r"(?:with |and )?no lower ?case letters?(?: are)?(?: allowed| whatsoever| used)?|and in english|"
                    r"throughout"
                ),
            ),
            Wording(
                (
                    (
                        r"(?:全部|全文|全都|只能?|仅|所有字母(?:都)?)(?:都|必须|应|要)?(?:使用|用|以|采用|是|"
                        r"为)?英文大写(?:字母)?(?:书写|回答|写)?"
                    ),
                    r"(?:用|使用|以)(?:全部)?全?大写英文字母(?:书写|回答)",
                ),
                fragments=("大写",),
                language=CHINESE,
            ),
        ),
    )
)

register(
    ConstraintType(
        id="change_case:english_lowercase",
        category="Language",
        definition="English in lower-case letters only",
        example="Answer in English, in lowercase letters only.",
        check=_is_lowercase,
        demands=lambda: [Demands(case=LOWER, language="en")],
        wordings=(
            Wording(
                (
                    *_case(
                        _SMALL,
                        (
                            r"no capital letters(?: are| be)?(?: allowed| used)?|(?:do not|don't|not|never|"
                            r"without) (?:use|using|contain|"
                            r"include|have) (?:any )?(?:capital|upper ?case) letters"
                        ),
                    ),
                    rf"use {_SMALL}(?: letters| english)?(?: only)?",
                ),
                fragments=("lower", "capital"),
                echoes=(
                    r"(?:with |and )?no (?:capital|upper ?case) letters?(?: are)?(?: allowed| whatsoever| used)?|"
                    r"(?:with no|without "
                    r"any) capitali[sz]ations?|and in english|throughout"
                ),
            ),
            Wording(
                (
                    (
                        r"(?:全部|全文|全都|只能?|仅|所有字母(?:都)?)(?:都|必须|应|要)?(?:使用|用|以|采用|是|"
                        r"为)?英文小写(?:字母)?(?:书写|回答|写)?"
                    ),
                    r"(?:用|使用|以)(?:全部)?全?小写英文字母(?:书写|回答)",
                ),
                fragments=("小写",),
                language=CHINESE,
            ),
        ),
    )
)
