"""Types about words: which must occur, how often, and which must not."""

from __future__ import annotations

import re

from seif.constraints import chinese as zh
from seif.constraints.amounts import TIMES, amount, at_most, bounded
from seif.constraints.demands import KEYWORD, LETTER, MANY, Demands, Text, range_of
from seif.constraints.english import APPEAR, CANNOT, NOT, SHOULD, USE
from seif.constraints.numbers import NUMBER, Builder, Match
from seif.constraints.parameters import Count, Filled, Relation, compare, less_than_none
from seif.constraints.quoted import ALL_OF, ANY_OF, BARE_WORD, BARE_WORDS, QUOTED, listed, word
from seif.constraints.specification import ConstraintType, register
from seif.constraints.text import has_word, occurrences
from seif.constraints.wordings import CHINESE, Wording
from seif.types import Kwargs

_KIND = r"(?:(?:exact|specific|required|following|mandatory|key|english|single|technical) )?"
_BANNED = r"(?:(?:exact|specific|following|key|english|single|technical|forbidden|prohibited) )?"
_NAMES = r"(?:words?|keywords?|key words?|terms?|phrases?|expressions?|characters?)(?: and phrases| or phrases)?:?"
_ONE = rf"(?:the |a |an )?{_KIND}(?:word|keyword|key word|term|phrase|expression|idiom|name)"
# "Include any of" asks for one of them, "do not use both" allows one of them: neither rule says that.
_NOUN = rf"(?:the |these |those |all |both |of )*{_KIND}{_NAMES}"
_BANNED_NOUN = rf"(?:the |these |those |any |of )*{_BANNED}{_NAMES}"
_MENTION = r"(?:(?:mention|mentioning|say|saying|state|write)s?)"
_PUT = rf"(?:{USE}|{_MENTION}|(?:mandatory |the )?use of)"
_ONCE_EACH = r"(?:,? (?:at least once(?: each)?|each at least once))"

_ZH_NOUN = r"(?:以下|这个|这些|特定的?|指定的?)?(?:关键词|关键字|词语|词汇|单词|短语|术语|字词|词|句子|字符)[:：]?"
_ZH_AFTER = r"(?:一词|这个词语?|这一词语?|这个短语|这个关键词|这个术语|这[两三四]个词语?|[两三四]个词语?|等词语?(?!汇))"
_ZH_LIST = rf"(?P<words>{QUOTED}(?:[和与及、,，或]{{0,2}}{QUOTED}){{0,20}})"
_ZH_NAMED = rf"(?:(?={_ZH_NOUN}|.*{_ZH_AFTER})(?:{_ZH_NOUN})?{_ZH_LIST}{_ZH_AFTER}?)"
_ZH_ONE = rf"(?:{_ZH_NOUN}(?P<word>{QUOTED})|(?P<word2>{QUOTED})(?:一词|这个词语?|这一词语?|这个短语|这个关键词))"


def _zh_words(name: str) -> Builder:
    def build(match: Match) -> Kwargs | None:
        # "A or B must occur" is satisfied by either, "A or B must not" by neither.
        if "或" in re.sub(QUOTED, "", match["words"]) and name == "keywords":
            return None
        if re.search("等", re.sub(QUOTED, "", match[0])):
            return None
        return {name: [quoted[1:-1].strip() for quoted in re.findall(QUOTED, match["words"])]}

    return build


def _zh_word(match: Match) -> str:
    return (match["word"] or match["word2"])[1:-1].strip()


# --- words that must occur --------------------------------------------------------------------------------------------


def _all_occur(response: str, keywords: list[str]) -> bool:
    return all(occurrences(keyword, response) for keyword in keywords)


register(
    ConstraintType(
        id="keywords:existence",
        category="Words",
        definition="certain words must occur",
        example='Use the words "harbor" and "tide".',
        check=_all_occur,
        demands=lambda keywords: [Demands(texts=tuple(Text(keyword) for keyword in keywords))],
        wordings=(
            Wording(
                (
                    rf"(?:also )?{_PUT} {_NOUN} {ALL_OF}{_ONCE_EACH}?",
                    rf"(?:also )?{_PUT} {_ONE} {ALL_OF}",
                    (
                        rf"(?:also )?{_PUT} (?:the |these )?(?:required )?(?:words?|keywords?|key words?|"
                        rf"terms?):? {BARE_WORDS}"
                    ),
                    rf"(?:mandatory use|the use|use) of {_NOUN} {ALL_OF}",
                    rf"(?:includ(?:e|es|ing)|contain(?:s|ing)?) {ALL_OF}{_ONCE_EACH}?",
                    (
                        rf"{_PUT} (?:all |at least )(?P<how_many>{NUMBER}) (?:of the )?(?:required )?(?:keywords?|"
                        rf"words?|terms?|phrases?):? {ALL_OF}"
                    ),
                    rf"{_NOUN} {ALL_OF} {SHOULD} {APPEAR}{_ONCE_EACH}?",
                    rf"(?:required |mandatory )?(?:key)?words?: ?{ALL_OF}",
                ),
                listed("keywords"),
                fragments=("word", "term", "phrase", "expression", "idiom", "name", "character", "includ", "contain"),
            ),
            Wording(
                (rf"(?:同时)?{zh.HAVE}(?:到|了)?{_ZH_NAMED}",),
                _zh_words("keywords"),
                fragments=("词", "字", "语", "句子"),
                language=CHINESE,
            ),
        ),
    )
)


# --- how often a word occurs ------------------------------------------------------------------------------------------


def _occurs(response: str, keyword: Filled, frequency: Count, relation: Relation) -> bool:
    return compare(occurrences(keyword.strip(), response), relation, frequency)


def _occurrences(keyword: str, frequency: int, relation: str) -> list[Demands]:
    keyword = keyword.strip()
    low, high = range_of(relation, frequency)
    if high == MANY:
        return [Demands(texts=(Text(keyword, low),) if low else ())]
    bounds = {(KEYWORD, keyword): (0, high)}
    if len(keyword) == 1:
        bounds[LETTER, keyword.lower()] = (0, high)
    return [Demands(bounds=bounds)]


register(
    ConstraintType(
        id="keywords:frequency",
        category="Words",
        definition="a word must occur at least, or less than, so many times",
        example='Use the word "river" at least three times.',
        check=_occurs,
        problem=less_than_none("frequency", "relation"),
        demands=_occurrences,
        wordings=(
            Wording(
                (
                    rf"{_PUT} {_ONE} {ALL_OF},? (?:for )?{TIMES}",
                    rf"{_PUT} {_ONE} {BARE_WORD} (?:for )?{TIMES}",
                    rf"{_PUT},? {TIMES},? {_ONE} {ALL_OF}",
                    rf"{_ONE} {ALL_OF} (?:{SHOULD} )?{APPEAR} {TIMES}",
                    rf"{_ONE} {BARE_WORD} (?:{SHOULD} )?{APPEAR} {TIMES}",
                    (
                        rf"(?:{USE} )?{amount(' (?:occurrences?|instances?|mentions?|uses?|repetitions)')} of {_ONE} "
                        rf"(?:{ALL_OF})"
                    ),
                    (
                        rf"(?:{USE} )?{amount(' (?:occurrences?|instances?|mentions?|uses?|repetitions)')} of {_ONE} "
                        rf"(?:{BARE_WORD})"
                    ),
                    rf"repeat {_ONE} {ALL_OF} {TIMES}",
                ),
                bounded("frequency", "relation", keyword=word),
                fragments=("time", "once", "twice", "thrice", "occurrence", "instance", "mention"),
                first=True,
            ),
            Wording(
                (rf"{NOT} (?:{_PUT} )?{_ONE} {ALL_OF} {TIMES}",),
                at_most("frequency", "relation", keyword=word),
                fragments=("more than", "exceed"),
            ),
            Wording(
                (
                    (
                        rf"{_ZH_ONE}{zh.STOP}{zh.MUST}(?:在{zh.REPLY})?{zh.MUST}{zh.RELATION}(?:出现|使用|提到|"
                        rf"提及){zh.N}次"
                    ),
                    (
                        rf"{_ZH_ONE}{zh.STOP}{zh.MUST}(?:在{zh.REPLY})?(?:出现|使用)(?:次数|"
                        rf"的次数)?{zh.MUST}{zh.RELATION}{zh.N}次"
                    ),
                    rf"{zh.RELATION}{zh.HAVE}{zh.N}次{_ZH_ONE}",
                    rf"{zh.RELATION}{zh.HAVE}{_ZH_ONE}{zh.N}次",
                    rf"{zh.HAVE}{_ZH_ONE}{zh.RELATION}{zh.N}次",
                ),
                zh.bounded("frequency", "relation", keyword=_zh_word),
                fragments=("次",),
                language=CHINESE,
            ),
        ),
    )
)


# --- words that must not occur ----------------------------------------------------------------------------------------


def _none_occurs(response: str, forbidden_words: list[str]) -> bool:
    return not any(has_word(word, response) for word in forbidden_words)


def _absence(forbidden_words: list[str]) -> list[Demands]:
    marks = {(LETTER, word): (0, 0) for word in forbidden_words if len(word) == 1 and not re.match(r"\w", word)}
    return [Demands(forbidden=tuple(forbidden_words), bounds=marks)]


register(
    ConstraintType(
        id="keywords:forbidden_words",
        category="Words",
        definition="certain words must not occur",
        example='Do not use the word "very".',
        check=_none_occurs,
        demands=_absence,
        wordings=(
            Wording(
                (
                    rf"{NOT} (?:{_PUT} )?(?:either )?{_BANNED_NOUN} {ANY_OF}",
                    rf"{NOT} (?:{_PUT} )?{_BANNED_NOUN} {BARE_WORDS}",
                    rf"{_BANNED_NOUN} {ANY_OF} {CANNOT} (?:{APPEAR}|be)",
                    rf"{_BANNED_NOUN} {BARE_WORDS} {CANNOT} (?:{APPEAR}|be)",
                    rf"(?:{NOT}) (?:including|include|contain|containing|includes|contains) {ANY_OF}",
                    (
                        rf"(?:the )?(?:use of )?{_BANNED_NOUN} {ANY_OF} (?:is|are) (?:strictly )?(?:forbidden|"
                        rf"prohibited|banned|not allowed)"
                    ),
                    rf"(?:{USE} )?(?:no|none of the) (?:words?|keywords?|terms?|phrases?):? {ANY_OF}",
                    rf"(?:forbidden|prohibited|banned) (?:word|term|phrase)s?: ?{ANY_OF}",
                ),
                listed("forbidden_words"),
                fragments=("word", "term", "phrase", "expression", "not ", "n't", "avoid"),
                echoes="under any circumstances",
            ),
            Wording(
                (rf"{zh.NO}(?:在{zh.REPLY})?{zh.HAVE}?(?:到)?{_ZH_NAMED}", rf"{_ZH_NAMED}{zh.NO}(?:在{zh.REPLY})?出现"),
                _zh_words("forbidden_words"),
                fragments=("不", "禁", "避免", "勿", "别"),
                language=CHINESE,
            ),
        ),
    )
)
