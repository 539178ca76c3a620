"""Exact rule checks, one small function per instruction id.

Ids, argument names and semantics are those of IFEval's official checkers (Zhou et al. 2023, arXiv 2311.07911), strict
mode. `verify` is the only entry: it refuses unknown ids and wrong arguments instead of passing silently.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

from seif.constraints.text import count_sentences
from seif.errors import UsageError

Verifier = Callable[..., bool]
VERIFIERS: dict[str, Verifier] = {}


def verifier(instruction_id: str) -> Callable[[Verifier], Verifier]:
    """Register a check under its IFEval instruction id."""

    def register(check: Verifier) -> Verifier:
        VERIFIERS[instruction_id] = check
        return check

    return register


def verify(response: str, instruction_id: str, kwargs: Mapping[str, Any]) -> bool:
    """Does `response` satisfy the constraint?

    `kwargs` may carry the nulls of IFEval's flat schema; they are dropped. Raises UsageError for an unknown id and for
    missing, unknown or ill-typed arguments. An empty response satisfies nothing, as in IFEval.
    """
    check = VERIFIERS.get(instruction_id)
    if check is None:
        raise UsageError(f"no verifier for instruction id {instruction_id!r}; known: {', '.join(sorted(VERIFIERS))}")
    given = {name: _integer(value) for name, value in kwargs.items() if value is not None}
    expected = set(inspect.signature(check).parameters) - {"response"}
    if set(given) != expected:
        raise UsageError(f"{instruction_id} takes {sorted(expected) or 'no arguments'}, got {sorted(given)}")
    return bool(response.strip()) and check(response, **given)


def _integer(value: Any) -> Any:
    """Parquet turns the integers of a nullable column into floats: 3.0 is 3, but 3.5 is a mistake."""
    if isinstance(value, float):
        if not value.is_integer():
            raise UsageError(f"a count must be a whole number, got {value}")
        return int(value)
    return value


def _compare(count: int, relation: str, threshold: int) -> bool:
    if relation == "at least":
        return count >= threshold
    if relation == "less than":
        return count < threshold
    raise UsageError(f"relation must be 'at least' or 'less than', got {relation!r}")


@verifier("punctuation:no_comma")
def no_comma(response: str) -> bool:
    return "," not in response


@verifier("change_case:english_lowercase")
def english_lowercase(response: str) -> bool:
    return response.islower()


@verifier("change_case:english_capital")
def english_capital(response: str) -> bool:
    return response.isupper()


@verifier("startend:quotation")
def quotation(response: str) -> bool:
    text = response.strip()
    return len(text) > 1 and text[0] == '"' and text[-1] == '"'


@verifier("startend:end_checker")
def end_checker(response: str, end_phrase: str) -> bool:
    return response.strip().strip('"').lower().endswith(end_phrase.strip().lower())


@verifier("detectable_format:title")
def title(response: str) -> bool:
    return any(found.strip("<>").strip() for found in re.findall(r"<<[^\n]+>>", response))


@verifier("detectable_format:number_bullet_lists")
def number_bullet_lists(response: str, num_bullets: int) -> bool:
    stars = re.findall(r"^\s*\*[^\*].*$", response, flags=re.MULTILINE)
    dashes = re.findall(r"^\s*-.*$", response, flags=re.MULTILINE)
    return len(stars) + len(dashes) == num_bullets


@verifier("detectable_format:number_highlighted_sections")
def number_highlighted_sections(response: str, num_highlights: int) -> bool:
    single = re.findall(r"\*[^\n\*]*\*", response)
    double = re.findall(r"\*\*[^\n\*]*\*\*", response)
    count = sum(bool(h.strip("*").strip()) for h in single)
    count += sum(bool(h.removeprefix("**").removesuffix("**").strip()) for h in double)
    return count >= num_highlights


@verifier("length_constraints:number_sentences")
def number_sentences(response: str, num_sentences: int, relation: str) -> bool:
    return _compare(count_sentences(response), relation, num_sentences)


@verifier("length_constraints:number_paragraphs")
def number_paragraphs(response: str, num_paragraphs: int) -> bool:
    """Paragraphs divided by ***; an empty one is allowed only at either end, where it is not counted."""
    paragraphs = re.split(r"\s?\*\*\*\s?", response)
    for i, paragraph in enumerate(paragraphs):
        if not paragraph.strip() and i not in (0, len(paragraphs) - 1):
            return False
    return sum(bool(p.strip()) for p in paragraphs) == num_paragraphs


@verifier("detectable_content:postscript")
def postscript(response: str, postscript_marker: str) -> bool:
    marker = postscript_marker.strip()
    if marker == "P.P.S":
        pattern = r"\s*p\.\s?p\.\s?s.*$"
    elif marker in ("P.S.", "P.S"):
        pattern = r"\s*p\.\s?s\..*$"
    else:
        pattern = r"\s*" + re.escape(marker.lower()) + r".*$"
    return re.search(pattern, response.lower(), flags=re.MULTILINE) is not None


@verifier("detectable_content:number_placeholders")
def number_placeholders(response: str, num_placeholders: int) -> bool:
    return len(re.findall(r"\[.*?\]", response)) >= num_placeholders
