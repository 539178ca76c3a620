"""The parameters of a check are the kwargs of its constraints: which values they may have.

A parameter is annotated with int, float, bool, str or list[str]; `Annotated` adds rules that a value must also keep,
such as those of the annotations below.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin

from seif.constraints.text import languages, opening_word
from seif.errors import UsageError
from seif.types import KwargValue

Rule = Callable[[Any], str | None]
"""What is wrong with a value, as the predicate of a sentence ("can't be -1"); None where nothing is."""

AT_LEAST, LESS_THAN = "at least", "less than"
KINDS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    list[str]: "a list of words",
}
"""Every kind of value with its name in messages."""


MOST = 10**12
"""The largest number, in absolute value."""
MOST_WORDS, MOST_CHARACTERS = 1000, 100_000
"""Texts of a list, and characters of its texts together or of one text: each is looked for in a whole response."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a check after the response."""

    name: str
    kind: Any
    """One of `KINDS`."""
    rules: tuple[Rule, ...] = ()

    def convert(self, value: object) -> KwargValue:
        """The value as the check takes it: 3.0 as 3, a tuple as a list. Raises UsageError for another kind of value."""
        converted = _CONVERT[self.kind](value)
        if converted is None:
            raise UsageError(f"{self.name} must be {KINDS[self.kind]}, got {_shown(value)}")
        if isinstance(converted, int | float) and abs(converted) > MOST:
            raise UsageError(f"{self.name} is beyond {MOST:,}; no response is as long")
        texts = converted if isinstance(converted, list) else [converted] if isinstance(converted, str) else []
        if len(texts) > MOST_WORDS or sum(map(len, texts)) > MOST_CHARACTERS:
            raise UsageError(
                f"{self.name} has {len(texts):,} texts with {sum(map(len, texts)):,} characters; "
                f"{MOST_WORDS:,} with {MOST_CHARACTERS:,} are the most"
            )
        return converted

    def problem(self, value: Any) -> str | None:
        """What is wrong with a converted value, or None."""
        problem = next(filter(None, (rule(value) for rule in self.rules)), None)
        return problem and f"{self.name} {problem}"


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        # An integer with more digits than Python writes; a value nested too deep.
        return type(value).__name__
    return text if len(text) <= 80 else f"{text[:77]}..."


def parameters_of(check: Callable[..., bool]) -> dict[str, Parameter]:
    """The parameters of a check by name, without the first, which is the response.

    Raises UsageError for one that is not annotated with one of `KINDS`.
    """
    try:
        signature = inspect.signature(check, eval_str=True)
    except NameError as error:
        raise UsageError(f"the annotations of {check!r} can't be read: {error}") from error
    return {p.name: _parameter(p) for p in list(signature.parameters.values())[1:]}


def _parameter(parameter: inspect.Parameter) -> Parameter:
    annotated = get_origin(parameter.annotation) is Annotated
    kind, *rules = get_args(parameter.annotation) if annotated else (parameter.annotation,)
    if kind not in KINDS:
        raise UsageError(f"the parameter {parameter.name} must be annotated with int, float, bool, str or list[str]")
    return Parameter(parameter.name, kind, tuple(filter(callable, rules)))


def _integer(value: Any) -> int | None:
    """Parquet turns the integers of a nullable column into floats: 3.0 is 3, but 3.5 is a mistake."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _real(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _words(value: Any) -> list[str] | None:
    words = list(value) if isinstance(value, list | tuple) else []
    return words if words and all(isinstance(word, str) and word.strip() for word in words) else None


_CONVERT: dict[Any, Callable[[Any], KwargValue | None]] = {
    int: _integer,
    float: _real,
    bool: lambda value: value if isinstance(value, bool) else None,
    str: lambda value: value if isinstance(value, str) else None,
    list[str]: _words,
}


# --- annotations with rules -------------------------------------------------------------------------------------------


def _at_least(low: int) -> Rule:
    return lambda value: f"can't be {value}" if value < low else None


def _one_of_relations(value: str) -> str | None:
    return None if value in (AT_LEAST, LESS_THAN) else f"must be {AT_LEAST!r} or {LESS_THAN!r}, got {value!r}"


def _not_blank(value: str) -> str | None:
    return None if value.strip() else "is empty"


def _one_character(value: str) -> str | None:
    return None if len(value.strip()) == 1 else f"must be one character, got {value!r}"


def _one_word(value: str) -> str | None:
    whole = opening_word(value) == value.lower()
    return None if whole else f"must be one word without punctuation, got {value!r}"


def _known_language(value: str) -> str | None:
    if value in languages() | {"zh"}:
        return None
    return f"must be one of {', '.join(sorted(languages()))} or zh, got {value!r}"


Count = Annotated[int, _at_least(0)]
Positive = Annotated[int, _at_least(1)]
Relation = Annotated[str, _one_of_relations]
"""IFEval's two relations, `AT_LEAST` and `LESS_THAN`."""
Filled = Annotated[str, _not_blank]
Letter = Annotated[str, _one_character]
FirstWord = Annotated[str, _not_blank, _one_word]
LanguageCode = Annotated[str, _known_language]
"""ISO 639-1, the codes of langdetect; `zh` is Chinese in either script."""


def compare(count: int, relation: str, threshold: int) -> bool:
    """Is the count at least, or less than, the threshold?"""
    return count >= threshold if relation == AT_LEAST else count < threshold


def less_than_none(count: str, relation: str) -> Callable[..., str | None]:
    """The `problem` of a type with an amount, whose parameters have these names: nothing is less than 0."""
    return lambda **given: "less than 0 can't be" if (given[relation], given[count]) == (LESS_THAN, 0) else None
