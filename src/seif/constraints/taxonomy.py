"""The types of constraint for people and prompts: by category, and the type of any text."""

from __future__ import annotations

import re

from seif.constraints.compiler import compile_text
from seif.constraints.specification import TYPES, ConstraintType
from seif.types import Constraint

OTHER = "soft:other"
"""The type of a text that no registered type fits."""


@TYPES.cached()
def by_category(hard: bool) -> dict[str, list[ConstraintType]]:
    """The types that the Instructor's prompts name, by category, in the order in which they are registered."""
    groups: dict[str, list[ConstraintType]] = {}
    for kind in TYPES.values():
        if kind.hard == hard and kind.asked:
            groups.setdefault(kind.category, []).append(kind)
    return groups


@TYPES.cached(maxsize=65536)
def classify(text: str) -> str:
    """The id of the type a constraint's text belongs to.

    Certain for what the compiler understands. For anything else a guess: the first soft type one of whose cues is
    found; `soft:other` when nothing speaks for any.
    """
    constraint = compile_text(text)
    if constraint.checkable:
        return constraint.instruction_id
    cued = (kind for kind in TYPES.values() if kind.cues and re.search(kind.cues, text[:2000], re.IGNORECASE))
    return next((kind.id for kind in cued), OTHER)


def type_of(constraint: Constraint) -> str:
    """The type under which a constraint is counted: its id, or the guess from its text where no rule knows it."""
    return constraint.instruction_id if constraint.checkable else classify(constraint.text)
