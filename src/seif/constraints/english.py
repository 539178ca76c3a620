"""English: the frames around a demand, and the expressions that several types' wordings share.

What looks checkable and isn't: "exactly n words" and ranges (IFEval has no such relation), "at least n bullets" (its
rule is exact), bounds on a part of the reply ("limit the title to ..."), several rules in one sentence.
"""

from __future__ import annotations

import re

_WHOLE = r"(?:(?:whole|entire|full|complete|overall|final|own) )*"
REPLY = rf"(?:(?:your|the|this|my|its) )?{_WHOLE}(?:response|respoinse|answer|reply|output)s?"
"""The reply by one of its names. A part of it (the summary, the title, each sentence) is another thing."""

MUST = r"(?:shoul?d|must|shall|needs? to|ha(?:s|ve) to|(?:is|are) (?:required )?to|will)(?: also| always| still)?"
IN_REPLY = (
    rf"(?:(?:any(?:where|where)|somewhere|throughout|at any point) )?(?:(?:in|within|throughout|of|for|to|across|"
    rf"inside) (?:any part of )?"
    rf"(?:{REPLY}|(?:the |your )?(?:whole |entire |full )?text|(?:it|general|total)(?!\w))|throughout|overall|in "
    rf"any part of it|(?:anywhere|at all|whatsoever)(?: in {REPLY})?)"
)
_VERB_S = (
    r"(?:has|have|contains?|includes?|uses?|is|are|ends?|does(?:n't)?|be|features?|at least|at most|less than|"
    r"fewer than|more than|no|not|only|entirely)\b"
)
# A heading is taken off only before a sentence about the same thing: "Title: at least 5 words" is about the title.
_HEADINGS = (
    r"(?:(?:word (?:count|limit)|length|number of words)(?=.*\bword)|(?:sentence count|"
    r"number of sentences)(?=.*\bsentence)|paragraph count(?=.*\bparagraph)|"
    r"no commas?(?=.*comma)|(?:(?:required|mandatory|forbidden|prohibited) (?:key)?words?|keywords?|"
    r"keyword frequency)(?=.*['\"])|"
    r"letter frequency(?=.*letter)|all[- ]caps word frequency(?=.*: .*(?:caps|capital)|.*[—–-] .*(?:caps|capital))|"
    r"lexical content constraint|"
    r"(?:bullets?|bullet (?:points?|count|lists?)|number of bullets)(?=.*: .*bullet)|end (?:phrase|"
    r"checker)(?=.*: .*\bend)|postscript(?=.*p\.)|"
    r"(?:number of )?placeholders(?=.*: .*placeholder)|json format(?=.*: .*json)|"
    r"english (?:all )?lowercase(?=.*[:—–-] .*lower)|"
    r"english (?:capital|all caps)(?=.*[:—–-] .*cap)|quotation(?=.*: .*quot))"
)
FRAME = re.compile(
    rf"(?:[-*•] |\(?\d{{1,2}}[.)] |(?:please|also|and|additionally|in addition|finally|lastly|furthermore|moreover|"
    rf"kindly|note that|note|important)[,:]? |"
    rf"(?:make|making|mark) sure(?: that| to|,)? |(?:be|being) sure(?: that| to)? |ensure(?: that| to)? |"
    rf"ensuring(?: that)? |remember(?: to| that) |"
    rf"(?:do not|don't) forget to |reply in details?, and |i (?:want|need|would like|'d like) (?:you to |for |"
    rf"{REPLY} to )|"
    rf"(?:(?:in|within|throughout|for)|at the (?:very )?end of) {REPLY},? |(?:{REPLY}|it|you) {MUST} |{MUST} |"
    rf"{REPLY} (?={_VERB_S})|it (?={_VERB_S})|"
    rf"you (?=cannot|can't|can not|may not|are not allowed|do not|don't|never)|(?:i would like for )?there (?:{MUST} |"
    rf"to )be |there (?=(?:is|are) )|"
    rf"{_HEADINGS}(?:: | [—–-] ))",
    re.IGNORECASE,
)

# --- shared by several types ------------------------------------------------------------------------------------------

USE = (
    r"(?:us(?:e|es|ing|ed)|includ(?:e|es|ing|ed)|contain(?:s|ing|ed)?|ha(?:ve|s|ving)|featur(?:e|es|ing)|"
    r"incorporat(?:e|es|ing)|employ(?:s|ing)?|"
    r"add(?:s|ing)?|insert(?:s|ing)?|make use of|give|provide|write|put)"
)
NOT = (
    r"(?:(?:do|does|should|must|may|can|shall) ?not|(?:do|does|should|must|ca)n't|not|never|avoid|avoiding|refrain "
    r"from|(?:(?:respond|answer|reply|write) )?without|"
    r"(?:you )?(?:are|is) not allowed to|exclude|omit)"
)
SAY = (
    r"(?:respond(?:ing|s)?|repl(?:y|ies|ying)|answer(?:ing|s)?|writ(?:e|es|ing|ten)|output(?:s|ting)?|presented|"
    r"provided|given|generated)"
)
IS = r"(?:be|is|are|appear|consist of|comprise|amount to)"
LIKE = r"(?:i\.?e\.?|e\.?g\.?|like|such as|for example|for instance|using|use|as in|in the form of|with|in)"
APPEAR = (
    r"(?:appear(?:s|ing)?|occur(?:s|ring)?|show(?:s|ing)? up|be used|is used|be mentioned|be included|be present|"
    r"be found|feature)"
)
SHOULD = r"(?:should|must|shall|needs? to|ha(?:s|ve) to)"
CANNOT = r"(?:(?:should|must|may|can|shall)(?: not|n't)|cannot|can't|(?:do|does)(?: not|n't)|is not allowed to|never)"
