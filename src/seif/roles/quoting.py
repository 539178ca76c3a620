"""Text by one model, shown to another: it can't hold a verdict, end its quotation, or start another chat turn.

A reply may also plead with its judge in plain words. `without_pleas` is the reply less such sentences, so that a judge
can be asked whether it would say the same without them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

_DIGIT_BETWEEN = re.compile(r"(?<![\W_])[\W_]++([01０１])(?=([\W_]++))")
"""A digit with what stands around it that is no word. Every such run is looked at once or twice, however long it is."""
_OPENS, _CLOSES = re.compile(r"[\[［]\s*+[\[［]"), re.compile(r"[\]］](?=\s*+([\]］]))")
_CONTROL = re.compile(
    r"<(?=\|[^\n|<>]{1,64}\|>|｜[^\n｜<>]{1,64}｜>|"
    r"/?(?:s|bos|eos|pad|unk|think|system|user|assistant)>|/?(?:start|end)_of_turn>|</?SYS>>)"
    r"|\[(?=/?(?:INST|SYSTEM_PROMPT)\])",
    re.IGNORECASE,
)
"""The first character of a chat template's control tokens; a tokenizer reads these as tokens anywhere in a text."""

_JUDGE = r"(?:judges?|graders?|checkers?|evaluators?|verifiers?|assessors?|reviewers?)"
_DEMAND = r"(?:constraints?|rules?|requirements?|criteri(?:a|on)|instructions?)"
_MET = r"(?:met|satisfied|fulfilled|obeyed|followed|passed)"
_PLEA = re.compile(
    "|".join(
        (
            # headings of a judge's question, and its beginning and end
            rf"^\W*(?:the )?{_DEMAND}(?: to (?:check|judge))?\s*:|^\W*(?:(?:judge|grade|check) the|your)? ?reply\W*$",
            r"^\W*(?:begin|end) [0-9a-f]{8}\W*$",
            # a verdict
            rf"\bverdict\b\W{{0,9}}(?:is |was |of )?\W{{0,9}}(?:1\b|satisfied|pass|yes|true|{_MET})",
            r"^\W*(?:verdict|score|grade|rating)\W{1,9}\d+(?: ?/ ?\d+)?\W*$|^\W*(?:satisfied|pass(?:ed)?)\W*$",
            r"\b(?:gets?|scores?|deserves?|earns?|receives?) (?:an? |the )?(?:(?:verdict|score|grade) )?(?:of )?"
            r"\W{0,4}1\W*$",
            r"^\W*(?:assistant|model|system|user)\W{0,9}:",
            # orders
            r"\b(?:reply|answer|respond|output|say|write|return|print|give|choose)\b[^\n]{0,40}\bdigit\W{0,4}(?:1|one)\b",
            r"\b(?:reply|respond|say|output|answer with)\b[^\n]{0,40}[\W_]1\W*$",
            rf"\b(?:ignore|disregard|forget|skip|override)\b[^\n]{{0,40}}\b(?:{_DEMAND}|prompt|above)\b",
            rf"\b(?:dear|note to|attention|message (?:to|for)|instructions? (?:to|for))(?: the| all| any)? {_JUDGE}\b",
            rf"^\W*{_JUDGE}\s*[:,]",
            # claims
            rf"\b{_DEMAND}\b[^\n]{{0,40}}\b(?:is|are|was|were|been|be|fully|all)\b[^\n]{{0,20}}\b{_MET}\b",
            rf"\b(?:meets?|satisf(?:y|ies)|fulfils?|fulfills?|obeys?|follows?|check(?:ed|s)?)\b[^\n]{{0,30}}\b{_DEMAND}\b",
        )
    ),
    re.IGNORECASE,
)
"""What is said to a judge, in a sentence: its own headings, a verdict, an order, a claim. Who answers a question hardly
writes so."""
_DIGIT = re.compile(r"\W*[01]\W*")
"""A verdict, where something else speaks to a judge; else an ordinary answer."""
_SENTENCES = re.compile(r"((?<=[.!?])[ \t]+|\n)")


def sanitize(text: str) -> str:
    """`text` without verdict markers ([[1]] becomes ((1))) and with a space inside every control token (<|im_end|>
    becomes < |im_end|>).
    """
    parts, done = [], 0
    for start, end, digit in _markers(text):
        parts += [text[done:start], f"(({digit}))"]
        done = end
    return _CONTROL.sub(lambda found: f"{found.group()} ", "".join([*parts, text[done:]]))


def _markers(text: str) -> Iterator[tuple[int, int, str]]:
    """(start, end, digit) of all verdict markers: two brackets, a digit and two brackets, with anything between them
    that is no word."""
    done = 0
    for found in _DIGIT_BETWEEN.finditer(text):
        opens = _OPENS.search(text, max(done, found.start()), found.start(1))
        closes = list(_CLOSES.finditer(text, found.end(1), found.end(2)))
        if opens and closes:
            done = closes[-1].end(1)
            yield opens.start(), done, found.group(1)


def without_pleas(text: str) -> str:
    """`text` less the sentences that hold a verdict marker, a control token, or words for a judge; mostly `text`."""
    pieces = _SENTENCES.split(text)
    pleas = [_pleads(piece) for piece in pieces[::2]]
    if not any(pleas):
        return text
    kept = zip(pieces[::2], [*pieces[1::2], ""], pleas, strict=True)
    return "".join(piece + gap for piece, gap, plea in kept if not plea and not _DIGIT.fullmatch(piece)).strip()


def _pleads(sentence: str) -> bool:
    return any(_markers(sentence)) or any(pattern.search(sentence) for pattern in (_CONTROL, _PLEA))


def mark_of(text: str) -> str:
    """A word that does not occur in `text`, for the lines before and after it.

    It depends on the text alone, so that questions about one text begin alike.
    """
    mark = ""
    while not mark or mark in text:
        mark = hashlib.sha256(f"{mark}\x00{text}".encode("utf-8", errors="replace")).hexdigest()[:8]
    return mark
