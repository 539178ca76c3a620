"""Types about the layout of the reply: bullets, highlights, a title, JSON, one of three fixed answers."""

from __future__ import annotations

import json
import re

from seif.constraints import chinese as zh
from seif.constraints.demands import BULLETS, LETTER, MANY, Demands, Text
from seif.constraints.english import IS, LIKE, MUST, REPLY, SAY, USE
from seif.constraints.numbers import NUMBER, counted
from seif.constraints.parameters import Count, Positive
from seif.constraints.specification import ConstraintType, register
from seif.constraints.text import count_bullets
from seif.constraints.wordings import CHINESE, Wording

# --- bullets ----------------------------------------------------------------------------------------------------------

# Nothing but the names of bullets in the example of their form: "* This is bullet 1 * ...". Possessive, so that a long
# run of them is read in one way only.
_EXAMPLE = (
    r"(?:(?:[*-]|\.{2,3}|(?:this|is|are|the|an?|text|for|bullet|point|item|first|second|third|fourth|one|two|three|"
    r"\d{1,2}|"
    r"xyz|abc|opq)(?!\w))[ .:]{0,3}){1,80}+"
)
_BULLET_ECHOES = (
    r"(?:the )?bullet points (?:should|must) be in the form of|(?:please )?(?:use|using|with|in) the (?:following |"
    r"bullet point )*format(?: below)?|"
    r"(?:use|using) ['\"]?\* ?['\"]? to indicate (?:each )?bullets?|bullet points are indicated by ['\"]\* ?['\"]|"
    r"such as|like|for example|e\.g\.|"
    r"(?:in|using|with) (?:the )?markdown(?: (?:format|bullets|bullet points|syntax))?|(?:starting|marked|indicated|"
    r"denoted) (?:with|by) (?:an asterisk |either )?['\"]?\*['\"]?(?: or ['\"]?-['\"]?)?|"
    r"with the format below|" + _EXAMPLE
)
_ZH_EXACTLY = r"(?:恰好|正好|刚好|只|仅|整整)(?:有|使用|用|包含|列出|写)?"


def _has_bullets(response: str, num_bullets: Count) -> bool:
    return count_bullets(response) == num_bullets


register(
    ConstraintType(
        id="detectable_format:number_bullet_lists",
        category="Layout",
        definition="an exact number of markdown bullets",
        example="Use exactly 4 bullet points.",
        check=_has_bullets,
        demands=lambda num_bullets: [Demands(bounds={(BULLETS, ""): (num_bullets, num_bullets)})],
        wordings=(
            Wording(
                (
                    (
                        rf"(?:(?:{IS}|{USE}|{SAY}|list)(?: (?:in|with|(?:in )?the form of))? )?(?:exactly|precisely|"
                        rf"only) (?P<n>{NUMBER})"
                        r" (?:markdown )?bullet(?:ed)?(?: ?(?:point|item))?s?"
                    ),
                    rf"(?:the )?number of bullet(?: point)?s(?: in {REPLY})? {MUST} be exactly (?P<n>{NUMBER})",
                ),
                counted("num_bullets"),
                fragments=("bullet",),
                echoes=(_BULLET_ECHOES),
            ),
            Wording(
                (
                    (
                        rf"(?:使用|用|包含|列出|以|写出)?{_ZH_EXACTLY}{zh.N}[个条项](?:markdown "
                        rf"?)?(?:格式的?)?(?:项目符号(?:要点|列表项)?|"
                        rf"bullet ?(?:point)?s?|无序列表项)(?:{zh.STOP}(?:使用|用|采用)?markdown格式)?"
                    ),
                ),
                counted("num_bullets"),
                fragments=("项目符号", "bullet", "无序列表"),
                language=CHINESE,
            ),
        ),
    )
)


# --- highlights -------------------------------------------------------------------------------------------------------

_MARKDOWN = (
    r"(?:(?:in|with|using|via) markdown(?: (?:emphasis|syntax|format(?:ting)?|highlighting|asterisks))?|(?:with|in|"
    r"using) (?:single )?asterisks?)"
)
_STARRED = r"\*[a-z]{1,12}(?: [a-z]{1,12}){0,3}(?: \d)?\*"  # not **this**: the rule would take *this* as well


def _has_highlights(response: str, num_highlights: Positive) -> bool:
    """*One* star on either side or **two**; IFEval counts the latter under both patterns where both find it."""
    single = re.findall(r"\*[^\n\*]*\*", response)
    double = re.findall(r"\*\*[^\n\*]*\*\*", response)
    return sum(bool(found.strip("*").strip()) for found in single + double) >= num_highlights


register(
    ConstraintType(
        id="detectable_format:number_highlighted_sections",
        category="Layout",
        definition="at least so many passages *highlighted* with asterisks",
        example="Highlight at least 2 phrases like *this*.",
        check=_has_highlights,
        demands=lambda num_highlights: [Demands(bounds={(LETTER, "*"): (2, MANY)}, highlights=num_highlights)],
        wordings=(
            Wording(
                (
                    (
                        rf"(?:highlight|mark|italicize)s? at least (?P<n>{NUMBER}) (?:(?:text|key|"
                        rf"important) )?(?:sections?|words?(?: "
                        r"or phrases?)?|phrases?|parts?|points?|terms?|texts?)"
                    ),
                    (
                        rf"(?:{USE} )?at least (?P<n>{NUMBER}) (?:(?:text|key) )?(?:sections?|words?|phrases?|parts?|"
                        rf"points?) (?:(?:should|must) be )?highlighted"
                    ),
                    rf"use markdown to highlight at least (?P<n>{NUMBER}) (?:text )?sections?",
                    (
                        rf"(?:{USE} )?at least (?P<n>{NUMBER}) highlighted (?:(?:text|key) )?(?:sections?|words?|"
                        rf"phrases?|parts?|points?) {_MARKDOWN}"
                    ),
                ),
                counted("num_highlights"),
                fragments=("highlight", "mark", "italicize"),
                echoes=(
                    r"by (?:wrapping (?:it|them|each(?: of them)?) (?:with|in)|"
                    r"starting and ending with) (?:['\"]?\*['\"]?|asterisks)"
                    rf"|{_MARKDOWN}|(?:{LIKE}[,:]? ?)?(?:use )?{_STARRED}|"
                    rf"using \* to italicize|using ['\"]?\*['\"]?"
                ),
            ),
            Wording(
                (
                    (
                        rf"(?:用|使用)?(?:markdown|星号)?(?:至少|不少于)(?:用星号)?(?:高亮|突出显示|标出|"
                        rf"标记)(?:显示)?{zh.N}(?:个|处|段)"
                        r"(?:部分|词语|词|短语|段落|内容|要点|章节|关键词)?"
                    )
                    + zh.SUCH_AS.replace("例如", "例如|用|使用") % r"(?:markdown)?\*[^*]{1,12}\*",
                ),
                counted("num_highlights"),
                fragments=("高亮", "突出", "标出", "标记"),
                language=CHINESE,
            ),
        ),
    )
)


# --- title ------------------------------------------------------------------------------------------------------------

_ANGLES = r"(?:(?:in|inside|within|by|with) )?(?:double angular brackets|double angle brackets|<< ?>>)"


def _has_title(response: str) -> bool:
    return any(_titled(line) for line in response.split("\n"))


def _titled(line: str) -> bool:
    """Is there something between the first << and the last >> of the line?"""
    start, end = line.find("<<"), line.rfind(">>")
    return start >= 0 and end > start + 2 and bool(line[start : end + 2].lstrip("<").rstrip(">").strip())


register(
    ConstraintType(
        id="detectable_format:title",
        category="Layout",
        definition="a title in <<double angular brackets>>",
        example="Begin with a title in << >>.",
        check=_has_title,
        demands=lambda: [Demands(bounds={(LETTER, "<"): (2, MANY), (LETTER, ">"): (2, MANY)}, title=True)],
        wordings=(
            Wording(
                (
                    (
                        rf"(?:(?:{USE}|start with|give it|begin with|come with) )?a title,? (?:that (?:is|should be|"
                        rf"must be) |which is "
                        rf")?(?:(?:wrapped|contained|enclosed|surrounded|put|placed) )?{_ANGLES}"
                    ),
                ),
                fragments=("<<", "angular", "angle"),
                echoes=rf"(?:{LIKE},? ?)?<<[\w ]{{1,30}}>>",
            ),
            Wording(
                (
                    (
                        r"(?:包含|添加|加上|写|给出|有|提供)(?:一个)?(?:用|放在|以|写在|包裹在|括在)?(?:双尖括号|"
                        r"<< ?>>)(?:\(?<< ?>>\)?)?(?:中|"
                        rf"内|里|括起来?|包裹|括住)?的标题{zh.SUCH_AS % '<<[^<>]{1,20}>>'}"
                    ),
                    (
                        rf"(?:包含|添加|加上|写|给出|有|提供)(?:一个)?标题{zh.STOP}(?:并)?(?:用|放在|以|"
                        rf"写在)(?:双尖括号|<< ?>>)(?:中|内|"
                        rf"里|括起来?|包裹)?{zh.SUCH_AS % '<<[^<>]{1,20}>>'}"
                    ),
                ),
                fragments=("标题",),
                language=CHINESE,
            ),
        ),
    )
)


# --- JSON -------------------------------------------------------------------------------------------------------------


def _is_json(response: str) -> bool:
    text = response.strip()
    for fence in ("```json", "```Json", "```JSON", "```"):
        text = text.removeprefix(fence)
    try:
        json.loads(text.removesuffix("```").strip())
    except (ValueError, RecursionError):
        # Nested deeper than Python's parser goes: RFC 8259 lets a parser say no.
        return False
    return True


register(
    ConstraintType(
        id="detectable_format:json_format",
        category="Layout",
        definition="the whole answer is valid JSON",
        example="Give the whole answer as JSON.",
        check=_is_json,
        demands=lambda: [Demands(json=True)],
        wordings=(
            Wording(
                (
                    r"(?:wrap|put|format|return|provide|give|output|write|present|structure) (?:the |your )?"
                    + rf"(?:{REPLY} )?(?:in|as|using|into) (?:valid )?json(?: format)?",
                    (
                        rf"(?:(?:{IS}|{SAY}|use|output|wrapped|formatted)(?: (?:wrapped|formatted|written|given|"
                        rf"presented))?(?: (?:in|"
                        r"as|using|with))? )(?:a )?(?:valid )?json(?: format)?(?: only)?"
                    ),
                    (
                        rf"(?:only|entirely) (?:in )?(?:valid )?json(?: format)?|(?:the )?(?:output|"
                        rf"response) format(?: {MUST} be| is|:) json"
                    ),
                ),
                fragments=("json",),
                echoes=r"(?:you can use |using )?markdown ticks(?: (?:such as|like) ```)?(?: are allowed)?",
            ),
            Wording(
                (
                    (
                        rf"(?:将)?{zh.REPLY}?(?:全部|整体)?(?:以|用|使用|采用|按照?) ?(?:有效的?|"
                        rf"合法的?)?json ?(?:格式|形式)?(?:来)?(?:进行)?(?:输出|"
                        rf"回答|返回|回复|作答|呈现)?{zh.REPLY}?"
                    ),
                    r"(?:输出|回答)?(?:的)?格式(?:必须|应|需)?为 ?json(?:格式)?",
                ),
                fragments=("json",),
                language=CHINESE,
            ),
        ),
    )
)


# --- one of three answers ---------------------------------------------------------------------------------------------

_ANSWERS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")


def _is_an_answer(response: str) -> bool:
    return any(answer in response for answer in _ANSWERS)


register(
    ConstraintType(
        id="detectable_format:constrained_response",
        category="Layout",
        definition="the answer is one of three given sentences",
        example='Reply with "My answer is yes.", "My answer is no." or "My answer is maybe."',
        check=_is_an_answer,
        demands=lambda: [Demands(texts=(Text(answer, exact_case=True),)) for answer in _ANSWERS],
        wordings=(
            Wording(
                (
                    r"(?:answer|respond|reply|choose|pick)?(?: (?:with|"
                    r"from))? ?(?:exactly )?(?:one of )?(?:the )?(?:following )?(?:options|"
                    r"phrases|answers|choices)?:? ?[('\[\"]{0,3}"
                    r"my answer is yes\.?['\"]?,? ?(?:or )?['\"]?my answer is no\.?['\"]?,? ?(?:or )?['\"]?my answer "
                    r"is maybe\.?['\")\]]{0,3}",
                ),
                fragments=("my answer is",),
            ),
        ),
        asked=False,  # SEIF asks for 24 of IFEval's 25 types
    )
)
