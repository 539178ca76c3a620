r"""Chinese: the frames around a demand, and the expressions that several types' wordings share.

Only rules whose check is exact whatever the reply's language have Chinese wordings. Left out on purpose:
limits in 字 or 词 (IFEval counts \w+ runs, and a Chinese clause is one run), in 句 (its splitter does not know
。), commas and double quotes without a script (the rules know the ASCII ones, a Chinese text has ， and “ ”),
and letter case without naming English (those rules want an English reply).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from seif.constraints.numbers import ZH_NUMBER, Builder, Match, number
from seif.types import Kwargs, KwargValue

REPLY = (
    r"(?:(?:你的|您的|该|此)?(?:整个|全部|完整)?(?:回答|回复|答案|输出|响应|全文|文本|文中|文章)(?:内容)?(?:中|里|内)?)"
)
FRAME = re.compile(
    rf"(?:[-*•] |\(?\d{{1,2}}[.)、] ?|请务必|请注意|请|务必|必须要|必须|需要|应该|应当|应|需|要求|确保|保证|注意|并且|"
    rf"同时|此外|另外|"
    rf"(?:在)?{REPLY}[,，:：]?(?=请|务必|必|需|应|要|不|禁|避|至|分|包|使|用|以|只|全|恰|正|出|结|字|词|单|关|\"|')| |"
    rf"[,，:：])"
)

N = rf"(?P<n>{ZH_NUMBER})"
HAVE = r"(?:包含|包括|使用|出现|提到|提及|用到|加入|含有|用上|用)"
NO = r"(?:不要|不得|不能|禁止|避免|请勿|不可以?|不应|不允许|切勿|勿|别)"
MUST = r"(?:必须|应当|应该|应|需要|需|要)?"
RELATION = r"(?P<relation>至少|不少于|最少|不低于|最多|至多|不超过|不多于|少于|多于|超过|大于|小于)"
_BOUNDS = {
    "至少": ("at least", 0),
    "不少于": ("at least", 0),
    "最少": ("at least", 0),
    "不低于": ("at least", 0),
    "多于": ("at least", 1),
    "超过": ("at least", 1),
}
_BOUNDS |= {
    "大于": ("at least", 1),
    "最多": ("less than", 1),
    "至多": ("less than", 1),
    "不超过": ("less than", 1),
    "不多于": ("less than", 1),
}
_BOUNDS |= {"少于": ("less than", 0), "小于": ("less than", 0)}
STOP = r"[，,；;:： ]{0,2}"
SUCH_AS = rf"(?:{STOP}[(（]?(?:例如|比如|如|即|像|形如)[:： ]?%s[)）]?)?"


def bounded(count: str, relation: str, **more: Callable[[Match], KwargValue]) -> Builder:
    """A builder for an amount under IFEval's names, as that of `amounts`."""

    def build(match: Match) -> Kwargs | None:
        kind, add = _BOUNDS[match["relation"]]
        total = number(match["n"]) + add
        return {**{name: read(match) for name, read in more.items()}, count: total, relation: kind} if total else None

    return build
