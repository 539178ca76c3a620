"""English wordings of the rules about a reply's content: its words, letters, capitals, language, commas and ending."""

from __future__ import annotations

import re
from typing import Any

from seif.constraints.wordings import ALL_OF, ANY_OF, BARE_WORD, BARE_WORDS, NUMBER, TIMES, Match, Wording, amount, bounded, listed, nothing, vocabulary, word
from seif.constraints.wordings_en import NOT, REPLY, USE

# --- keywords -------------------------------------------------------------------------------------------------------------

_KIND = r"(?:(?:exact|specific|required|following|mandatory|key|english|single|technical) )?"
_BANNED = r"(?:(?:exact|specific|following|key|english|single|technical|forbidden|prohibited) )?"
_NAMES = r"(?:words?|keywords?|key words?|terms?|phrases?|expressions?|characters?)(?: and phrases| or phrases)?:?"
_ONE = rf"(?:the |a |an )?{_KIND}(?:word|keyword|key word|term|phrase|expression|idiom|name)"
# "Include any of" asks for one of them, "do not use both" allows one of them: neither rule says that.
_NOUN = rf"(?:the |these |those |all |both |of )*{_KIND}{_NAMES}"
_BANNED_NOUN = rf"(?:the |these |those |any |of )*{_BANNED}{_NAMES}"
_SAY = r"(?:(?:mention|mentioning|say|saying|state|write)s?)"
_PUT = rf"(?:{USE}|{_SAY}|(?:mandatory |the )?use of)"
_APPEAR = r"(?:appear(?:s|ing)?|occur(?:s|ring)?|show(?:s|ing)? up|be used|is used|be mentioned|be included|be present|be found|feature)"
_MUST = r"(?:should|must|shall|needs? to|ha(?:s|ve) to)"
_CANNOT = r"(?:(?:should|must|may|can|shall)(?: not|n't)|cannot|can't|(?:do|does)(?: not|n't)|is not allowed to|never)"
_ONCE_EACH = r"(?:,? (?:at least once(?: each)?|each at least once))"


def _at_most(match: Match, extra: dict[str, Any], count: str, relation: str) -> dict[str, Any] | None:
    """ "Avoid using the word x more than twice" is at most twice."""
    found = bounded(count, relation)(match)
    if found is None or None in extra.values() or (match.groupdict().get("before") or "").lower() not in ("more than", "over", "exceeding"):
        return None
    return {**extra, count: found[count], relation: "less than"}


_KEYWORDS = (
    Wording(
        "keywords:frequency",
        ("time", "once", "twice", "thrice", "occurrence", "instance", "mention"),
        (
            rf"{_PUT} {_ONE} {ALL_OF},? (?:for )?{TIMES}",
            rf"{_PUT} {_ONE} {BARE_WORD} (?:for )?{TIMES}",
            rf"{_PUT},? {TIMES},? {_ONE} {ALL_OF}",
            rf"{_ONE} {ALL_OF} (?:{_MUST} )?{_APPEAR} {TIMES}",
            rf"{_ONE} {BARE_WORD} (?:{_MUST} )?{_APPEAR} {TIMES}",
            rf"(?:{USE} )?{amount(' (?:occurrences?|instances?|mentions?|uses?|repetitions)')} of {_ONE} (?:{ALL_OF})",
            rf"(?:{USE} )?{amount(' (?:occurrences?|instances?|mentions?|uses?|repetitions)')} of {_ONE} (?:{BARE_WORD})",
            rf"repeat {_ONE} {ALL_OF} {TIMES}",
        ),
        bounded("frequency", "relation", keyword=word),
    ),
    Wording(
        "keywords:frequency",
        ("more than", "exceed"),
        (rf"{NOT} (?:{_PUT} )?{_ONE} {ALL_OF} {TIMES}",),
        lambda m: _at_most(m, {"keyword": word(m)}, "frequency", "relation"),
    ),
    Wording(
        "keywords:forbidden_words",
        ("word", "term", "phrase", "expression", "not ", "n't", "avoid"),
        (
            rf"{NOT} (?:{_PUT} )?(?:either )?{_BANNED_NOUN} {ANY_OF}",
            rf"{NOT} (?:{_PUT} )?{_BANNED_NOUN} {BARE_WORDS}",
            rf"{_BANNED_NOUN} {ANY_OF} {_CANNOT} (?:{_APPEAR}|be)",
            rf"{_BANNED_NOUN} {BARE_WORDS} {_CANNOT} (?:{_APPEAR}|be)",
            rf"(?:{NOT}) (?:including|include|contain|containing|includes|contains) {ANY_OF}",
            rf"(?:the )?(?:use of )?{_BANNED_NOUN} {ANY_OF} (?:is|are) (?:strictly )?(?:forbidden|prohibited|banned|not allowed)",
            rf"(?:{USE} )?(?:no|none of the) (?:words?|keywords?|terms?|phrases?):? {ANY_OF}",
            rf"(?:forbidden|prohibited|banned) (?:word|term|phrase)s?: ?{ANY_OF}",
        ),
        listed("forbidden_words"),
        echoes="under any circumstances",
    ),
    Wording(
        "keywords:existence",
        ("word", "term", "phrase", "expression", "idiom", "name", "character", "includ", "contain"),
        (
            rf"(?:also )?{_PUT} {_NOUN} {ALL_OF}{_ONCE_EACH}?",
            rf"(?:also )?{_PUT} {_ONE} {ALL_OF}",
            rf"(?:also )?{_PUT} (?:the |these )?(?:required )?(?:words?|keywords?|key words?|terms?):? {BARE_WORDS}",
            rf"(?:mandatory use|the use|use) of {_NOUN} {ALL_OF}",
            rf"(?:includ(?:e|es|ing)|contain(?:s|ing)?) {ALL_OF}{_ONCE_EACH}?",
            rf"{_PUT} (?:all |at least )(?P<how_many>{NUMBER}) (?:of the )?(?:required )?(?:keywords?|words?|terms?|phrases?):? {ALL_OF}",
            rf"{_NOUN} {ALL_OF} {_MUST} {_APPEAR}{_ONCE_EACH}?",
            rf"(?:required |mandatory )?(?:key)?words?: ?{ALL_OF}",
        ),
        listed("keywords"),
    ),
)


# --- letters and capitals ---------------------------------------------------------------------------------------------------

_LETTER = r"(?:the )?letter ?(?P<q>['\"]?)(?P<letter>[a-z])(?P=q)"


def _letter(match: Match) -> str:
    letter: str = match["letter"]
    return letter.lower()


_CAPITALS = r"(?:all[- ]capital(?:ized)?|all[- ]caps|fully capitali[sz]ed)"
_CAPITAL_WORDS = (
    r"(?:(?:the )?words? (?:(?:be |written |that are |with )?(?:in )?)?(?:all[- ]capital letters|all[- ]caps|all[- "
    r"]capitals|all upper ?case(?: letters)?)|(?:all[- ]caps|all[- ]capital|fully capitali[sz]ed) words?)"
)


def _capitals(match: Match) -> dict[str, Any] | None:
    """ "Use some, but less than one" asks for what it forbids."""
    found = bounded("capital_frequency", "capital_relation")(match)
    some = re.match("use some|add", match[0], re.IGNORECASE)
    return None if found is None or (some and found["capital_relation"] == "less than" and found["capital_frequency"] < 2) else found


_LETTERS = (
    Wording(
        "keywords:letter_frequency",
        ("letter",),
        (
            rf"(?:{USE} )?{_LETTER} {TIMES}",
            rf"(?:(?:answer|respond|reply) )?(?:with )?{_LETTER} (?:{_MUST} )?{_APPEAR} {TIMES}",
            rf"(?:{USE} )?{amount(' ?')}{_LETTER}",
            rf"(?:{USE} )?{amount(' (?:occurrences?|instances?|uses?)')} of {_LETTER}",
        ),
        bounded("let_frequency", "let_relation", letter=_letter),
    ),
    Wording(
        "keywords:letter_frequency",
        ("more than",),
        (rf"{NOT} (?:{USE} )?{_LETTER} {TIMES}",),
        lambda m: _at_most(m, {"letter": _letter(m)}, "let_frequency", "let_relation"),
    ),
    Wording(
        "keywords:letter_frequency",
        ("letter",),
        (rf"{NOT} (?:{USE} )?(?:any )?{_LETTER}(?: (?:at all|whatsoever|anywhere))?", rf"{_LETTER} {_CANNOT} (?:{_APPEAR}|be)"),
        lambda m: {"letter": _letter(m), "let_frequency": 1, "let_relation": "less than"},
    ),
    Wording(
        "change_case:capital_word_frequency",
        ("capital", "caps", "upper"),
        (
            rf"(?:{USE} )?(?:some )?{_CAPITAL_WORDS} (?:{_MUST} )?(?:{_APPEAR} )?(?:for )?{TIMES}",
            rf"(?:(?:{USE}|respond with|answer with|reply with) )?{amount(f' {_CAPITAL_WORDS}')}(?: (?:{_MUST} )?{_APPEAR})?",
            rf"(?:{USE} )?all[- ]caps word frequency with {amount(f' {_CAPITAL_WORDS}')}",
            rf"limit the number of {_CAPITAL_WORDS} to (?P<limit>){amount('')}",
            rf"(?:the )?number of {_CAPITAL_WORDS} (?:should|must) be {amount('')}",
            rf"use some {_CAPITAL_WORDS}(?: in {REPLY})?,? but those {_CAPITAL_WORDS} should appear {TIMES}",
            rf"add stress words which are capitalized\. limit those stress words (?:to|for) {TIMES}",
        ),
        _capitals,
    ),
)


# --- language -----------------------------------------------------------------------------------------------------------------

# ISO 639-1, the codes of langdetect, which IFEval asks; `zh` is Chinese in either script.
LANGUAGES = dict(
    pair.split(":")
    for pair in vocabulary(
        "english:en spanish:es portuguese:pt arabic:ar hindi:hi french:fr russian:ru german:de japanese:ja italian:it bengali:bn ukrainian:uk thai:th "
        "urdu:ur tamil:ta telugu:te bulgarian:bg korean:ko polish:pl hebrew:he persian:fa farsi:fa vietnamese:vi nepali:ne swahili:sw kannada:kn "
        "marathi:mr gujarati:gu punjabi:pa malayalam:ml finnish:fi chinese:zh mandarin:zh dutch:nl turkish:tr swedish:sv norwegian:no danish:da "
        "greek:el czech:cs hungarian:hu romanian:ro indonesian:id catalan:ca croatian:hr slovak:sk slovenian:sl estonian:et latvian:lv lithuanian:lt"
    )
)
_LANGUAGE = rf"(?:the )?(?P<language>{'|'.join(LANGUAGES)})(?: language)?"
_WRITE = r"(?:respond|reply|answer|write|output|speak)(?: (?:to me|everything|it))?"

_LANGUAGES = Wording(
    "language:response_language",
    tuple(LANGUAGES),
    (
        rf"(?:(?:{_WRITE}|be|is|are|be written|written) )*(?:(?:only|entirely|completely|exclusively) )?in (?:only )?{_LANGUAGE}(?: only)?",
        rf"(?:{_WRITE} )?(?:using|use|in) (?:only|entirely|exclusively) {_LANGUAGE}",
        rf"use {_LANGUAGE} only",
        rf"(?:{_WRITE} )?only (?:using|in) {_LANGUAGE}",
        rf"outside of {_LANGUAGE},? no other languages? (?:is|are) allowed(?: throughout {REPLY})?",
        rf"{_WRITE} {REPLY} in {_LANGUAGE}",
        rf"(?:the )?(?:response )?language(?: of {REPLY})?(?: {_MUST} be(?: in)?|: ?| is) ?{_LANGUAGE}",
        rf"no (?:other )?language (?:other than|except(?: for)?) {_LANGUAGE} is allowed(?: to be used)?",
    ),
    lambda m: None if re.fullmatch(rf"in {_LANGUAGE}[ .]*", m[0], re.IGNORECASE) else {"language": LANGUAGES[m["language"].lower()]},
    echoes=r"(?:and )?no other languages?(?: (?:is|are))? allowed|throughout",
)

# --- commas and endings -------------------------------------------------------------------------------------------------------

_COMMAS = Wording(
    "punctuation:no_comma",
    ("comma",),
    (
        rf"{NOT} (?:(?:{USE}|using|the use of|contain) )?(?:any |all )?commas?(?: in any form)?",
        (
            rf"(?:{USE} |response |respond )?(?:no|without(?: (?:using|the use of))?(?: any)?) (?:use of )?commas?(?: (?:should "
            r"be|must be|are|be) (?:used|allowed|included|present))?"
        ),
        r"(?:no use of|no) commas?|commas are (?:not allowed|forbidden|prohibited)",
        rf"response without (?:any )?commas?|{REPLY} without (?:any )?commas?",
    ),
    nothing,
)

_END = rf"(?:end|ends|finish|conclude|close|ending)(?: {REPLY}| it)? with"
_EXACT = r"(?:the |this |these )?(?:following )?(?:exact )?(?:phrase|words|sentence|statement|line|question|text|exact phrase)"
_PHRASE = r"""(?:"(?P<phrase>[^"]{1,200})"|'(?P<phrase1>(?:[^']|(?<=\w)'(?=\w)){1,200})')"""
_BARE_PHRASE = r"""(?P<phrase>(?!["'])[^"]{2,120}[^"\s])"""


def _end_phrase(match: Match) -> dict[str, Any] | None:
    groups = match.groupdict()
    phrase = (groups.get("phrase") or groups.get("phrase1") or "").strip()
    return {"end_phrase": phrase} if phrase else None


_ENDINGS = (
    Wording(
        "startend:end_checker",
        ("end", "finish", "conclude", "close", "last sentence"),
        (
            rf"{_END} (?:(?:of )?{_EXACT}:? )?{_PHRASE}",
            (
                rf"the (?:very )?(?:end|last sentence|last line) of {REPLY} (?:(?:should|must) )?(?:be|is|read)(?: exactly)?(?: "
                rf"like)?:? (?:{_EXACT}:? )?{_PHRASE}"
            ),
        ),
        _end_phrase,
        echoes=(
            r"(?:and )?(?:do not|don't) say anything after (?:that|it)|(?:and )?no other words (?:should |must |may )?follow(?:s|"
            r"ing)?(?: this| that| the)?(?: phrase)?|"
            r"(?:without any|and no|with no) (?:additional|further|other|extra) (?:words|text)(?: (?:after(?: it| that)?|"
            r"afterwards|following it))?|with nothing (?:else )?after it|exactly"
        ),
    ),
    # The phrase without quotes is whatever follows the colon, its last stop included.
    Wording(
        "startend:end_checker",
        ("exact phrase:", "exactly like:", "exact question:", "exact sentence:"),
        (
            rf"{_END} (?:the|this|the following) exact (?:phrase|question|sentence): {_BARE_PHRASE}",
            rf"the very end of {REPLY} (?:should|must) read exactly like: {_BARE_PHRASE}",
        ),
        _end_phrase,
    ),
    Wording(
        "detectable_format:constrained_response",
        ("my answer is",),
        (
            r"(?:answer|respond|reply|choose|pick)?(?: (?:with|from))? ?(?:exactly )?(?:one of )?(?:the )?(?:following )?(?:options|"
            r"phrases|answers|choices)?:? ?[('\[\"]{0,3}"
            r"my answer is yes\.?['\"]?,? ?(?:or )?['\"]?my answer is no\.?['\"]?,? ?(?:or )?['\"]?my answer is maybe\.?['\")\]]{0,3}",
        ),
        nothing,
    ),
    Wording(
        "combination:repeat_prompt",
        ("repeat",),
        (
            r"(?:first,? |before answering,? )?repeat the (?:request|sentence|question|prompt|text|following sentence|following "
            r"request):? \"(?P<prompt>[^\"]+)\",?"
            r"(?: (?:word for word|without (?:any )?change|exactly as it is|verbatim))*,? then (?:give|provide|write) (?:your|the) answer",
        ),
        lambda m: {"prompt_to_repeat": m["prompt"].strip()},
    ),
)

WORDINGS: tuple[Wording, ...] = (*_KEYWORDS, *_LETTERS, _LANGUAGES, _COMMAS, *_ENDINGS)
