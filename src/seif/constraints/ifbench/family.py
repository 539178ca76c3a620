"""How the types of the family are registered, and the ways to cut a reply that several of them share."""

from __future__ import annotations

import string
from collections.abc import Callable

from seif.constraints.specification import ConstraintType, register

BENCHMARK = "IFBench"
PUNCTUATION = string.punctuation
"""The ASCII punctuation marks; no other mark counts as punctuation in IFBench."""
_NO_PUNCTUATION = str.maketrans("", "", PUNCTUATION)

Check = Callable[..., bool]


def ifbench(
    instruction_id: str, definition: str, example: str, problem: Callable[..., str | None] | None = None
) -> Callable[[Check], Check]:
    """Decorator that registers a check as a type of IFBench, which only the verifiers know."""

    def add(check: Check) -> Check:
        register(
            ConstraintType(
                id=instruction_id,
                category=BENCHMARK,
                definition=definition,
                example=example,
                check=check,
                problem=problem,
                asked=False,
                benchmark=BENCHMARK,
            )
        )
        return check

    return add


def unpunctuated(text: str) -> str:
    """The text without punctuation marks, those inside words included: "don't" becomes "dont"."""
    return text.translate(_NO_PUNCTUATION)


def plain_words(text: str) -> list[str]:
    """The words in lower case without punctuation."""
    return unpunctuated(text.lower()).split()


def trimmed(text: str) -> str:
    """The text without punctuation marks and spaces at either end."""
    return text.strip(PUNCTUATION + " ")
