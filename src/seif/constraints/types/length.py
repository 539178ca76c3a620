"""Types about the length of the reply: its paragraphs, words and sentences."""

from __future__ import annotations

import re

from seif.constraints import chinese as zh
from seif.constraints.amounts import amount, bounded
from seif.constraints.demands import (
    BLANK_LINED,
    LETTER,
    MANY,
    SENTENCES,
    STARRED,
    WORDS,
    Demands,
    Text,
    range_of,
)
from seif.constraints.english import IS, MUST, REPLY, SAY, USE
from seif.constraints.numbers import NUMBER, ORDINALS, Match, counted, number, ordinal
from seif.constraints.parameters import Count, FirstWord, Positive, Relation, compare, less_than_none
from seif.constraints.quoted import QUOTED, word
from seif.constraints.specification import ConstraintType, register
from seif.constraints.text import count_sentences, count_words, divided, opening_word
from seif.constraints.wordings import CHINESE, Wording
from seif.types import Kwargs

# --- paragraphs divided by *** ----------------------------------------------------------------------------------------

_STARS = r"""['"(]{0,2}\*\*\*['")]{0,2}"""
_BY_STARS = (
    r"(?:separated?(?: the (?:paragraphs|sections|parts))?|divided|split|delimited|separating(?: them|"
    r" the paragraphs)?)"
    rf" ?(?:by|with|using) (?:(?:the |a )?markdown divider:? |(?:three|3) asterisks?(?: symbols?)?:? ?)?{_STARS}"
)
_PARTS = r"(?:paragraphs?|sections?|parts?)"


def _has_paragraphs(response: str, num_paragraphs: Positive) -> bool:
    """Paragraphs divided by ***; an empty one is allowed only at either end, where it is not counted."""
    return divided(re.split(r"\s?\*\*\*\s?", response)) == num_paragraphs


def _paragraphs(num_paragraphs: int) -> list[Demands]:
    dividers = 3 * (num_paragraphs - 1)
    return [Demands(bounds={(STARRED, ""): (num_paragraphs, num_paragraphs), (LETTER, "*"): (dividers, MANY)})]


register(
    ConstraintType(
        id="length_constraints:number_paragraphs",
        category="Structure",
        definition="an exact number of paragraphs divided by ***",
        example="Write 4 paragraphs, divided by ***.",
        check=_has_paragraphs,
        demands=_paragraphs,
        wordings=(
            Wording(
                (
                    (
                        rf"(?:(?:{IS}|{USE}|{SAY}|give me the answer|divide {REPLY}|split {REPLY}|separate {REPLY}|"
                        rf"organi[sz]e {REPLY}|"
                        r"consist)(?: in| with| into| of)? )?"
                        rf"(?:exactly |precisely )?(?P<n>{NUMBER}) {_PARTS}(?: in {REPLY})?(?:[.,]|"
                        rf" and)? ?(?:where )?(?:each )?(?:(?:part|"
                        rf"paragraph|section) )?(?:is |are |be )?{_BY_STARS}"
                    ),
                    (
                        rf"(?:(?:{IS}|{USE}|{SAY}) )?(?:exactly |precisely )?(?P<n>{NUMBER}) {_PARTS}(?: in "
                        rf"{REPLY})?[.,]? (?:and )?separated? "
                        rf"(?:the|these|your|them)? ?{_PARTS}? ?(?:by|with|"
                        rf"using) (?:(?:the )?markdown divider:? )?{_STARS}"
                    ),
                ),
                counted("num_paragraphs"),
                fragments=("***",),
            ),
            Wording(
                (
                    (
                        rf"(?:将?(?:回答|回复|答案))?(?:分(?:成|为)?|写|使用|包含|由)?(?:恰好|正好|刚好)?(?:分(?:成|"
                        rf"为))?{zh.N}(?:个)?(?:段落|"
                        rf"段|部分)(?:组成)?{zh.STOP}(?:段落?之间|段与段之间|各段之间|每段之间|并|它们之间)?(?:用|以|"
                        rf"使用|由)[\"'(]?\*\*\*[\"')"
                        r"]?(?:作为)?(?:分隔|隔开|分开|分割)(?:符)?"
                    ),
                ),
                counted("num_paragraphs"),
                fragments=("***",),
                language=CHINESE,
            ),
        ),
    )
)


# --- words and sentences ----------------------------------------------------------------------------------------------


def _length(unit: str) -> tuple[str, ...]:
    some, bare = amount(rf"[ -]{unit}s?"), amount(rf"(?: {unit}s?)?")
    count = (
        rf"(?:the |a |your )?(?:(?:total|overall) )?(?:number of {unit}s|{unit} (?:count|limit)|"
        rf"length in {unit}s)(?: (?:in|of|for) {REPLY})?"
    )
    extent = r"(?: (?:long|in length|in total|total|altogether))?"
    lead = (
        rf"(?:(?:{IS}|{USE}|{SAY}(?: {REPLY})?(?: to me)?|(?:organi[sz]e|keep|make|finish|complete)(?: (?:{REPLY}|"
        rf"it))?)"
        r"(?: (?:in|with|within|using|of|to|at|be))?(?: a total of)? )?(?:(?:in|with|using) )?"
    )
    limit = r"(?P<limit>limit(?:ed|ing|s)?|restrict(?:ed)?|cap(?:ped)?|keep|kept)"
    return (
        rf"{lead}{some}{extent}",
        rf"{limit}(?: (?:{REPLY}|it|yourself|the length(?: of {REPLY})?))? (?:to|at|within) {some}{extent}",
        rf"{limit} {count}(?: (?:to|at|within))? {bare}{extent}",
        rf"{limit} the number of {unit}s you use \({some}\)",
        rf"{count}(?: {MUST} be| {MUST}|:| is| be)? {bare}{extent}",
        rf"(?:(?:{USE}|set|be) )?{count}(?: of| that is|:)? {bare}",
        (
            rf"(?:(?:{USE}|set) )?(?:a |the )?(?P<before>maximum|minimum) (?:{unit} count|{unit} limit|length|"
            rf"number of {unit}s)"
            rf":?(?: of| is)? (?P<n>{NUMBER})(?: {unit}s?)?"
        ),
    )


def _has_words(response: str, num_words: Count, relation: Relation) -> bool:
    return compare(count_words(response), relation, num_words)


def _has_sentences(response: str, num_sentences: Count, relation: Relation) -> bool:
    return compare(count_sentences(response), relation, num_sentences)


register(
    ConstraintType(
        id="length_constraints:number_words",
        category="Structure",
        definition="at least, or less than, so many words",
        example="Use fewer than 120 words.",
        check=_has_words,
        problem=less_than_none("num_words", "relation"),
        demands=lambda num_words, relation: [Demands(bounds={(WORDS, ""): range_of(relation, num_words)})],
        wordings=(
            Wording(
                _length("word"),
                bounded("num_words", "relation"),
                fragments=("word",),
            ),
            # Without a unit a length is counted in words; this one form is IFEval's offspring's own.
            Wording(
                (rf"(?:answer|respond|reply) with {amount('')}",),
                bounded("num_words", "relation"),
                fragments=("answer with", "respond with", "reply with"),
            ),
        ),
    )
)

register(
    ConstraintType(
        id="length_constraints:number_sentences",
        category="Structure",
        definition="at least, or less than, so many sentences",
        example="Write at least 6 sentences.",
        check=_has_sentences,
        problem=less_than_none("num_sentences", "relation"),
        demands=lambda num_sentences, relation: [Demands(bounds={(SENTENCES, ""): range_of(relation, num_sentences)})],
        wordings=(
            Wording(
                _length("sentence"),
                bounded("num_sentences", "relation"),
                fragments=("sentence",),
            ),
        ),
    )
)


# --- the first word of a paragraph ------------------------------------------------------------------------------------

_BREAK = (
    r"(?:(?:each |and only paragraphs |are |is |be )*(?:separated?|divided) (?:from each other )?(?:each paragraph "
    r"|paragraphs |them )?(?:by|with|using) |use )"
    r"""(?:(?:two|2) (?:new ?lines?|line breaks?)|double (?:new ?lines?|line breaks?)|a (?:blank|"""
    r"""empty) line)(?: to separate (?:the )?paragraphs)?"""
    r"""(?:,? (?:as if they were )?\(?['"]\\n\\n['"]\)?(?: in python)?)?"""
)
_KTH = rf"(?:the )?(?:very )?(?P<kth>{'|'.join(ORDINALS)}|\d{{1,2}}(?:st|nd|rd|th)) paragraph"
_STARTS = r"(?:(?:(?:must|should|has to|needs to|shall) )?(?:starts?|begins?) )?with (?:the (?:exact )?word )?"
_FIRST_WORD = rf"""(?P<words>{QUOTED}|[^\s"',;:]*[^\s"',;:.])"""
_N_PARAGRAPHS = rf"(?:(?:{IS}|{USE}|{SAY})(?: in| with| of)? )?(?:exactly |precisely )?(?P<n>{NUMBER}) paragraphs?"
_WITH_WORD = rf"(?:(?:start|begin) )?{_KTH} {_STARTS}{_FIRST_WORD}"
_NEXT = r"(?:[.,;?]| and|, and| where paragraphs)? ?(?:make sure that |and that |and )?"


def _nth_kwargs(match: Match) -> Kwargs | None:
    count, kth, first = number(match["n"]), ordinal(match["kth"]), word(match)
    if not first or " " in first or not 1 <= kth <= count:
        return None
    return {"num_paragraphs": count, "nth_paragraph": kth, "first_word": first}


def _starts_with(response: str, num_paragraphs: Positive, nth_paragraph: Positive, first_word: FirstWord) -> bool:
    """Paragraphs divided by an empty line. IFEval numbers them with the empty ones and counts them without."""
    paragraphs = response.split("\n\n")
    if sum(bool(p.strip()) for p in paragraphs) != num_paragraphs:
        return False
    return opening_word(paragraphs[nth_paragraph - 1]) == first_word.lower()


def _no_such_paragraph(num_paragraphs: int, nth_paragraph: int, first_word: str) -> str | None:
    return f"paragraph {nth_paragraph} of {num_paragraphs} can't be" if nth_paragraph > num_paragraphs else None


def _first_word(num_paragraphs: int, nth_paragraph: int, first_word: str) -> list[Demands]:
    word = first_word.lower()
    bounds = {(BLANK_LINED, ""): (num_paragraphs, num_paragraphs)}
    return [Demands(bounds=bounds, texts=(Text(word),), nth=(nth_paragraph, word))]


register(
    ConstraintType(
        id="length_constraints:nth_paragraph_first_word",
        category="Structure",
        definition="an exact number of paragraphs, one of which starts with a given word",
        example=(
            "Write exactly 3 paragraphs, separated by two line breaks. "
            'The second paragraph must start with the word "meanwhile".'
        ),
        check=_starts_with,
        problem=_no_such_paragraph,
        demands=_first_word,
        wordings=(
            Wording(
                (
                    (
                        rf"{_N_PARAGRAPHS}(?: in {REPLY})?(?: where paragraphs)?,? {_BREAK}(?: answering this "
                        rf"instruction)?(?: in {REPLY})?{_NEXT}{_WITH_WORD}"
                    ),
                    (
                        rf"{_N_PARAGRAPHS}(?: in {REPLY})?,? and separate (?:each paragraph|paragraphs|them) (?:by|"
                        rf"with) (?:two|2) new ?lines{_NEXT}{_WITH_WORD}"
                    ),
                    rf"{_N_PARAGRAPHS}(?: in {REPLY})?[.;] ?{_BREAK}{_NEXT}{_WITH_WORD}",
                    (
                        rf"(?:can|could) you (?:please )?{_N_PARAGRAPHS}(?: in {REPLY})?{_NEXT}{_WITH_WORD} and that "
                        rf"each paragraph is {_BREAK}"
                    ),
                    (
                        rf"{_N_PARAGRAPHS}(?: in {REPLY})?{_NEXT}{_WITH_WORD}[.,;]?(?: and)?(?: each paragraph is)? "
                        rf"?{_BREAK}"
                    ),
                ),
                _nth_kwargs,
                fragments=("paragraph",),
                echoes=r"""\(?['"]\\n\\n['"]\)?""",
            ),
        ),
    )
)
