"""Types about parts that the reply has: a postscript, placeholders, named sections."""

from __future__ import annotations

import re

from seif.constraints import chinese as zh
from seif.constraints.demands import LETTER, MANY, Demands, Text
from seif.constraints.english import IS, LIKE, REPLY, SAY, USE
from seif.constraints.numbers import NUMBER, Match, counted, number
from seif.constraints.parameters import Filled, Positive
from seif.constraints.specification import ConstraintType, register
from seif.constraints.wordings import CHINESE, Wording
from seif.types import Kwargs

# --- postscript -------------------------------------------------------------------------------------------------------


def _has_postscript(response: str, postscript_marker: Filled) -> bool:
    marker = postscript_marker.strip().lower()
    spaced = {"p.p.s": r"p\.\s?p\.\s?s", "p.s.": r"p\.\s?s\."}
    return re.search(spaced.get(marker, re.escape(marker)), response.lower()) is not None


def _postscripts(postscript_marker: str) -> list[Demands]:
    """The forms that pass; the rarest white space stands for all, because the fewest other texts match it."""
    marker = postscript_marker.strip().lower()
    gaps = {"p.s.": 1, "p.p.s": 2}.get(marker, 0)
    parts = marker.split(".", gaps) if gaps else [marker]
    forms = [parts[0]]
    for part in parts[1:]:
        forms = [f"{form}.{gap}{part}" for form in forms for gap in ("", "\v")]
    return [Demands(texts=(Text(form),)) for form in forms]


def _marker(match: Match) -> Kwargs:
    return {"postscript_marker": "P.P.S" if match["marker"].lower().count("p") == 2 else "P.S."}


register(
    ConstraintType(
        id="detectable_content:postscript",
        category="Structure",
        definition="a postscript with a given marker",
        example="At the end of your answer, add a postscript starting with P.S.",
        check=_has_postscript,
        demands=_postscripts,
        wordings=(
            Wording(
                (
                    rf"(?:(?:end|finish|conclude|close) (?:{REPLY} |it )?with|explicitly {USE}|{USE}) (?:a|"
                    rf"an) (?:(?:post ?script|note|message) )?"
                    r"(?:that (?:starts|begins) with|starting with|beginning with|indicated by|marked (?:with|by)|"
                    r"introduced by|"
                    r"with|labell?ed) (?:the marker )?['\"]?(?P<marker>p\. ?p\. ?s\b|p\. ?s\b)\.?['\"]?",
                    (
                        rf"(?:(?:end|finish|conclude|close) (?:{REPLY} |it )?with|{USE}) an? (?P<marker>p\. ?p\. ?s|"
                        rf"p\. ?s)\.?(?: (?:note|section|message|line))?"
                    ),
                ),
                _marker,
                fragments=("p.",),
                echoes=rf"(?:at|to) the (?:very )?end(?: of {REPLY})?",
            ),
            Wording(
                (
                    (
                        rf"(?:在)?(?:{zh.REPLY})?(?:的)?(?:结尾|末尾|最后)?处?{zh.STOP}(?:请)?(?:添加|加上|附上|写上?|"
                        rf"包含|有)(?:一个|一段|"
                        r"一条|一句)?(?:以|用)?[\"']?(?P<marker>P\.\s?P\.\s?S|P\.\s?S)\.?[\"']?(?:开头|"
                        r"开始)?的?(?:附言|后记|附注)"
                    ),
                ),
                _marker,
                fragments=("p.",),
                language=CHINESE,
            ),
        ),
    )
)


# --- placeholders -----------------------------------------------------------------------------------------------------

_BRACKETED = r"(?:\[[\w ]{1,30}\](?:,? (?:and )?)?){1,4}"


def _has_placeholders(response: str, num_placeholders: Positive) -> bool:
    return sum(_bracketed(line) for line in response.split("\n")) >= num_placeholders


def _bracketed(line: str) -> int:
    """Number of [..] in a line; an opening bracket runs to the next closing one."""
    count, end = 0, 0
    while (start := line.find("[", end)) >= 0 and (end := line.find("]", start) + 1) > 0:
        count += 1
    return count


def _placeholders(num_placeholders: int) -> list[Demands]:
    brackets = {(LETTER, "["): (num_placeholders, MANY), (LETTER, "]"): (num_placeholders, MANY)}
    return [Demands(bounds=brackets, placeholders=num_placeholders)]


register(
    ConstraintType(
        id="detectable_content:number_placeholders",
        category="Structure",
        definition="at least so many placeholders in square brackets",
        example="Include at least 3 placeholders such as [date].",
        check=_has_placeholders,
        demands=_placeholders,
        wordings=(
            Wording(
                (
                    rf"(?:{USE} )?(?:at least|a minimum of|no fewer than|no less than) (?P<n>{NUMBER}) placeholders?",
                    (
                        rf"use square brackets for placeholders,? {LIKE} {_BRACKETED}\.? ?(?:please )?{USE} at least "
                        rf"(?P<n>{NUMBER}) placeholders?(?: in the thread)?"
                    ),
                ),
                counted("num_placeholders"),
                fragments=("placeholder",),
                echoes=(
                    r"(?:that (?:is|are) )?(?:represented|wrapped|enclosed|marked|indicated|denoted) (?:by|in|"
                    r"with) square brackets|"
                    rf"(?:in|with|using) square brackets|{LIKE}[,:]? ?{_BRACKETED}|"
                    rf"an example of a placeholder is {_BRACKETED}"
                ),
            ),
            Wording(
                (
                    (
                        rf"(?:包含|使用|有|出现)?(?:至少|不少于|最少)(?:包含|使用|有)?{zh.N}个(?:用|"
                        rf"以)?(?:方括号)?(?:表示|括起来?|包裹|"
                        rf"标记)?的?(?:形如\[[^\[\]]{{1,20}}\]的)?占位符"
                    )
                    + zh.SUCH_AS % r"(?:\[[^\[\]]{1,20}\][、,，和]?){1,4}",
                ),
                counted("num_placeholders"),
                fragments=("占位符",),
                language=CHINESE,
            ),
        ),
    )
)


# --- named sections ---------------------------------------------------------------------------------------------------

_MARKED = (
    r"""(?:mark(?:ed|ing)?|start(?:s|ed|ing)?|begin(?:s|ning)?|explicitly noted|noted|label(?:l?ed)?|denoted|headed)"""
)
_SECTIONS = (
    rf"(?:(?:{IS}|{USE}|{SAY}|divide {REPLY}|split {REPLY}|organi[sz]e {REPLY})(?: in| with| into|"
    rf" of)? )?(?:at least )?(?P<n>{NUMBER}) sections?"
    rf"(?:[,.]? ?(?:and )?(?:with )?(?:(?:the beginning of )?each(?: section)? )?(?:(?:should|must) )?(?:be )?{_MARKED}"
    r"(?: (?:the beginning of )?each(?: section)?)?)(?: (?:with|as|by|using))?(?: the word)? ['\"]?(?P<spliter>(?!the "
    rf"|an? )[A-Za-z]{{2,20}}) (?:x|1|#)['\"]?"
    r"(?: ?\(where x is 1, 2, 3,? ?(?:\.\.\.)?\)|,? (?:and so on|etc\.?))?"
)


def _has_sections(response: str, section_spliter: Filled, num_sections: Positive) -> bool:
    return len(re.findall(re.escape(section_spliter.strip()) + r"\s?\d+", response)) >= num_sections


def _sections(section_spliter: str, num_sections: int) -> list[Demands]:
    return [Demands(texts=(Text(section_spliter.strip(), num_sections, exact_case=True, numbered=True),))]


def _spliter(match: Match) -> Kwargs | None:
    count = number(match["n"])
    return {"section_spliter": match["spliter"], "num_sections": count} if count else None


register(
    ConstraintType(
        id="detectable_format:multiple_sections",
        category="Structure",
        definition="so many sections, each opened by a given name and its number",
        example="Write 3 sections, headed SECTION 1 and so on.",
        check=_has_sections,
        demands=_sections,
        wordings=(
            Wording(
                (_SECTIONS,),
                _spliter,
                fragments=("section",),
            ),
        ),
    )
)
