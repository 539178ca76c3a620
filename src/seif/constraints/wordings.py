"""How a type's constraints are put in words: regular expressions that must consume a whole sentence."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from seif.constraints import chinese, english
from seif.constraints.numbers import Builder, Match
from seif.errors import UsageError
from seif.types import Kwargs


@dataclass(frozen=True, eq=False)
class Language:
    """A language that constraints are written in."""

    frame: re.Pattern[str]
    """What may stand before a demand without changing it ("Please make sure that your response ..."); taken off."""
    tail: str
    """What may follow a demand without changing it ("in your response")."""
    stops: str
    """The characters that may close the sentence."""


ENGLISH = Language(english.FRAME, english.IN_REPLY, " .!;")
CHINESE = Language(chinese.FRAME, "", " .!;。！；")


def nothing(match: Match) -> Kwargs:
    """The kwargs of a rule that has none."""
    return {}


def expression(pattern: str, follow: str = "") -> re.Pattern[str]:
    """A pattern and what may follow it, ignoring case. Raises UsageError for what is no regular expression."""
    try:
        return re.compile(rf"(?:{pattern}){follow}", re.IGNORECASE)
    except re.error as error:
        raise UsageError(f"{pattern!r} is no regular expression: {error}") from error


@dataclass(frozen=True)
class Wording:
    """The sentences that state one rule."""

    patterns: tuple[str, ...]
    """Tried in order, each against the whole demand without its frame, ignoring case."""
    kwargs: Builder = nothing
    fragments: tuple[str, ...] = ("",)
    """Lower-case fragments, one of which every such sentence contains: a cheap test before the expressions."""
    echoes: str = ""
    """What may follow without adding a requirement: an example of the form, the same rule said the other way round."""
    language: Language = ENGLISH
    first: bool = False
    """Tried before the wordings of all other types, because it says more than one of them does."""

    def __post_init__(self) -> None:
        if isinstance(self.patterns, str) or isinstance(self.fragments, str):
            raise UsageError("the patterns and fragments of a Wording are tuples of texts, also where there is one")

    @cached_property
    def expressions(self) -> tuple[re.Pattern[str], ...]:
        """The patterns, each with what may follow it: the reply's name, an echo, the final stop. Raises UsageError."""
        after = "|".join(filter(None, [self.language.tail, self.echoes]))
        follow = rf"(?:[ ,.;:(—-]{{0,4}}(?:{after})\)?){{0,4}}" if after else ""
        return tuple(expression(pattern, rf"{follow}[{self.language.stops}]*") for pattern in self.patterns)
