r"""Exact rule checks, one small function per instruction id.

Ids, argument names and semantics are those of IFEval's official checkers (Zhou et al. 2023, arXiv 2311.07911). `verify`
and `verify_loose` are the only entries: they refuse unknown ids and wrong arguments instead of passing silently.

Where we differ, on purpose: keywords, markers and section names are literal text, never regular expressions; a letter
that is no letter is counted, not replaced by a random one; a reply without any letter is in no language; short English
in capitals is English; words of scripts that are written without spaces are found inside running text. Every check takes
time linear in the response.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Any

from seif.constraints.text import capital_words, count_sentences, count_words, language_of, languages
from seif.errors import UsageError

Verifier = Callable[..., bool]
VERIFIERS: dict[str, Verifier] = {}
AT_LEAST, LESS_THAN = "at least", "less than"
ANSWERS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
PROMPT = "prompt_to_repeat"


def verifier(instruction_id: str) -> Callable[[Verifier], Verifier]:
    """Register a check under its instruction id; its parameters after `response` are the constraint's kwargs."""

    def register(check: Verifier) -> Verifier:
        VERIFIERS[instruction_id] = check
        return check

    return register


def verify(response: str, instruction_id: str, kwargs: Mapping[str, Any]) -> bool:
    """Does `response` satisfy the constraint, strictly?

    `kwargs` may carry the nulls of IFEval's flat schema; they are dropped. Raises UsageError for an unknown id and for
    missing, unknown, ill-typed or contradictory arguments. An empty response satisfies nothing, as in IFEval.
    """
    arguments = check_kwargs(instruction_id, kwargs)
    return bool(response.strip()) and VERIFIERS[instruction_id](response, **arguments)


def verify_loose(response: str, instruction_id: str, kwargs: Mapping[str, Any]) -> bool:
    """Does any of the eight loosened variants of `response` satisfy the constraint? Raises as `verify` does."""
    arguments = check_kwargs(instruction_id, kwargs)
    return any(VERIFIERS[instruction_id](variant, **arguments) for variant in loosened(response) if variant.strip())


def loosened(response: str) -> list[str]:
    """IFEval's loose variants: without the first line, the last, both or neither, each with and without asterisks."""
    lines = response.split("\n")
    cut = [response, *("\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1]))]
    return list(dict.fromkeys([*cut, *(variant.replace("*", "") for variant in cut)]))


# --- arguments --------------------------------------------------------------------------------------------------------


def check_kwargs(instruction_id: str, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as the check takes them: nulls dropped, 3.0 made 3. Raises UsageError saying what is wrong."""
    check = VERIFIERS.get(instruction_id)
    if check is None:
        raise UsageError(f"no verifier for instruction id {instruction_id!r}; known: {', '.join(sorted(VERIFIERS))}")
    if not isinstance(kwargs, Mapping):
        raise UsageError(f"{instruction_id}: kwargs must be a mapping, got {type(kwargs).__name__}")
    given = {name: value for name, value in kwargs.items() if value is not None}
    kinds = _parameters(check)
    if set(given) != set(kinds):
        raise UsageError(f"{instruction_id} takes {sorted(kinds) or 'no arguments'}, got {sorted(given)}")
    arguments = {name: _typed(f"{instruction_id}: {name}", kinds[name], value) for name, value in given.items()}
    for problem in (rule(arguments) for rule in _CHECKS):
        if problem:
            raise UsageError(f"{instruction_id}: {problem}")
    return arguments


@lru_cache(maxsize=256)
def _parameters(check: Verifier) -> dict[str, str]:
    """Name -> annotation of a check's arguments, `response` left out."""
    parameters = list(inspect.signature(check).parameters.values())[1:]
    return {p.name: p.annotation if isinstance(p.annotation, str) else inspect.formatannotation(p.annotation) for p in parameters}


def _typed(name: str, kind: str, value: Any) -> Any:
    """Parquet turns the integers of a nullable column into floats: 3.0 is 3, but 3.5 is a mistake."""
    if kind == "int":
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise UsageError(f"{name} must be a whole number, got {value!r}")
    elif kind == "str" and not isinstance(value, str):
        raise UsageError(f"{name} must be text, got {value!r}")
    elif kind == "list[str]":
        value = list(value) if isinstance(value, list | tuple) else value
        if not isinstance(value, list) or not value or not all(isinstance(word, str) and word.strip() for word in value):
            raise UsageError(f"{name} must be a list of words, got {value!r}")
    return value


_COUNTS = ("frequency", "let_frequency", "capital_frequency", "num_sentences", "num_words", "num_bullets")
_POSITIVE = ("num_paragraphs", "num_placeholders", "num_highlights", "num_sections", "nth_paragraph")
_TEXTS = ("keyword", "end_phrase", "first_word", "postscript_marker", "section_spliter", PROMPT)


def _bad_relation(given: dict[str, Any]) -> str | None:
    for name in ("relation", "let_relation", "capital_relation"):
        if name in given and given[name] not in (AT_LEAST, LESS_THAN):
            return f"{name} must be {AT_LEAST!r} or {LESS_THAN!r}, got {given[name]!r}"
    return None


def _bad_count(given: dict[str, Any]) -> str | None:
    for name, value in given.items():
        if (name in _COUNTS and value < 0) or (name in _POSITIVE and value < 1):
            return f"{name} can't be {value}"
    relations = [given[name] for name in ("relation", "let_relation", "capital_relation") if name in given]
    if relations == [LESS_THAN] and any(given.get(name) == 0 for name in _COUNTS):
        return "less than 0 can't be"
    if given.get("nth_paragraph", 0) > given.get("num_paragraphs", 1 << 30):
        return f"paragraph {given['nth_paragraph']} of {given['num_paragraphs']} can't be"
    return None


def _bad_text(given: dict[str, Any]) -> str | None:
    for name in _TEXTS:
        if name in given and not given[name].strip():
            return f"{name} is empty"
    if "letter" in given and len(given["letter"].strip()) != 1:
        return f"letter must be one character, got {given['letter']!r}"
    if "first_word" in given and _first_word(given["first_word"]) != given["first_word"].lower():
        return f"first_word must be one word without punctuation, got {given['first_word']!r}"
    if "language" in given and given["language"] not in languages() | {"zh"}:
        return f"language must be one of {', '.join(sorted(languages()))} or zh, got {given['language']!r}"
    return None


_CHECKS = (_bad_relation, _bad_count, _bad_text)


def _compare(count: int, relation: str, threshold: int) -> bool:
    return count >= threshold if relation == AT_LEAST else count < threshold


# --- keywords ---------------------------------------------------------------------------------------------------------


@verifier("keywords:existence")
def existence(response: str, keywords: list[str]) -> bool:
    return all(occurrences(word, response) for word in keywords)


@verifier("keywords:frequency")
def frequency(response: str, keyword: str, frequency: int, relation: str) -> bool:
    return _compare(occurrences(keyword.strip(), response), relation, frequency)


@verifier("keywords:forbidden_words")
def forbidden_words(response: str, forbidden_words: list[str]) -> bool:
    return not any(has_word(word, response) for word in forbidden_words)


@verifier("keywords:letter_frequency")
def letter_frequency(response: str, letter: str, let_frequency: int, let_relation: str) -> bool:
    return _compare(response.lower().count(letter.strip().lower()), let_relation, let_frequency)


def occurrences(words: str, text: str) -> int:
    """How often `words` stands in `text`, in any case, also inside other words; overlaps are not counted."""
    return len(_literal(words).findall(text))


def has_word(word: str, text: str) -> bool:
    """Does `word` stand in `text` by itself, in any case?"""
    return _whole_word(word).search(text) is not None


@lru_cache(maxsize=4096)
def _literal(words: str) -> re.Pattern[str]:
    return re.compile(re.escape(words), re.IGNORECASE)


@lru_cache(maxsize=4096)
def _whole_word(word: str) -> re.Pattern[str]:
    r"""The word between word boundaries.

    IFEval writes `\bword\b`; that never finds "C++", whose end is no word character, nor a Chinese word in a Chinese
    sentence, where all characters are word characters. So an edge needs a boundary only if it could have one.
    """
    before = r"(?<!\w)" if _spaced(word[0]) else ""
    after = r"(?!\w)" if _spaced(word[-1]) else ""
    return re.compile(before + re.escape(word) + after, re.IGNORECASE)


def _spaced(character: str) -> bool:
    """Is this a word character of a script that puts spaces between words?"""
    return re.match(r"\w", character) is not None and not ("\u0e00" <= character <= "\u0eff" or "\u3040" <= character <= "\u9fff" or character >= "\uf900")


# --- language and case ------------------------------------------------------------------------------------------------


@verifier("language:response_language")
def response_language(response: str, language: str) -> bool:
    """`zh` stands for either script; langdetect tells them apart, and IFEval has no Chinese."""
    found = language_of(response)
    return found == language or (language == "zh" and found in ("zh-cn", "zh-tw"))


@verifier("change_case:english_capital")
def english_capital(response: str) -> bool:
    return response.isupper() and language_of(response) == "en"


@verifier("change_case:english_lowercase")
def english_lowercase(response: str) -> bool:
    return response.islower() and language_of(response) == "en"


@verifier("change_case:capital_word_frequency")
def capital_word_frequency(response: str, capital_frequency: int, capital_relation: str) -> bool:
    return _compare(capital_words(response), capital_relation, capital_frequency)


# --- length -----------------------------------------------------------------------------------------------------------


@verifier("length_constraints:number_sentences")
def number_sentences(response: str, num_sentences: int, relation: str) -> bool:
    return _compare(count_sentences(response), relation, num_sentences)


@verifier("length_constraints:number_words")
def number_words(response: str, num_words: int, relation: str) -> bool:
    return _compare(count_words(response), relation, num_words)


@verifier("length_constraints:number_paragraphs")
def number_paragraphs(response: str, num_paragraphs: int) -> bool:
    """Paragraphs divided by ***; an empty one is allowed only at either end, where it is not counted."""
    return _divided(re.split(r"\s?\*\*\*\s?", response)) == num_paragraphs


@verifier("length_constraints:nth_paragraph_first_word")
def nth_paragraph_first_word(response: str, num_paragraphs: int, nth_paragraph: int, first_word: str) -> bool:
    """Paragraphs divided by an empty line. IFEval numbers them with the empty ones and counts them without."""
    paragraphs = response.split("\n\n")
    count = sum(bool(p.strip()) for p in paragraphs)
    if count != num_paragraphs:
        return False
    return _first_word(paragraphs[nth_paragraph - 1]) == first_word.lower()


def _first_word(paragraph: str) -> str | None:
    """The first word in lower case, without leading quotes, up to its first punctuation mark; None in an empty text."""
    words = paragraph.split(maxsplit=1)
    if not words:
        return None
    return re.split(r"[.,?!'\"]", words[0].lstrip("'").lstrip('"'), maxsplit=1)[0].lower()


def _divided(parts: list[str]) -> int | None:
    """Number of parts that are not blank; None when a blank one stands between others."""
    if not all(part.strip() for part in parts[1:-1]):
        return None
    return sum(bool(part.strip()) for part in parts)


# --- content ----------------------------------------------------------------------------------------------------------


@verifier("detectable_content:number_placeholders")
def number_placeholders(response: str, num_placeholders: int) -> bool:
    return sum(_bracketed(line) for line in response.split("\n")) >= num_placeholders


def _bracketed(line: str) -> int:
    """Number of [..] in a line; an opening bracket runs to the next closing one."""
    count, end = 0, 0
    while (start := line.find("[", end)) >= 0 and (end := line.find("]", start) + 1) > 0:
        count += 1
    return count


@verifier("detectable_content:postscript")
def postscript(response: str, postscript_marker: str) -> bool:
    marker = postscript_marker.strip().lower()
    spaced = {"p.p.s": r"p\.\s?p\.\s?s", "p.s.": r"p\.\s?s\."}
    return re.search(spaced.get(marker, re.escape(marker)), response.lower()) is not None


# --- format -----------------------------------------------------------------------------------------------------------


@verifier("detectable_format:number_bullet_lists")
def number_bullet_lists(response: str, num_bullets: int) -> bool:
    r"""Markdown bullets `*` and `-`. IFEval's `^\s*` may run over blank lines, in quadratic time; the count is the same."""
    stars = re.findall(r"^[^\S\n]*\*[^\*].*$", response, flags=re.MULTILINE)
    dashes = re.findall(r"^[^\S\n]*-", response, flags=re.MULTILINE)
    return len(stars) + len(dashes) == num_bullets


@verifier("detectable_format:constrained_response")
def constrained_response(response: str) -> bool:
    return any(answer in response for answer in ANSWERS)


@verifier("detectable_format:number_highlighted_sections")
def number_highlighted_sections(response: str, num_highlights: int) -> bool:
    """*One* star on either side or **two**; IFEval counts the latter under both patterns where both find it."""
    single = re.findall(r"\*[^\n\*]*\*", response)
    double = re.findall(r"\*\*[^\n\*]*\*\*", response)
    return sum(bool(found.strip("*").strip()) for found in single + double) >= num_highlights


@verifier("detectable_format:multiple_sections")
def multiple_sections(response: str, section_spliter: str, num_sections: int) -> bool:
    return len(re.findall(re.escape(section_spliter.strip()) + r"\s?\d+", response)) >= num_sections


@verifier("detectable_format:json_format")
def json_format(response: str) -> bool:
    text = response.strip()
    for fence in ("```json", "```Json", "```JSON", "```"):
        text = text.removeprefix(fence)
    try:
        json.loads(text.removesuffix("```").strip())
    except (ValueError, RecursionError):
        # Nested deeper than Python's parser goes: RFC 8259 lets a parser say no.
        return False
    return True


@verifier("detectable_format:title")
def title(response: str) -> bool:
    return any(_titled(line) for line in response.split("\n"))


def _titled(line: str) -> bool:
    """Is there something between the first << and the last >> of the line?"""
    start, end = line.find("<<"), line.rfind(">>")
    return start >= 0 and end > start + 2 and bool(line[start : end + 2].lstrip("<").rstrip(">").strip())


# --- combination, start and end, punctuation ----------------------------------------------------------------------------


@verifier("combination:two_responses")
def two_responses(response: str) -> bool:
    parts = response.split("******")
    filled = [part.strip() for part in parts if part.strip()]
    return _divided(parts) == 2 and all(a != b for a, b in pairwise(filled))


@verifier("combination:repeat_prompt")
def repeat_prompt(response: str, prompt_to_repeat: str) -> bool:
    return response.strip().lower().startswith(prompt_to_repeat.strip().lower())


@verifier("startend:end_checker")
def end_checker(response: str, end_phrase: str) -> bool:
    return response.strip().strip('"').lower().endswith(end_phrase.strip().lower())


@verifier("startend:quotation")
def quotation(response: str) -> bool:
    text = response.strip()
    return len(text) > 1 and text[0] == '"' and text[-1] == '"'


@verifier("punctuation:no_comma")
def no_comma(response: str) -> bool:
    return "," not in response
