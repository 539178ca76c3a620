"""The type about the language of the reply."""

from __future__ import annotations

import re

from seif.constraints.demands import Demands
from seif.constraints.english import REPLY, SHOULD
from seif.constraints.numbers import vocabulary
from seif.constraints.parameters import LanguageCode
from seif.constraints.specification import ConstraintType, register
from seif.constraints.text import language_of
from seif.constraints.wordings import CHINESE, Wording

# ISO 639-1, the codes of langdetect, which IFEval asks; `zh` is Chinese in either script.
_LANGUAGES = dict(
    pair.split(":")
    for pair in vocabulary(
        "english:en spanish:es portuguese:pt arabic:ar hindi:hi french:fr russian:ru german:de japanese:ja italian:it "
        "bengali:bn ukrainian:uk thai:th "
        "urdu:ur tamil:ta telugu:te bulgarian:bg korean:ko polish:pl hebrew:he persian:fa farsi:fa vietnamese:vi "
        "nepali:ne swahili:sw kannada:kn "
        "marathi:mr gujarati:gu punjabi:pa malayalam:ml finnish:fi chinese:zh mandarin:zh dutch:nl turkish:tr "
        "swedish:sv norwegian:no danish:da "
        "greek:el czech:cs hungarian:hu romanian:ro indonesian:id catalan:ca croatian:hr slovak:sk slovenian:sl "
        "estonian:et latvian:lv lithuanian:lt"
    )
)
_LANGUAGE = rf"(?:the )?(?P<language>{'|'.join(_LANGUAGES)})(?: language)?"
_WRITE = r"(?:respond|reply|answer|write|output|speak)(?: (?:to me|everything|it))?"
_ZH_LANGUAGES = dict(
    pair.split(":")
    for pair in vocabulary(
        "中文:zh 汉语:zh 英文:en 英语:en 日文:ja 日语:ja 法语:fr 法文:fr 德语:de 德文:de 西班牙语:es "
        "俄语:ru 俄文:ru 韩语:ko 韩文:ko 葡萄牙语:pt 意大利语:it 阿拉伯语:ar 泰语:th 越南语:vi 印地语:hi"
    )
)
_ZH_REPLYING = r"(?:进行)?(?:回答|回复|作答|答复|撰写|写作|书写|输出|写)(?:问题)?"


def _is_in(response: str, language: LanguageCode) -> bool:
    """`zh` stands for either script; langdetect tells them apart, and IFEval has no Chinese."""
    found = language_of(response)
    return found == language or (language == "zh" and found in ("zh-cn", "zh-tw"))


register(
    ConstraintType(
        id="language:response_language",
        category="Language",
        definition="the whole answer is in one given language",
        example="Answer only in Italian.",
        check=_is_in,
        demands=lambda language: [Demands(language=language)],
        wordings=(
            Wording(
                (
                    (
                        rf"(?:(?:{_WRITE}|be|is|are|be written|written) )*(?:(?:only|entirely|completely|"
                        rf"exclusively) )?in (?:only )?{_LANGUAGE}(?: only)?"
                    ),
                    rf"(?:{_WRITE} )?(?:using|use|in) (?:only|entirely|exclusively) {_LANGUAGE}",
                    rf"use {_LANGUAGE} only",
                    rf"(?:{_WRITE} )?only (?:using|in) {_LANGUAGE}",
                    rf"outside of {_LANGUAGE},? no other languages? (?:is|are) allowed(?: throughout {REPLY})?",
                    rf"{_WRITE} {REPLY} in {_LANGUAGE}",
                    rf"(?:the )?(?:response )?language(?: of {REPLY})?(?: {SHOULD} be(?: in)?|: ?| is) ?{_LANGUAGE}",
                    rf"no (?:other )?language (?:other than|except(?: for)?) {_LANGUAGE} is allowed(?: to be used)?",
                ),
                lambda m: (
                    None
                    if re.fullmatch(rf"in {_LANGUAGE}[ .]*", m[0], re.IGNORECASE)
                    else {"language": _LANGUAGES[m["language"].lower()]}
                ),
                fragments=tuple(_LANGUAGES),
                echoes=r"(?:and )?no other languages?(?: (?:is|are))? allowed|throughout",
            ),
            Wording(
                (
                    (
                        rf"(?:只能?|仅|全部|全程|统一|都|完全|全文)*(?:用|使用|以|"
                        rf"采用)(?P<language>{'|'.join(_ZH_LANGUAGES)}){_ZH_REPLYING}"
                    ),
                    (
                        rf"(?:只能?|仅|全部|全程|完全|全文)(?:都)?(?:用|使用|以|"
                        rf"采用)(?P<language>{'|'.join(_ZH_LANGUAGES)})"
                    ),
                ),
                lambda m: {"language": _ZH_LANGUAGES[m["language"]]},
                fragments=tuple(_ZH_LANGUAGES),
                language=CHINESE,
            ),
        ),
    )
)
