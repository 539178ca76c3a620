"""English wordings: the frames around a demand, and the rules about a reply's length, form and letter case.

What looks checkable and isn't: "exactly n words" and ranges (IFEval has no such relation), "at least n bullets" (its
rule is exact), bounds on a part of the reply ("limit the title to ..."), several rules in one sentence.
"""

from __future__ import annotations

import re
from typing import Any

from seif.constraints.wordings import NUMBER, ORDINALS, QUOTED, Match, Wording, amount, bounded, counted, nothing, number, ordinal, word

# --- frames -----------------------------------------------------------------------------------------------------------

_WHOLE = r"(?:(?:whole|entire|full|complete|overall|final|own) )*"
REPLY = rf"(?:(?:your|the|this|my|its) )?{_WHOLE}(?:response|respoinse|answer|reply|output)s?"
"""The reply by one of its names. A part of it (the summary, the title, each sentence) is another thing."""

_MUST = r"(?:shoul?d|must|shall|needs? to|ha(?:s|ve) to|(?:is|are) (?:required )?to|will)(?: also| always| still)?"
IN_REPLY = (
    rf"(?:(?:any(?:where|where)|somewhere|throughout|at any point) )?(?:(?:in|within|throughout|of|for|to|across|inside) (?:any part of )?"
    rf"(?:{REPLY}|(?:the |your )?(?:whole |entire |full )?text|(?:it|general|total)(?!\w))|throughout|overall|in "
    rf"any part of it|(?:anywhere|at all|whatsoever)(?: in {REPLY})?)"
)
_VERB_S = (
    r"(?:has|have|contains?|includes?|uses?|is|are|ends?|does(?:n't)?|be|features?|at least|at most|less than|fewer than|more than|no|not|only|entirely)\b"
)
# A heading is taken off only before a sentence about the same thing: "Title: at least 5 words" is about the title.
_HEADINGS = (
    r"(?:(?:word (?:count|limit)|length|number of words)(?=.*\bword)|(?:sentence count|number of sentences)(?=.*\bsentence)|paragraph count(?=.*\bparagraph)|"
    r"no commas?(?=.*comma)|(?:(?:required|mandatory|forbidden|prohibited) (?:key)?words?|keywords?|keyword frequency)(?=.*['\"])|"
    r"letter frequency(?=.*letter)|all[- ]caps word frequency(?=.*: .*(?:caps|capital)|.*[—–-] .*(?:caps|capital))|lexical content constraint|"
    r"(?:bullets?|bullet (?:points?|count|lists?)|number of bullets)(?=.*: .*bullet)|end (?:phrase|checker)(?=.*: .*\bend)|postscript(?=.*p\.)|"
    r"(?:number of )?placeholders(?=.*: .*placeholder)|json format(?=.*: .*json)|english (?:all )?lowercase(?=.*[:—–-] .*lower)|"
    r"english (?:capital|all caps)(?=.*[:—–-] .*cap)|quotation(?=.*: .*quot))"
)
FRAME = re.compile(
    rf"(?:[-*•] |\(?\d{{1,2}}[.)] |(?:please|also|and|additionally|in addition|finally|lastly|furthermore|moreover|kindly|note that|note|important)[,:]? |"
    rf"(?:make|making|mark) sure(?: that| to|,)? |(?:be|being) sure(?: that| to)? |ensure(?: that| to)? |ensuring(?: that)? |remember(?: to| that) |"
    rf"(?:do not|don't) forget to |reply in details?, and |i (?:want|need|would like|'d like) (?:you to |for |{REPLY} to )|"
    rf"(?:(?:in|within|throughout|for)|at the (?:very )?end of) {REPLY},? |(?:{REPLY}|it|you) {_MUST} |{_MUST} |{REPLY} (?={_VERB_S})|it (?={_VERB_S})|"
    rf"you (?=cannot|can't|can not|may not|are not allowed|do not|don't|never)|(?:i would like for )?there (?:{_MUST} |to )be |there (?=(?:is|are) )|"
    rf"{_HEADINGS}(?:: | [—–-] ))",
    re.IGNORECASE,
)

# --- shared words -----------------------------------------------------------------------------------------------------

USE = (
    r"(?:us(?:e|es|ing|ed)|includ(?:e|es|ing|ed)|contain(?:s|ing|ed)?|ha(?:ve|s|ving)|featur(?:e|es|ing)|incorporat(?:e|es|ing)|employ(?:s|ing)?|"
    r"add(?:s|ing)?|insert(?:s|ing)?|make use of|give|provide|write|put)"
)
NOT = (
    r"(?:(?:do|does|should|must|may|can|shall) ?not|(?:do|does|should|must|ca)n't|not|never|avoid|avoiding|refrain "
    r"from|(?:(?:respond|answer|reply|write) )?without|"
    r"(?:you )?(?:are|is) not allowed to|exclude|omit)"
)
_SAY = r"(?:respond(?:ing|s)?|repl(?:y|ies|ying)|answer(?:ing|s)?|writ(?:e|es|ing|ten)|output(?:s|ting)?|presented|provided|given|generated)"
_IS = r"(?:be|is|are|appear|consist of|comprise|amount to)"

# --- lengths ----------------------------------------------------------------------------------------------------------


def _length(unit: str) -> tuple[str, ...]:
    some, bare = amount(rf"[ -]{unit}s?"), amount(rf"(?: {unit}s?)?")
    count = rf"(?:the |a |your )?(?:(?:total|overall) )?(?:number of {unit}s|{unit} (?:count|limit)|length in {unit}s)(?: (?:in|of|for) {REPLY})?"
    extent = r"(?: (?:long|in length|in total|total|altogether))?"
    lead = (
        rf"(?:(?:{_IS}|{USE}|{_SAY}(?: {REPLY})?(?: to me)?|(?:organi[sz]e|keep|make|finish|complete)(?: (?:{REPLY}|it))?)"
        r"(?: (?:in|with|within|using|of|to|at|be))?(?: a total of)? )?(?:(?:in|with|using) )?"
    )
    limit = r"(?P<limit>limit(?:ed|ing|s)?|restrict(?:ed)?|cap(?:ped)?|keep|kept)"
    return (
        rf"{lead}{some}{extent}",
        rf"{limit}(?: (?:{REPLY}|it|yourself|the length(?: of {REPLY})?))? (?:to|at|within) {some}{extent}",
        rf"{limit} {count}(?: (?:to|at|within))? {bare}{extent}",
        rf"{limit} the number of {unit}s you use \({some}\)",
        rf"{count}(?: {_MUST} be| {_MUST}|:| is| be)? {bare}{extent}",
        rf"(?:(?:{USE}|set|be) )?{count}(?: of| that is|:)? {bare}",
        (
            rf"(?:(?:{USE}|set) )?(?:a |the )?(?P<before>maximum|minimum) (?:{unit} count|{unit} limit|length|number of {unit}s)"
            rf":?(?: of| is)? (?P<n>{NUMBER})(?: {unit}s?)?"
        ),
    )


_LENGTHS = (
    Wording("length_constraints:number_words", ("word",), _length("word"), bounded("num_words", "relation")),
    # Without a unit a length is counted in words; this one form is IFEval's offspring's own.
    Wording(
        "length_constraints:number_words",
        ("answer with", "respond with", "reply with"),
        (rf"(?:answer|respond|reply) with {amount('')}",),
        bounded("num_words", "relation"),
    ),
    Wording("length_constraints:number_sentences", ("sentence",), _length("sentence"), bounded("num_sentences", "relation")),
)

# --- paragraphs and sections --------------------------------------------------------------------------------------------

_STARS = r"""['"(]{0,2}\*\*\*['")]{0,2}"""
_BY_STARS = (
    r"(?:separated?(?: the (?:paragraphs|sections|parts))?|divided|split|delimited|separating(?: them| the paragraphs)?)"
    rf" ?(?:by|with|using) (?:(?:the |a )?markdown divider:? |(?:three|3) asterisks?(?: symbols?)?:? ?)?{_STARS}"
)
_PARTS = r"(?:paragraphs?|sections?|parts?)"
_BREAK = (
    r"(?:(?:each |and only paragraphs |are |is |be )*(?:separated?|divided) (?:from each other )?(?:each paragraph "
    r"|paragraphs |them )?(?:by|with|using) |use )"
    r"""(?:(?:two|2) (?:new ?lines?|line breaks?)|double (?:new ?lines?|line breaks?)|a (?:blank|empty) line)(?: to separate (?:the )?paragraphs)?"""
    r"""(?:,? (?:as if they were )?\(?['"]\\n\\n['"]\)?(?: in python)?)?"""
)
_KTH = rf"(?:the )?(?:very )?(?P<kth>{'|'.join(ORDINALS)}|\d{{1,2}}(?:st|nd|rd|th)) paragraph"
_STARTS = r"(?:(?:(?:must|should|has to|needs to|shall) )?(?:starts?|begins?) )?with (?:the (?:exact )?word )?"
_FIRST_WORD = rf"""(?P<words>{QUOTED}|[^\s"',;:]*[^\s"',;:.])"""
_N_PARAGRAPHS = rf"(?:(?:{_IS}|{USE}|{_SAY})(?: in| with| of)? )?(?:exactly |precisely )?(?P<n>{NUMBER}) paragraphs?"
_WITH_WORD = rf"(?:(?:start|begin) )?{_KTH} {_STARTS}{_FIRST_WORD}"
_NEXT = r"(?:[.,;?]| and|, and| where paragraphs)? ?(?:make sure that |and that |and )?"


def _first_word(match: Match) -> dict[str, Any] | None:
    count, kth, first = number(match["n"]), ordinal(match["kth"]), word(match)
    if not first or " " in first or not 1 <= kth <= count:
        return None
    return {"num_paragraphs": count, "nth_paragraph": kth, "first_word": first}


def _spliter(match: Match) -> dict[str, Any] | None:
    count = number(match["n"])
    return {"section_spliter": match["spliter"], "num_sections": count} if count else None


_MARKED = r"""(?:mark(?:ed|ing)?|start(?:s|ed|ing)?|begin(?:s|ning)?|explicitly noted|noted|label(?:l?ed)?|denoted|headed)"""
_SECTIONS = (
    rf"(?:(?:{_IS}|{USE}|{_SAY}|divide {REPLY}|split {REPLY}|organi[sz]e {REPLY})(?: in| with| into| of)? )?(?:at least )?(?P<n>{NUMBER}) sections?"
    rf"(?:[,.]? ?(?:and )?(?:with )?(?:(?:the beginning of )?each(?: section)? )?(?:(?:should|must) )?(?:be )?{_MARKED}"
    r"(?: (?:the beginning of )?each(?: section)?)?)(?: (?:with|as|by|using))?(?: the word)? ['\"]?(?P<spliter>(?!the "
    rf"|an? )[A-Za-z]{{2,20}}) (?:x|1|#)['\"]?"
    r"(?: ?\(where x is 1, 2, 3,? ?(?:\.\.\.)?\)|,? (?:and so on|etc\.?))?"
)

# Nothing but the names of bullets in the example of their form: "* This is bullet 1 * ...". Possessive, so that a long
# run of them is read in one way only.
_EXAMPLE = (
    r"(?:(?:[*-]|\.{2,3}|(?:this|is|are|the|an?|text|for|bullet|point|item|first|second|third|fourth|one|two|three|\d{1,2}|"
    r"xyz|abc|opq)(?!\w))[ .:]{0,3}){1,80}+"
)
_BULLET_ECHOES = (
    r"(?:the )?bullet points (?:should|must) be in the form of|(?:please )?(?:use|using|with|in) the (?:following |bullet point )*format(?: below)?|"
    r"(?:use|using) ['\"]?\* ?['\"]? to indicate (?:each )?bullets?|bullet points are indicated by ['\"]\* ?['\"]|such as|like|for example|e\.g\.|"
    r"(?:in|using|with) (?:the )?markdown(?: (?:format|bullets|bullet points|syntax))?|(?:starting|marked|indicated|"
    r"denoted) (?:with|by) (?:an asterisk |either )?['\"]?\*['\"]?(?: or ['\"]?-['\"]?)?|"
    r"with the format below|" + _EXAMPLE
)

_PARAGRAPHS = (
    Wording(
        "length_constraints:number_paragraphs",
        ("***",),
        (
            (
                rf"(?:(?:{_IS}|{USE}|{_SAY}|give me the answer|divide {REPLY}|split {REPLY}|separate {REPLY}|organi[sz]e {REPLY}|"
                r"consist)(?: in| with| into| of)? )?"
                rf"(?:exactly |precisely )?(?P<n>{NUMBER}) {_PARTS}(?: in {REPLY})?(?:[.,]| and)? ?(?:where )?(?:each )?(?:(?:part|"
                rf"paragraph|section) )?(?:is |are |be )?{_BY_STARS}"
            ),
            (
                rf"(?:(?:{_IS}|{USE}|{_SAY}) )?(?:exactly |precisely )?(?P<n>{NUMBER}) {_PARTS}(?: in {REPLY})?[.,]? (?:and )?separated? "
                rf"(?:the|these|your|them)? ?{_PARTS}? ?(?:by|with|using) (?:(?:the )?markdown divider:? )?{_STARS}"
            ),
        ),
        counted("num_paragraphs"),
    ),
    Wording(
        "length_constraints:nth_paragraph_first_word",
        ("paragraph",),
        (
            rf"{_N_PARAGRAPHS}(?: in {REPLY})?(?: where paragraphs)?,? {_BREAK}(?: answering this instruction)?(?: in {REPLY})?{_NEXT}{_WITH_WORD}",
            rf"{_N_PARAGRAPHS}(?: in {REPLY})?,? and separate (?:each paragraph|paragraphs|them) (?:by|with) (?:two|2) new ?lines{_NEXT}{_WITH_WORD}",
            rf"{_N_PARAGRAPHS}(?: in {REPLY})?[.;] ?{_BREAK}{_NEXT}{_WITH_WORD}",
            rf"(?:can|could) you (?:please )?{_N_PARAGRAPHS}(?: in {REPLY})?{_NEXT}{_WITH_WORD} and that each paragraph is {_BREAK}",
            rf"{_N_PARAGRAPHS}(?: in {REPLY})?{_NEXT}{_WITH_WORD}[.,;]?(?: and)?(?: each paragraph is)? ?{_BREAK}",
        ),
        _first_word,
        echoes=r"""\(?['"]\\n\\n['"]\)?""",
    ),
    Wording("detectable_format:multiple_sections", ("section",), (_SECTIONS,), _spliter),
    Wording(
        "detectable_format:number_bullet_lists",
        ("bullet",),
        (
            (
                rf"(?:(?:{_IS}|{USE}|{_SAY}|list)(?: (?:in|with|(?:in )?the form of))? )?(?:exactly|precisely|only) (?P<n>{NUMBER})"
                r" (?:markdown )?bullet(?:ed)?(?: ?(?:point|item))?s?"
            ),
            rf"(?:the )?number of bullet(?: point)?s(?: in {REPLY})? {_MUST} be exactly (?P<n>{NUMBER})",
        ),
        counted("num_bullets"),
        echoes=_BULLET_ECHOES,
    ),
)

# --- marks in the text --------------------------------------------------------------------------------------------------

_MARKDOWN = r"(?:(?:in|with|using|via) markdown(?: (?:emphasis|syntax|format(?:ting)?|highlighting|asterisks))?|(?:with|in|using) (?:single )?asterisks?)"
_LIKE = r"(?:i\.?e\.?|e\.?g\.?|like|such as|for example|for instance|using|use|as in|in the form of|with|in)"
_STARRED = r"\*[a-z]{1,12}(?: [a-z]{1,12}){0,3}(?: \d)?\*"  # not **this**: the rule would take *this* as well
_BRACKETED = r"(?:\[[\w ]{1,30}\](?:,? (?:and )?)?){1,4}"
_ANGLES = r"(?:(?:in|inside|within|by|with) )?(?:double angular brackets|double angle brackets|<< ?>>)"
_SIX = r"(?:(?:six|6) asterisks?(?: symbols?| marks?)?:? ?['\"(]{0,2}(?:\*{6})?['\")]{0,2}|['\"(]{0,2}\*{6}['\")]{0,2})"
_TWO = r"(?:exactly )?(?:two|2) (?:completely |entirely )?different (?:responses|answers|replies)"

_MARKS = (
    Wording(
        "detectable_format:number_highlighted_sections",
        ("highlight", "mark", "italicize"),
        (
            (
                rf"(?:highlight|mark|italicize)s? at least (?P<n>{NUMBER}) (?:(?:text|key|important) )?(?:sections?|words?(?: "
                r"or phrases?)?|phrases?|parts?|points?|terms?|texts?)"
            ),
            rf"(?:{USE} )?at least (?P<n>{NUMBER}) (?:(?:text|key) )?(?:sections?|words?|phrases?|parts?|points?) (?:(?:should|must) be )?highlighted",
            rf"use markdown to highlight at least (?P<n>{NUMBER}) (?:text )?sections?",
            rf"(?:{USE} )?at least (?P<n>{NUMBER}) highlighted (?:(?:text|key) )?(?:sections?|words?|phrases?|parts?|points?) {_MARKDOWN}",
        ),
        counted("num_highlights"),
        echoes=(
            r"by (?:wrapping (?:it|them|each(?: of them)?) (?:with|in)|starting and ending with) (?:['\"]?\*['\"]?|asterisks)"
            rf"|{_MARKDOWN}|(?:{_LIKE}[,:]? ?)?(?:use )?{_STARRED}|"
            rf"using \* to italicize|using ['\"]?\*['\"]?"
        ),
    ),
    Wording(
        "detectable_content:number_placeholders",
        ("placeholder",),
        (
            rf"(?:{USE} )?(?:at least|a minimum of|no fewer than|no less than) (?P<n>{NUMBER}) placeholders?",
            rf"use square brackets for placeholders,? {_LIKE} {_BRACKETED}\.? ?(?:please )?{USE} at least (?P<n>{NUMBER}) placeholders?(?: in the thread)?",
        ),
        counted("num_placeholders"),
        echoes=(
            r"(?:that (?:is|are) )?(?:represented|wrapped|enclosed|marked|indicated|denoted) (?:by|in|with) square brackets|"
            rf"(?:in|with|using) square brackets|{_LIKE}[,:]? ?{_BRACKETED}|"
            rf"an example of a placeholder is {_BRACKETED}"
        ),
    ),
    Wording(
        "detectable_format:title",
        ("<<", "angular", "angle"),
        (
            (
                rf"(?:(?:{USE}|start with|give it|begin with|come with) )?a title,? (?:that (?:is|should be|must be) |which is "
                rf")?(?:(?:wrapped|contained|enclosed|surrounded|put|placed) )?{_ANGLES}"
            ),
        ),
        nothing,
        echoes=rf"(?:{_LIKE},? ?)?<<[\w ]{{1,30}}>>",
    ),
    Wording(
        "detectable_content:postscript",
        ("p.",),
        (
            rf"(?:(?:end|finish|conclude|close) (?:{REPLY} |it )?with|explicitly {USE}|{USE}) (?:a|an) (?:(?:post ?script|note|message) )?"
            r"(?:that (?:starts|begins) with|starting with|beginning with|indicated by|marked (?:with|by)|introduced by|"
            r"with|labell?ed) (?:the marker )?['\"]?(?P<marker>p\. ?p\. ?s\b|p\. ?s\b)\.?['\"]?",
            rf"(?:(?:end|finish|conclude|close) (?:{REPLY} |it )?with|{USE}) an? (?P<marker>p\. ?p\. ?s|p\. ?s)\.?(?: (?:note|section|message|line))?",
        ),
        lambda m: {"postscript_marker": "P.P.S" if len(re.findall("p", m["marker"], re.IGNORECASE)) == 2 else "P.S."},
        echoes=rf"(?:at|to) the (?:very )?end(?: of {REPLY})?",
    ),
    Wording(
        "detectable_format:json_format",
        ("json",),
        (
            r"(?:wrap|put|format|return|provide|give|output|write|present|structure) (?:the |your )?"
            + rf"(?:{REPLY} )?(?:in|as|using|into) (?:valid )?json(?: format)?",
            (
                rf"(?:(?:{_IS}|{_SAY}|use|output|wrapped|formatted)(?: (?:wrapped|formatted|written|given|presented))?(?: (?:in|"
                r"as|using|with))? )(?:a )?(?:valid )?json(?: format)?(?: only)?"
            ),
            rf"(?:only|entirely) (?:in )?(?:valid )?json(?: format)?|(?:the )?(?:output|response) format(?: {_MUST} be| is|:) json",
        ),
        nothing,
        echoes=r"(?:you can use |using )?markdown ticks(?: (?:such as|like) ```)?(?: are allowed)?",
    ),
    Wording(
        "combination:two_responses",
        ("******", "asterisk"),
        (
            (
                rf"(?:(?:give|provide|offer|write|generate|produce|show)(?: me| us)? )?{_TWO}[.,;]? ?(?:and )?(?:(?:the )?responses(?: "
                r"and only responses)? (?:should|must) be )?(?:separat(?:e|ed|ing)|divided)(?: them| the responses| the two|"
                rf" the answers)? ?(?:by|with|using) {_SIX}"
            ),
            rf"separate your two (?:different )?(?:responses|answers|replies) (?:by|with|using) {_SIX}",
            r"come up (?:with )?two (?:different )?answers and separate the(?: two)? answers like below: ?answer 1 \*{6} answer 2",
        ),
        nothing,
    ),
    Wording(
        "startend:quotation",
        ("quot",),
        (
            rf"(?:wrap|put|enclose|surround|place) {REPLY} (?:with|in|inside|within|between|using) double quot(?:es|ation marks)(?: \(?['\"]+\)?)?",
            rf"(?:put|add|place|use) double quot(?:es|ations? marks?) (?:around|at the beginning and (?:the )?end of) {REPLY}",
            (
                rf"(?:{REPLY} )?(?:be |is )?(?:wrapped|enclosed|surrounded|placed|put|contained) (?:with|in|inside|within|between|"
                r"by|using) double quot(?:es|ation marks)(?: \(?['\"]+\)?)?"
            ),
        ),
        nothing,
    ),
)

# --- letter case ----------------------------------------------------------------------------------------------------------

_SMALL = r"(?:lower[ -]?case[sd]?)"
_LARGE = r"(?:upper[ -]?case|all[- ]caps|caps|capitals|capital letters|capital(?:ized)? letters)"
_ENGLISH = r"(?:(?:be|is|are|was)? ?(?:written )?(?:only )?in english,?(?: and)?,? ?(?:with |be |is |are |must be |should be |must )?)?"
_ALL = r"(?:all|only|entirely|completely|exclusively)"
_WAY = rf"(?:(?:{_IS}|{_SAY}|{_IS} {_SAY}|use|uses|using|used) )?(?:(?:everything|it|{REPLY}) )?"


def _case(style: str, other: str) -> tuple[str, ...]:
    letters = rf"(?:(?:english )?{style}(?: (?:english|letters))?)"
    return (
        rf"{_WAY}{_ENGLISH}(?:(?:in|use|uses|using) )?(?:english,? )?(?:(?:in )?{_ALL} (?:in )?(?:the )?){letters}(?: only)?(?:,? and in english)?",
        rf"{_WAY}{_ENGLISH}in (?:english )?{letters}(?: only)?(?:,? and in english)?",
        rf"{_WAY}{_ENGLISH}(?:contain|make sure to) (?:{_ALL}) (?:use )?{letters}",
        (
            rf"{_ENGLISH}(?:with )?(?:all|every)(?: (?:of )?(?:the |your )?(?:letters?|words?))(?: (?:in|of) {REPLY})?(?: "
            rf"(?:must|should))?(?: be| is| are)?(?: in| written in)? {letters}"
        ),
        rf"{_ENGLISH}(?:{other})",
    )


_CASES = (
    Wording(
        "change_case:english_lowercase",
        ("lower", "capital"),
        (
            *_case(
                _SMALL,
                (
                    r"no capital letters(?: are| be)?(?: allowed| used)?|(?:do not|don't|not|never|without) (?:use|using|contain|"
                    r"include|have) (?:any )?(?:capital|upper ?case) letters"
                ),
            ),
            rf"use {_SMALL}(?: letters| english)?(?: only)?",
        ),
        nothing,
        echoes=(
            r"(?:with |and )?no (?:capital|upper ?case) letters?(?: are)?(?: allowed| whatsoever| used)?|(?:with no|without "
            r"any) capitali[sz]ations?|and in english|throughout"
        ),
    ),
    Wording(
        "change_case:english_capital",
        ("upper", "caps", "capital"),
        (
            *_case(_LARGE, r"no lower ?case letters(?: are| be)? allowed"),
            rf"{_ENGLISH}(?:use |uses |using |in )(?:english )?all[- ]caps",
            (
                rf"capitalize (?:every|each) letter|(?:{_SAY} )?in english and capitalize all (?:of )?your words|all letters(?: "
                rf"in {REPLY})? (?:should|must) be capitali[sz]ed"
            ),
            rf"only use {_LARGE}",
        ),
        nothing,
        echoes=r"(?:with |and )?no lower ?case letters?(?: are)?(?: allowed| whatsoever| used)?|and in english|throughout",
    ),
)

WORDINGS: tuple[Wording, ...] = (*_LENGTHS, *_PARAGRAPHS, *_MARKS, *_CASES)
