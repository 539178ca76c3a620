"""From a constraint's text to (instruction id, kwargs), when and only when it is certain; else nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from seif.types import Constraint

_NUMBERS = {w: i for i, w in enumerate(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"])}
_N = r"(?P<n>\d{1,3}|" + "|".join(_NUMBERS) + r")"
_WRITE = r"(?:write|use|give|add|include|put|make|have)"
_UNIT = r"(?: in (?:your|the) (?:reply|answer|response))?"

Kwargs = Callable[[re.Match[str]], dict[str, Any]]


def _number(match: re.Match[str]) -> int:
    word = match["n"].lower()
    return _NUMBERS[word] if word in _NUMBERS else int(word)


def _nothing(match: re.Match[str]) -> dict[str, Any]:
    return {}


def _sentences(match: re.Match[str]) -> dict[str, Any]:
    """IFEval knows `at least` and `less than`; "at most n" is "less than n + 1"."""
    relation, count = match["relation"].lower(), _number(match)
    if relation in ("at least", "no fewer than", "no less than"):
        return {"num_sentences": count, "relation": "at least"}
    if relation in ("at most", "no more than"):
        return {"num_sentences": count + 1, "relation": "less than"}
    return {"num_sentences": count, "relation": "less than"}


_RULES: list[tuple[str, str, Kwargs]] = [
    (
        "punctuation:no_comma",
        rf"(?:do not|don't|never) {_WRITE} (?:any )?commas?{_UNIT}|avoid (?:all )?commas{_UNIT}|"
        rf"{_WRITE} no commas{_UNIT}",
        _nothing,
    ),
    (
        "change_case:english_lowercase",
        rf"{_WRITE} (?:everything |it )?(?:in |only )+(?:all )?lower ?case(?: letters)?(?: only)?|"
        r"no capital letters",
        _nothing,
    ),
    ("change_case:english_capital", rf"{_WRITE} (?:everything |it )?(?:in |only )+(?:all )?(?:capital letters|upper ?case(?: letters)?)", _nothing),
    ("startend:quotation", r"(?:wrap|put) (?:the )?(?:whole |entire )?(?:reply|answer|response) in double quot(?:es|ation marks)", _nothing),
    (
        "startend:end_checker",
        r"(?:end|finish) (?:your |the )?(?:reply |answer |response )?with (?:the )?(?:exact )?(?:phrase|words) "
        r"(?P<quote>['\"])(?P<phrase>[^'\"]+)(?P=quote)",
        lambda m: {"end_phrase": m["phrase"]},
    ),
    (
        "detectable_format:title",
        r"(?:add|give it|start with|include|write) a title (?:in|inside) (?:<<\s?>>|double angular brackets)"
        r"(?:,? (?:such as|like) <<[^<>]*>>)?",
        _nothing,
    ),
    ("detectable_format:number_bullet_lists", rf"{_WRITE} exactly {_N} bullet(?: point)?s?{_UNIT}", lambda m: {"num_bullets": _number(m)}),
    (
        "detectable_format:number_highlighted_sections",
        rf"(?:highlight|mark) at least {_N} (?:words?|sections?)"
        r"(?: (?:like|with|in) \*(?:this|word|stars)?\*)?",
        lambda m: {"num_highlights": _number(m)},
    ),
    (
        "length_constraints:number_sentences",
        rf"{_WRITE} (?P<relation>at least|no fewer than|no less than|fewer than|less than|at most|"
        rf"no more than) {_N} sentences?",
        _sentences,
    ),
    ("length_constraints:number_paragraphs", rf"{_WRITE} exactly {_N} paragraphs?,? (?:divided|separated) by \*\*\*", lambda m: {"num_paragraphs": _number(m)}),
    (
        "detectable_content:postscript",
        rf"{_WRITE} a postscript (?:that starts|starting) with P\.S\.|(?:end|finish) with a P\.S\. note",
        lambda m: {"postscript_marker": "P.S."},
    ),
    (
        "detectable_content:number_placeholders",
        rf"{_WRITE} at least {_N} placeholders?(?: (?:like|such as) \[[a-z]+\])?",
        lambda m: {"num_placeholders": _number(m)},
    ),
]
_COMPILED = [(instruction_id, re.compile(pattern, re.IGNORECASE), kwargs) for instruction_id, pattern, kwargs in _RULES]


@lru_cache(maxsize=65536)
def compile_text(text: str) -> Constraint:
    """The constraint that `text` certainly states; a `soft` one when a rule can't be certain of all of it."""
    body = " ".join(text.split()).rstrip(".!")
    for instruction_id, pattern, kwargs in _COMPILED:
        match = pattern.fullmatch(body) or pattern.fullmatch(body + ".")
        if match:
            return Constraint(text, instruction_id, kwargs(match))
    return Constraint(text)
