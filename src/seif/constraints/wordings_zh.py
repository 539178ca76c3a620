r"""Chinese wordings, of the rules whose check is exact whatever the reply's language.

Left out on purpose: limits in 字 or 词 (IFEval counts \w+ runs, and a Chinese clause is one run), in 句 (its splitter
does not know 。), commas and double quotes without a script (the rules know the ASCII ones, a Chinese text has ， and
“ ”), and letter case without naming English (those rules want an English reply).
"""

from __future__ import annotations

import re
from typing import Any

from seif.constraints.wordings import QUOTED, ZH_NUMBER, Match, Wording, counted, nothing, number

_REPLY = r"(?:(?:你的|您的|该|此)?(?:整个|全部|完整)?(?:回答|回复|答案|输出|响应|全文|文本|文中|文章)(?:内容)?(?:中|里|内)?)"
FRAME = re.compile(
    rf"(?:[-*•] |\(?\d{{1,2}}[.)、] ?|请务必|请注意|请|务必|必须要|必须|需要|应该|应当|应|需|要求|确保|保证|注意|并且|同时|此外|另外|"
    rf"(?:在)?{_REPLY}[,，:：]?(?=请|务必|必|需|应|要|不|禁|避|至|分|包|使|用|以|只|全|恰|正|出|结|字|词|单|关|\"|')| |[,，:：])"
)

_N = rf"(?P<n>{ZH_NUMBER})"
_NOUN = r"(?:以下|这个|这些|特定的?|指定的?)?(?:关键词|关键字|词语|词汇|单词|短语|术语|字词|词|句子|字符)[:：]?"
_AFTER = r"(?:一词|这个词语?|这一词语?|这个短语|这个关键词|这个术语|这[两三四]个词语?|[两三四]个词语?|等词语?(?!汇))"
_LIST = rf"(?P<words>{QUOTED}(?:[和与及、,，或]{{0,2}}{QUOTED}){{0,20}})"
_NAMED = rf"(?:(?={_NOUN}|.*{_AFTER})(?:{_NOUN})?{_LIST}{_AFTER}?)"
_ONE = rf"(?:{_NOUN}(?P<word>{QUOTED})|(?P<word2>{QUOTED})(?:一词|这个词语?|这一词语?|这个短语|这个关键词))"
_LETTER = r"(?:英文)?字母[ \"']{0,2}(?P<letter>[A-Za-z])[ \"']{0,2}"
_HAVE = r"(?:包含|包括|使用|出现|提到|提及|用到|加入|含有|用上|用)"
_NO = r"(?:不要|不得|不能|禁止|避免|请勿|不可以?|不应|不允许|切勿|勿|别)"
_MUST = r"(?:必须|应当|应该|应|需要|需|要)?"
_RELATION = r"(?P<relation>至少|不少于|最少|不低于|最多|至多|不超过|不多于|少于|多于|超过|大于|小于)"
_BOUNDS = {
    "至少": ("at least", 0),
    "不少于": ("at least", 0),
    "最少": ("at least", 0),
    "不低于": ("at least", 0),
    "多于": ("at least", 1),
    "超过": ("at least", 1),
}
_BOUNDS |= {"大于": ("at least", 1), "最多": ("less than", 1), "至多": ("less than", 1), "不超过": ("less than", 1), "不多于": ("less than", 1)}
_BOUNDS |= {"少于": ("less than", 0), "小于": ("less than", 0)}
_EXACTLY = r"(?:恰好|正好|刚好|只|仅|整整)(?:有|使用|用|包含|列出|写)?"
_STOP = r"[，,；;:： ]{0,2}"
_SUCH_AS = rf"(?:{_STOP}[(（]?(?:例如|比如|如|即|像|形如)[:： ]?%s[)）]?)?"
_LANGUAGES = {
    "中文": "zh", "汉语": "zh", "英文": "en", "英语": "en", "日文": "ja", "日语": "ja", "法语": "fr", "法文": "fr", "德语": "de", "德文": "de",
    "西班牙语": "es", "俄语": "ru", "俄文": "ru", "韩语": "ko", "韩文": "ko", "葡萄牙语": "pt", "意大利语": "it",
    "阿拉伯语": "ar", "泰语": "th", "越南语": "vi", "印地语": "hi",
}  # fmt: skip
_REPLYING = r"(?:进行)?(?:回答|回复|作答|答复|撰写|写作|书写|输出|写)(?:问题)?"


def _words(name: str) -> Any:
    def build(match: Match) -> dict[str, Any] | None:
        # "A or B must occur" is satisfied by either, "A or B must not" by neither.
        if "或" in re.sub(QUOTED, "", match["words"]) and name == "keywords":
            return None
        if re.search("等", re.sub(QUOTED, "", match[0])):
            return None
        return {name: [quoted[1:-1].strip() for quoted in re.findall(QUOTED, match["words"])]}

    return build


def _bounded(count: str, relation: str, **more: Any) -> Any:
    def build(match: Match) -> dict[str, Any] | None:
        kind, add = _BOUNDS[match["relation"]]
        total = number(match["n"]) + add
        return {**{name: read(match) for name, read in more.items()}, count: total, relation: kind} if total else None

    return build


def _word(match: Match) -> str:
    return (match["word"] or match["word2"])[1:-1].strip()


def _letter(match: Match) -> str:
    letter: str = match["letter"]
    return letter.lower()


def _marker(match: Match) -> dict[str, Any]:
    return {"postscript_marker": "P.P.S" if match["marker"].lower().count("p") == 2 else "P.S."}


WORDINGS: tuple[Wording, ...] = (
    Wording(
        "keywords:frequency",
        ("次",),
        (
            rf"{_ONE}{_STOP}{_MUST}(?:在{_REPLY})?{_MUST}{_RELATION}(?:出现|使用|提到|提及){_N}次",
            rf"{_ONE}{_STOP}{_MUST}(?:在{_REPLY})?(?:出现|使用)(?:次数|的次数)?{_MUST}{_RELATION}{_N}次",
            rf"{_RELATION}{_HAVE}{_N}次{_ONE}",
            rf"{_RELATION}{_HAVE}{_ONE}{_N}次",
            rf"{_HAVE}{_ONE}{_RELATION}{_N}次",
        ),
        _bounded("frequency", "relation", keyword=_word),
    ),
    Wording(
        "keywords:forbidden_words",
        ("不", "禁", "避免", "勿", "别"),
        (rf"{_NO}(?:在{_REPLY})?{_HAVE}?(?:到)?{_NAMED}", rf"{_NAMED}{_NO}(?:在{_REPLY})?出现"),
        _words("forbidden_words"),
    ),
    Wording("keywords:existence", ("词", "字", "语", "句子"), (rf"(?:同时)?{_HAVE}(?:到|了)?{_NAMED}",), _words("keywords")),
    Wording(
        "keywords:letter_frequency",
        ("字母",),
        (
            rf"{_LETTER}{_MUST}(?:在{_REPLY})?{_MUST}{_RELATION}出现{_N}次",
            rf"{_LETTER}{_MUST}(?:在{_REPLY})?出现(?:的?次数)?{_MUST}{_RELATION}{_N}次",
            rf"{_RELATION}(?:使用|出现){_N}(?:次|个){_LETTER}",
        ),
        _bounded("let_frequency", "let_relation", letter=_letter),
    ),
    Wording(
        "keywords:letter_frequency",
        ("字母",),
        (rf"{_NO}(?:使用|出现|包含|用){_LETTER}",),
        lambda m: {"letter": _letter(m), "let_frequency": 1, "let_relation": "less than"},
    ),
    Wording(
        "detectable_format:number_bullet_lists",
        ("项目符号", "bullet", "无序列表"),
        (
            (
                rf"(?:使用|用|包含|列出|以|写出)?{_EXACTLY}{_N}[个条项](?:markdown ?)?(?:格式的?)?(?:项目符号(?:要点|列表项)?|"
                rf"bullet ?(?:point)?s?|无序列表项)(?:{_STOP}(?:使用|用|采用)?markdown格式)?"
            ),
        ),
        counted("num_bullets"),
    ),
    Wording(
        "length_constraints:number_paragraphs",
        ("***",),
        (
            (
                rf"(?:将?(?:回答|回复|答案))?(?:分(?:成|为)?|写|使用|包含|由)?(?:恰好|正好|刚好)?(?:分(?:成|为))?{_N}(?:个)?(?:段落|"
                rf"段|部分)(?:组成)?{_STOP}(?:段落?之间|段与段之间|各段之间|每段之间|并|它们之间)?(?:用|以|使用|由)[\"'(]?\*\*\*[\"')"
                r"]?(?:作为)?(?:分隔|隔开|分开|分割)(?:符)?"
            ),
        ),
        counted("num_paragraphs"),
    ),
    Wording(
        "detectable_content:number_placeholders",
        ("占位符",),
        (
            (
                rf"(?:包含|使用|有|出现)?(?:至少|不少于|最少)(?:包含|使用|有)?{_N}个(?:用|以)?(?:方括号)?(?:表示|括起来?|包裹|"
                rf"标记)?的?(?:形如\[[^\[\]]{{1,20}}\]的)?占位符"
            )
            + _SUCH_AS % r"(?:\[[^\[\]]{1,20}\][、,，和]?){1,4}",
        ),
        counted("num_placeholders"),
    ),
    Wording(
        "detectable_format:number_highlighted_sections",
        ("高亮", "突出", "标出", "标记"),
        (
            (
                rf"(?:用|使用)?(?:markdown|星号)?(?:至少|不少于)(?:用星号)?(?:高亮|突出显示|标出|标记)(?:显示)?{_N}(?:个|处|段)"
                r"(?:部分|词语|词|短语|段落|内容|要点|章节|关键词)?"
            )
            + _SUCH_AS.replace("例如", "例如|用|使用") % r"(?:markdown)?\*[^*]{1,12}\*",
        ),
        counted("num_highlights"),
    ),
    Wording(
        "detectable_format:title",
        ("标题",),
        (
            (
                r"(?:包含|添加|加上|写|给出|有|提供)(?:一个)?(?:用|放在|以|写在|包裹在|括在)?(?:双尖括号|<< ?>>)(?:\(?<< ?>>\)?)?(?:中|"
                rf"内|里|括起来?|包裹|括住)?的标题{_SUCH_AS % '<<[^<>]{1,20}>>'}"
            ),
            (
                rf"(?:包含|添加|加上|写|给出|有|提供)(?:一个)?标题{_STOP}(?:并)?(?:用|放在|以|写在)(?:双尖括号|<< ?>>)(?:中|内|"
                rf"里|括起来?|包裹)?{_SUCH_AS % '<<[^<>]{1,20}>>'}"
            ),
        ),
        nothing,
    ),
    Wording(
        "detectable_content:postscript",
        ("p.",),
        (
            (
                rf"(?:在)?(?:{_REPLY})?(?:的)?(?:结尾|末尾|最后)?处?{_STOP}(?:请)?(?:添加|加上|附上|写上?|包含|有)(?:一个|一段|"
                r"一条|一句)?(?:以|用)?[\"']?(?P<marker>P\.\s?P\.\s?S|P\.\s?S)\.?[\"']?(?:开头|开始)?的?(?:附言|后记|附注)"
            ),
        ),
        _marker,
    ),
    Wording(
        "detectable_format:json_format",
        ("json",),
        (
            (
                rf"(?:将)?{_REPLY}?(?:全部|整体)?(?:以|用|使用|采用|按照?) ?(?:有效的?|合法的?)?json ?(?:格式|形式)?(?:来)?(?:进行)?(?:输出|"
                rf"回答|返回|回复|作答|呈现)?{_REPLY}?"
            ),
            r"(?:输出|回答)?(?:的)?格式(?:必须|应|需)?为 ?json(?:格式)?",
        ),
        nothing,
    ),
    Wording("punctuation:no_comma", ("逗号",), (rf"{_NO}(?:使用|出现|包含|用|有)?(?:任何)?(?:英文|半角)(?:的)?逗号(?:\(,\))?",), nothing),
    Wording(
        "startend:quotation",
        ("双引号",),
        (
            rf"(?:请)?(?:用|使用|以)(?:英文|半角)双引号(?:把|将)?{_REPLY}(?:括起来?|包起来|包裹(?:起来)?|括住)",
            rf"(?:把|将)?{_REPLY}(?:用|放在|以|置于)(?:英文|半角)双引号(?:括起来?|包起来|包裹(?:起来)?|括住|中|内|里|之内)",
        ),
        nothing,
    ),
    Wording(
        "startend:end_checker",
        ("结束", "结尾", "收尾", "最后"),
        (
            (
                rf"(?:以|用|使用)(?:短语|句子|这句话|下面这句话|以下句子|以下短语)?[:：]?(?P<phrase>{QUOTED})(?:这句话|这个短语|"
                rf"一句|作为|来|为)*(?:结束|结尾|收尾)(?:{_REPLY}|全文)?"
            ),
            rf"最后一句(?:话)?{_MUST}(?:是|为)[:：]?(?P<phrase>{QUOTED})",
        ),
        lambda m: {"end_phrase": m["phrase"][1:-1].strip()},
    ),
    Wording(
        "language:response_language",
        tuple(_LANGUAGES),
        (
            rf"(?:只能?|仅|全部|全程|统一|都|完全|全文)*(?:用|使用|以|采用)(?P<language>{'|'.join(_LANGUAGES)}){_REPLYING}",
            rf"(?:只能?|仅|全部|全程|完全|全文)(?:都)?(?:用|使用|以|采用)(?P<language>{'|'.join(_LANGUAGES)})",
        ),
        lambda m: {"language": _LANGUAGES[m["language"]]},
    ),
    Wording(
        "change_case:english_lowercase",
        ("小写",),
        (
            r"(?:全部|全文|全都|只能?|仅|所有字母(?:都)?)(?:都|必须|应|要)?(?:使用|用|以|采用|是|为)?英文小写(?:字母)?(?:书写|回答|写)?",
            r"(?:用|使用|以)(?:全部)?全?小写英文字母(?:书写|回答)",
        ),
        nothing,
    ),
    Wording(
        "change_case:english_capital",
        ("大写",),
        (
            r"(?:全部|全文|全都|只能?|仅|所有字母(?:都)?)(?:都|必须|应|要)?(?:使用|用|以|采用|是|为)?英文大写(?:字母)?(?:书写|回答|写)?",
            r"(?:用|使用|以)(?:全部)?全?大写英文字母(?:书写|回答)",
        ),
        nothing,
    ),
    Wording(
        "combination:two_responses",
        ("星号", "******"),
        (
            (
                rf"(?:给出|提供|写出?)?(?:恰好)?[两二2]个不同的(?:回答|答案|回复){_STOP}(?:并)?(?:用|以|使用)(?:六个星号|6 ?个星号)?[\"'(]?(?:\*{{6}})?[\"')"
                r"]?(?:分隔|隔开|分开)(?:它们)?"
            ),
        ),
        nothing,
    ),
)
