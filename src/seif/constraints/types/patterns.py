"""Types about the whole reply: two responses, the request repeated, an ending, quotation marks, no comma."""

from __future__ import annotations

from itertools import pairwise

from seif.constraints import chinese as zh
from seif.constraints.demands import LETTER, MANY, Demands, Text
from seif.constraints.english import NOT, REPLY, USE
from seif.constraints.numbers import Match
from seif.constraints.parameters import Filled
from seif.constraints.quoted import QUOTED
from seif.constraints.specification import ConstraintType, register
from seif.constraints.text import divided
from seif.constraints.wordings import CHINESE, Wording
from seif.types import Kwargs

# --- two responses ----------------------------------------------------------------------------------------------------

_SIX = r"(?:(?:six|6) asterisks?(?: symbols?| marks?)?:? ?['\"(]{0,2}(?:\*{6})?['\")]{0,2}|['\"(]{0,2}\*{6}['\")]{0,2})"
_TWO = r"(?:exactly )?(?:two|2) (?:completely |entirely )?different (?:responses|answers|replies)"


def _has_two_responses(response: str) -> bool:
    parts = response.split("******")
    filled = [part.strip() for part in parts if part.strip()]
    return divided(parts) == 2 and all(a != b for a, b in pairwise(filled))


register(
    ConstraintType(
        id="combination:two_responses",
        category="Patterns",
        definition="two different answers divided by six asterisks",
        example="Give two different responses, separated by six asterisks ******.",
        check=_has_two_responses,
        demands=lambda: [Demands(halves=True, bounds={(LETTER, "*"): (6, MANY)})],
        wordings=(
            Wording(
                (
                    (
                        rf"(?:(?:give|provide|offer|write|generate|produce|show)(?: me|"
                        rf" us)? )?{_TWO}[.,;]? ?(?:and )?(?:(?:the )?responses(?: "
                        r"and only responses)? (?:should|must) be )?(?:separat(?:e|ed|ing)|divided)(?: them|"
                        r" the responses| the two|"
                        rf" the answers)? ?(?:by|with|using) {_SIX}"
                    ),
                    rf"separate your two (?:different )?(?:responses|answers|replies) (?:by|with|using) {_SIX}",
                    (
                        r"come up (?:with )?two (?:different )?answers and separate the(?: two)? answers like below: "
                        r"?answer 1 \*{6} answer 2"
                    ),
                ),
                fragments=("******", "asterisk"),
            ),
            Wording(
                (
                    (
                        rf"(?:给出|提供|写出?)?(?:恰好)?[两二2]个不同的(?:回答|答案|回复){zh.STOP}(?:并)?(?:用|以|"
                        rf"使用)(?:六个星号|6 ?个星号)?[\"'(]?(?:\*{{6}})?[\"')"
                        r"]?(?:分隔|隔开|分开)(?:它们)?"
                    ),
                ),
                fragments=("星号", "******"),
                language=CHINESE,
            ),
        ),
    )
)


# --- the request repeated ---------------------------------------------------------------------------------------------


def _repeats(response: str, prompt_to_repeat: Filled) -> bool:
    return response.strip().lower().startswith(prompt_to_repeat.strip().lower())


def _repetition(prompt_to_repeat: str) -> list[Demands]:
    prompt = prompt_to_repeat.strip()
    return [Demands(texts=(Text(prompt),), start=prompt)]


register(
    ConstraintType(
        id="combination:repeat_prompt",
        category="Patterns",
        definition="the request is repeated, word for word, before the answer",
        example='First repeat the question "Why is the sea salt?" word for word, then give your answer.',
        check=_repeats,
        demands=_repetition,
        wordings=(
            Wording(
                (
                    r"(?:first,? |before answering,? )?repeat the (?:request|sentence|question|prompt|text|"
                    r"following sentence|following "
                    r"request):? \"(?P<prompt>[^\"]+)\",?"
                    r"(?: (?:word for word|without (?:any )?change|exactly as it is|verbatim))*,? then (?:give|"
                    r"provide|write) (?:your|the) answer",
                ),
                lambda m: {"prompt_to_repeat": m["prompt"].strip()},
                fragments=("repeat",),
            ),
        ),
    )
)


# --- the ending -------------------------------------------------------------------------------------------------------

_END = rf"(?:end|ends|finish|conclude|close|ending)(?: {REPLY}| it)? with"
_EXACT = (
    r"(?:the |this |these )?(?:following )?(?:exact )?(?:phrase|words|sentence|statement|line|question|text|"
    r"exact phrase)"
)
_PHRASE = r"""(?:"(?P<phrase>[^"]{1,200})"|'(?P<phrase1>(?:[^']|(?<=\w)'(?=\w)){1,200})')"""
_BARE_PHRASE = r"""(?P<phrase>(?!["'])[^"]{2,120}[^"\s])"""


def _end_phrase(match: Match) -> Kwargs | None:
    groups = match.groupdict()
    phrase = (groups.get("phrase") or groups.get("phrase1") or "").strip()
    return {"end_phrase": phrase} if phrase else None


def _ends_with(response: str, end_phrase: Filled) -> bool:
    return response.strip().strip('"').lower().endswith(end_phrase.strip().lower())


def _ending(end_phrase: str) -> list[Demands]:
    phrase = end_phrase.strip()
    return [Demands(texts=(Text(phrase),), end=phrase)]


register(
    ConstraintType(
        id="startend:end_checker",
        category="Patterns",
        definition="the answer ends with an exact phrase",
        example='End with "Ask me again tomorrow."',
        check=_ends_with,
        demands=_ending,
        wordings=(
            Wording(
                (
                    rf"{_END} (?:(?:of )?{_EXACT}:? )?{_PHRASE}",
                    (
                        rf"the (?:very )?(?:end|last sentence|last line) of {REPLY} (?:(?:should|must) )?(?:be|is|"
                        rf"read)(?: exactly)?(?: "
                        rf"like)?:? (?:{_EXACT}:? )?{_PHRASE}"
                    ),
                ),
                _end_phrase,
                fragments=("end", "finish", "conclude", "close", "last sentence"),
                echoes=(
                    r"(?:and )?(?:do not|don't) say anything after (?:that|it)|(?:and )?no other words (?:should |"
                    r"must |may )?follow(?:s|"
                    r"ing)?(?: this| that| the)?(?: phrase)?|"
                    r"(?:without any|and no|with no) (?:additional|further|other|extra) (?:words|"
                    r"text)(?: (?:after(?: it| that)?|"
                    r"afterwards|following it))?|with nothing (?:else )?after it|exactly"
                ),
            ),
            # The phrase without quotes is whatever follows the colon, its last stop included.
            Wording(
                (
                    rf"{_END} (?:the|this|the following) exact (?:phrase|question|sentence): {_BARE_PHRASE}",
                    rf"the very end of {REPLY} (?:should|must) read exactly like: {_BARE_PHRASE}",
                ),
                _end_phrase,
                fragments=("exact phrase:", "exactly like:", "exact question:", "exact sentence:"),
            ),
            Wording(
                (
                    (
                        rf"(?:以|用|使用)(?:短语|句子|这句话|下面这句话|以下句子|"
                        rf"以下短语)?[:：]?(?P<phrase>{QUOTED})(?:这句话|这个短语|"
                        rf"一句|作为|来|为)*(?:结束|结尾|收尾)(?:{zh.REPLY}|全文)?"
                    ),
                    rf"最后一句(?:话)?{zh.MUST}(?:是|为)[:：]?(?P<phrase>{QUOTED})",
                ),
                lambda m: {"end_phrase": m["phrase"][1:-1].strip()},
                fragments=("结束", "结尾", "收尾", "最后"),
                language=CHINESE,
            ),
        ),
    )
)


# --- quotation marks --------------------------------------------------------------------------------------------------


def _is_quoted(response: str) -> bool:
    text = response.strip()
    return len(text) > 1 and text[0] == '"' and text[-1] == '"'


register(
    ConstraintType(
        id="startend:quotation",
        category="Patterns",
        definition="the whole answer stands in double quotation marks",
        example="Put the whole answer in double quotes.",
        check=_is_quoted,
        demands=lambda: [Demands(quoted=True, bounds={(LETTER, '"'): (2, MANY)})],
        wordings=(
            Wording(
                (
                    (
                        rf"(?:wrap|put|enclose|surround|place) {REPLY} (?:with|in|inside|within|between|"
                        rf"using) double quot(?:es|ation marks)(?: \(?['\"]+\)?)?"
                    ),
                    (
                        rf"(?:put|add|place|use) double quot(?:es|ations? marks?) (?:around|"
                        rf"at the beginning and (?:the )?end of) {REPLY}"
                    ),
                    (
                        rf"(?:{REPLY} )?(?:be |is )?(?:wrapped|enclosed|surrounded|placed|put|contained) (?:with|in|"
                        rf"inside|within|between|"
                        r"by|using) double quot(?:es|ation marks)(?: \(?['\"]+\)?)?"
                    ),
                ),
                fragments=("quot",),
            ),
            Wording(
                (
                    (
                        rf"(?:请)?(?:用|使用|以)(?:英文|半角)双引号(?:把|将)?{zh.REPLY}(?:括起来?|包起来|"
                        rf"包裹(?:起来)?|括住)"
                    ),
                    (
                        rf"(?:把|将)?{zh.REPLY}(?:用|放在|以|置于)(?:英文|半角)双引号(?:括起来?|包起来|包裹(?:起来)?|"
                        rf"括住|中|内|里|之内)"
                    ),
                ),
                fragments=("双引号",),
                language=CHINESE,
            ),
        ),
    )
)


# --- no comma ---------------------------------------------------------------------------------------------------------


def _has_no_comma(response: str) -> bool:
    return "," not in response


register(
    ConstraintType(
        id="punctuation:no_comma",
        category="Patterns",
        definition="no comma anywhere",
        example="Do not use commas.",
        check=_has_no_comma,
        demands=lambda: [Demands(bounds={(LETTER, ","): (0, 0)})],
        wordings=(
            Wording(
                (
                    rf"{NOT} (?:(?:{USE}|using|the use of|contain) )?(?:any |all )?commas?(?: in any form)?",
                    (
                        rf"(?:{USE} |response |respond )?(?:no|without(?: (?:using|"
                        rf"the use of))?(?: any)?) (?:use of )?commas?(?: (?:should "
                        r"be|must be|are|be) (?:used|allowed|included|present))?"
                    ),
                    r"(?:no use of|no) commas?|commas are (?:not allowed|forbidden|prohibited)",
                    rf"response without (?:any )?commas?|{REPLY} without (?:any )?commas?",
                ),
                fragments=("comma",),
            ),
            Wording(
                (rf"{zh.NO}(?:使用|出现|包含|用|有)?(?:任何)?(?:英文|半角)(?:的)?逗号(?:\(,\))?",),
                fragments=("逗号",),
                language=CHINESE,
            ),
        ),
    )
)
