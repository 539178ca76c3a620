"""The type about a letter: how often it occurs."""

from __future__ import annotations

from seif.constraints import chinese as zh
from seif.constraints.amounts import TIMES, amount, at_most, bounded
from seif.constraints.demands import LETTER, Demands, range_of
from seif.constraints.english import APPEAR, CANNOT, NOT, SHOULD, USE
from seif.constraints.numbers import Match
from seif.constraints.parameters import Count, Letter, Relation, compare, less_than_none
from seif.constraints.specification import ConstraintType, register
from seif.constraints.wordings import CHINESE, Wording

_LETTER = r"(?:the )?letter ?(?P<q>['\"]?)(?P<letter>[a-z])(?P=q)"
_ZH_LETTER = r"(?:英文)?字母[ \"']{0,2}(?P<letter>[A-Za-z])[ \"']{0,2}"


def _occurs(response: str, letter: Letter, let_frequency: Count, let_relation: Relation) -> bool:
    return compare(response.lower().count(letter.strip().lower()), let_relation, let_frequency)


def _demands(letter: str, let_frequency: int, let_relation: str) -> list[Demands]:
    return [Demands(bounds={(LETTER, letter.strip().lower()): range_of(let_relation, let_frequency)})]


def _letter(match: Match) -> str:
    letter: str = match["letter"]
    return letter.lower()


register(
    ConstraintType(
        id="keywords:letter_frequency",
        category="Words",
        definition="a letter must occur at least, or less than, so many times",
        example="The letter q should appear at least 2 times.",
        check=_occurs,
        problem=less_than_none("let_frequency", "let_relation"),
        demands=_demands,
        wordings=(
            Wording(
                (
                    rf"(?:{USE} )?{_LETTER} {TIMES}",
                    rf"(?:(?:answer|respond|reply) )?(?:with )?{_LETTER} (?:{SHOULD} )?{APPEAR} {TIMES}",
                    rf"(?:{USE} )?{amount(' ?')}{_LETTER}",
                    rf"(?:{USE} )?{amount(' (?:occurrences?|instances?|uses?)')} of {_LETTER}",
                ),
                bounded("let_frequency", "let_relation", letter=_letter),
                fragments=("letter",),
            ),
            Wording(
                (rf"{NOT} (?:{USE} )?{_LETTER} {TIMES}",),
                at_most("let_frequency", "let_relation", letter=_letter),
                fragments=("more than",),
            ),
            Wording(
                (
                    rf"{NOT} (?:{USE} )?(?:any )?{_LETTER}(?: (?:at all|whatsoever|anywhere))?",
                    rf"{_LETTER} {CANNOT} (?:{APPEAR}|be)",
                ),
                lambda m: {"letter": _letter(m), "let_frequency": 1, "let_relation": "less than"},
                fragments=("letter",),
            ),
            Wording(
                (
                    rf"{_ZH_LETTER}{zh.MUST}(?:在{zh.REPLY})?{zh.MUST}{zh.RELATION}出现{zh.N}次",
                    rf"{_ZH_LETTER}{zh.MUST}(?:在{zh.REPLY})?出现(?:的?次数)?{zh.MUST}{zh.RELATION}{zh.N}次",
                    rf"{zh.RELATION}(?:使用|出现){zh.N}(?:次|个){_ZH_LETTER}",
                ),
                zh.bounded("let_frequency", "let_relation", letter=_letter),
                fragments=("字母",),
                language=CHINESE,
            ),
            Wording(
                (rf"{zh.NO}(?:使用|出现|包含|用){_ZH_LETTER}",),
                lambda m: {"letter": _letter(m), "let_frequency": 1, "let_relation": "less than"},
                fragments=("字母",),
                language=CHINESE,
            ),
        ),
    )
)
