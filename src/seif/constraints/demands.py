"""What a compiled constraint demands of a response, in terms that can be compared across instruction ids.

Everything here follows from the verifiers and from the readings that `conflicts` lists.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from seif.constraints.text import ABBREVIATIONS
from seif.constraints.verifiers import ANSWERS, AT_LEAST, PROMPT, check_kwargs, has_word
from seif.types import Constraint

WORDS, SENTENCES, BULLETS, CAPITALS = "words", "sentences", "bullets", "capital words"
STARRED, BLANK_LINED = "paragraphs divided by ***", "paragraphs divided by empty lines"
LETTER, KEYWORD = "letter", "keyword"
LOWER, CAPITAL = "lower", "capital"

Measure = tuple[str, str]
"""A kind of count and, for LETTER and KEYWORD, of what."""
Range = tuple[int, float]
"""The smallest and the largest count allowed, both included."""
MANY = float("inf")

_RUN = re.compile(r"\w+")
_BREAK = re.compile(r"(?:^|\s)([A-Za-z]{2,})[.!?](?=\s+[A-Za-z]{2})")


@dataclass(frozen=True)
class Text:
    """A text that must occur, standing by itself, at least `times` times."""

    text: str
    times: int = 1
    exact_case: bool = False
    numbered: bool = False
    """A section marker: a number of its own follows each."""

    @property
    def runs(self) -> list[str]:
        r"""Its words as IFEval counts them (runs of `\w`), in lower case."""
        return _RUN.findall(_fold(self.text))

    def standing(self, reply: str) -> int:
        """How often it stands in the reply by itself."""
        before, after = (r"(?<!\w)", r"(?!\w)") if self.words() else ("", "")
        before, after = before if _RUN.match(self.text[0]) else "", after if _RUN.match(self.text[-1]) else ""
        number = r"\s?\d+(?!\w)" if self.numbered else ""
        return len(re.findall(before + re.escape(self.text) + after + number, reply, 0 if self.exact_case else re.IGNORECASE))

    def stands_in(self, reply: str) -> bool:
        """Does the reply have it as often as it must?"""
        return self.standing(reply) >= self.times

    def words(self) -> Counter[str]:
        """How often each word must at least occur in the response; any word that begins with a digit is counted as "#".

        A word at the edge of the text counts only if its script sets it off from its neighbours (猫 may stand in 猫狗).
        """
        counts: Counter[str] = Counter()
        for run in self.runs:
            if run.isascii() or not (has_word(run, "a" + run) or has_word(run, run + "a")):
                counts["#" if run[0].isdigit() else run] += self.times
        if self.numbered:
            counts["#"] = max(counts["#"], self.times)
        return counts

    def least_words(self) -> int:
        """Words that any reply with this text has at least."""
        return max(sum(self.words().values()), len(self.runs))

    def letters(self, letter: str) -> int:
        """How often the letter occurs in all required copies."""
        return self.times * self.text.lower().count(letter)

    def capital_tokens(self) -> int:
        """Tokens with a letter when all is in capitals: white space always ends a token, hyphens can join all else."""
        chunks = sum(re.search("[A-Za-z]", chunk) is not None for chunk in self.text.split())
        return self.times * chunks if self.numbered else self.times * (chunks - 1) + 1 if chunks else 0

    def sentences(self) -> int:
        """Sentences that any reply with this text has at least: only stops after plain words count, for they are certain."""
        return 1 + sum(match[1].lower() not in ABBREVIATIONS for match in _BREAK.finditer(self.text))

    def paragraphs(self) -> int:
        """Parts between empty lines."""
        return sum(bool(part.strip()) for part in self.text.strip().split("\n\n"))


@dataclass(frozen=True)
class Demands:
    """All that one constraint asks for; what it does not speak of is left at its default."""

    source: Constraint
    case: str | None = None
    language: str | None = None
    bounds: Mapping[Measure, Range] = field(default_factory=dict)
    texts: tuple[Text, ...] = ()
    forbidden: tuple[str, ...] = ()
    start: str | None = None
    end: str | None = None
    quoted: bool = False
    json: bool = False
    halves: bool = False
    """Two responses divided by ******."""
    nth: tuple[int, str] | None = None
    """The number of a paragraph and its first word in lower case."""


def _fold(text: str) -> str:
    """Lower case, with one form of the Greek sigma, whose lower case depends on its place."""
    return text.lower().replace("ς", "σ")


def same_start(longer: str, shorter: str) -> bool:
    """Can a text start with both, in any case?"""
    return _fold(longer).startswith(_fold(shorter)) or _fold(shorter).startswith(_fold(longer))


def same_end(one: str, other: str) -> bool:
    """Can a text end with both, in any case?"""
    return _fold(one).endswith(_fold(other)) or _fold(other).endswith(_fold(one))


def demands(constraint: Constraint) -> list[Demands]:
    """What the constraint demands; more than one entry where it offers a choice. UsageError for arguments no verifier takes."""
    given = check_kwargs(constraint.instruction_id, constraint.kwargs)
    return [Demands(constraint, **fields) for fields in _fields(constraint.instruction_id, given)]


def _fields(instruction_id: str, given: dict[str, Any]) -> list[dict[str, Any]]:
    match instruction_id:
        case "keywords:existence":
            return [{"texts": tuple(Text(word) for word in given["keywords"])}]
        case "keywords:frequency":
            return [_frequency(given["keyword"].strip(), *_range(given["relation"], given["frequency"]))]
        case "keywords:forbidden_words":
            marks = {(LETTER, word): (0, 0) for word in given["forbidden_words"] if len(word) == 1 and not _RUN.match(word)}
            return [{"forbidden": tuple(given["forbidden_words"]), "bounds": marks}]
        case "keywords:letter_frequency":
            return [{"bounds": {(LETTER, given["letter"].strip().lower()): _range(given["let_relation"], given["let_frequency"])}}]
        case "punctuation:no_comma":
            return [{"bounds": {(LETTER, ","): (0, 0)}}]
        case "language:response_language":
            return [{"language": given["language"]}]
        case "change_case:english_lowercase":
            return [{"case": LOWER, "language": "en"}]
        case "change_case:english_capital":
            return [{"case": CAPITAL, "language": "en"}]
        case "change_case:capital_word_frequency":
            return [{"bounds": {(CAPITALS, ""): _range(given["capital_relation"], given["capital_frequency"])}}]
        case "length_constraints:number_sentences":
            return [{"bounds": {(SENTENCES, ""): _range(given["relation"], given["num_sentences"])}}]
        case "length_constraints:number_words":
            return [{"bounds": {(WORDS, ""): _range(given["relation"], given["num_words"])}}]
        case "length_constraints:number_paragraphs":
            count = given["num_paragraphs"]
            return [{"bounds": {(STARRED, ""): (count, count), (LETTER, "*"): (3 * (count - 1), MANY)}}]
        case "length_constraints:nth_paragraph_first_word":
            count, word = given["num_paragraphs"], given["first_word"].lower()
            return [{"bounds": {(BLANK_LINED, ""): (count, count)}, "texts": (Text(word),), "nth": (given["nth_paragraph"], word)}]
        case "detectable_content:number_placeholders":
            count = given["num_placeholders"]
            return [{"bounds": {(LETTER, "["): (count, MANY), (LETTER, "]"): (count, MANY)}}]
        case "detectable_content:postscript":
            return [{"texts": (Text(form),)} for form in _postscripts(given["postscript_marker"].strip().lower())]
        case "detectable_format:number_bullet_lists":
            return [{"bounds": {(BULLETS, ""): (given["num_bullets"], given["num_bullets"])}}]
        case "detectable_format:constrained_response":
            return [{"texts": (Text(answer, exact_case=True),)} for answer in ANSWERS]
        case "detectable_format:number_highlighted_sections":
            return [{"bounds": {(LETTER, "*"): (2, MANY)}}]
        case "detectable_format:multiple_sections":
            return [{"texts": (Text(given["section_spliter"].strip(), given["num_sections"], exact_case=True, numbered=True),)}]
        case "detectable_format:json_format":
            return [{"json": True}]
        case "detectable_format:title":
            return [{"bounds": {(LETTER, "<"): (2, MANY), (LETTER, ">"): (2, MANY)}}]
        case "combination:two_responses":
            return [{"halves": True, "bounds": {(LETTER, "*"): (6, MANY)}}]
        case "combination:repeat_prompt":
            prompt = given[PROMPT].strip()
            return [{"texts": (Text(prompt),), "start": prompt}]
        case "startend:end_checker":
            phrase = given["end_phrase"].strip()
            return [{"texts": (Text(phrase),), "end": phrase}]
        case "startend:quotation":
            return [{"quoted": True, "bounds": {(LETTER, '"'): (2, MANY)}}]
    # A type of the user's own: nothing is known of it but its check.
    return [{}]


def _range(relation: str, count: int) -> Range:
    return (count, MANY) if relation == AT_LEAST else (0, count - 1)


def _frequency(keyword: str, low: int, high: float) -> dict[str, Any]:
    if high == MANY:
        return {"texts": (Text(keyword, low),) if low else ()}
    bounds: dict[Measure, Range] = {(KEYWORD, keyword): (0, high)}
    if len(keyword) == 1:
        bounds[LETTER, keyword.lower()] = (0, high)
    return {"bounds": bounds}


def _postscripts(marker: str) -> list[str]:
    """The forms the verifier takes; the rarest white space stands for all, because the fewest other texts match it."""
    gaps = {"p.s.": 1, "p.p.s": 2}.get(marker, 0)
    parts = marker.split(".", gaps) if gaps else [marker]
    forms = [parts[0]]
    for part in parts[1:]:
        forms = [f"{form}.{gap}{part}" for form in forms for gap in ("", "\v")]
    return forms
