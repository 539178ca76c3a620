"""What a compiled constraint demands of a response, in terms that can be compared across types.

A type's `demands` follow from its check and from the readings that `conflicts` lists.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from seif.constraints.parameters import AT_LEAST
from seif.constraints.specification import TYPES, plugin_of
from seif.constraints.text import ABBREVIATIONS, has_word
from seif.constraints.verifiers import check_kwargs
from seif.types import Constraint
from seif.user_code import called

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
        return len(
            re.findall(before + re.escape(self.text) + after + number, reply, 0 if self.exact_case else re.IGNORECASE)
        )

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
        """Sentences that any reply with this text has at least: only stops after plain words are certain to count."""
        return 1 + sum(match[1].lower() not in ABBREVIATIONS for match in _BREAK.finditer(self.text))

    def paragraphs(self) -> int:
        """Parts between empty lines."""
        return sum(bool(part.strip()) for part in self.text.strip().split("\n\n"))


_UNNAMED = Constraint("")


@dataclass(frozen=True)
class Demands:
    """All that one constraint asks for; what it does not speak of is left at its default."""

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
    title: bool = False
    """A title in << >>."""
    highlights: int = 0
    """Passages between asterisks, at least."""
    placeholders: int = 0
    """Placeholders in square brackets, at least."""
    source: Constraint = _UNNAMED
    """The constraint itself; `demands` fills it in."""


def _fold(text: str) -> str:
    """Lower case, with one form of the Greek sigma, whose lower case depends on its place."""
    return text.lower().replace("ς", "σ")


def same_start(longer: str, shorter: str) -> bool:
    """Can a text start with both, in any case?"""
    return _fold(longer).startswith(_fold(shorter)) or _fold(shorter).startswith(_fold(longer))


def same_end(one: str, other: str) -> bool:
    """Can a text end with both, in any case?"""
    return _fold(one).endswith(_fold(other)) or _fold(other).endswith(_fold(one))


def range_of(relation: str, count: int) -> Range:
    """The counts that are "at least", or "less than", so many."""
    return (count, MANY) if relation == AT_LEAST else (0, count - 1)


def demands(constraint: Constraint) -> list[Demands]:
    """What the constraint demands; more than one entry where it offers a choice.

    Raises UsageError for an unknown id and for arguments no verifier takes.
    """
    given = check_kwargs(constraint.instruction_id, constraint.kwargs)
    kind = TYPES.get(constraint.instruction_id)
    with called(f"the `demands` of {kind.id}", plugin_of(kind.id)):
        stated = kind.demands(**given) if kind.demands else []
        # Of a type without demands nothing is known but its check.
        return [replace(demand, source=constraint) for demand in stated or [Demands()]]
