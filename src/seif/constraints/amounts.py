"""Amounts in a constraint's text: "at least 5 sentences", "no more than twice"."""

from __future__ import annotations

import re
from collections.abc import Callable

from seif.constraints.numbers import NUMBER, Builder, Match, number
from seif.types import Kwargs, KwargValue

# IFEval knows "at least n" and "less than n". Each phrase is one of them, with what is added to n.
_RELATION_OF = {
    phrase: (relation, add)
    for relation, add, phrases in (
        ("at least", 0, "at least|a minimum of|minimum of|minimum|min"),
        ("at least", 1, "more than|over|above|greater than|longer than|exceed|exceeds|exceeding"),
        ("less than", 0, "less than|fewer than|under|below|shorter than"),
        ("less than", 1, "at most|at the most|up to|a maximum of|maximum of|maximum|max|within|a limit of"),
    )
    for phrase in phrases.split("|")
}
_OPPOSITE = {("at least", 1): ("less than", 1), ("less than", 0): ("at least", 0)}
_AFTER = {"more": ("at least", 0), "less": ("less than", 1)}

_NOT = (
    r"(?P<no>(?:do(?:es)? not|don't|doesn't|not|never|no|without)(?: (?:be|use|using|have|contain|include|write|"
    r"exceed in))?)"
)
_BEFORE = "(?P<before>" + "|".join(sorted(_RELATION_OF, key=len, reverse=True)) + ")"
_OR = (
    r"(?: or (?:more|over|above|greater|less|fewer|under)|,? (?:at (?:the )?)?(?:max(?:imum)?|min(?:imum)?|most|least))"
)


def amount(unit: str) -> str:
    """The expression of "at least 5 sentences", "5 sentences or more", "5+ sentences"; `bound` makes sense of it."""
    return rf"(?:{_NOT} )?(?:{_BEFORE} )?(?P<n>{NUMBER})(?P<plus>\+)?(?P<or1>{_OR})?{unit}(?P<or2>{_OR})?"


TIMES = (
    rf"(?:{_NOT} )?(?:{_BEFORE} )?(?:(?P<n>{NUMBER})(?P<plus>\+)?(?P<or1>{_OR})? times?|(?P<few>once|twice|"
    rf"thrice))(?P<or2>{_OR})?"
)


def bound(match: Match, limit: bool = False) -> tuple[int, str] | None:
    """(n, relation) of an amount; None when it says "exactly", contradicts itself, or gives no direction.

    `limit`: the sentence says "limit ... to", so that a bare number is an upper bound.
    """
    groups = match.groupdict()
    few = groups.get("few")
    count = {"once": 1, "twice": 2, "thrice": 3}[few.lower()] if few else number(match["n"])
    found = None
    if groups.get("before"):
        found = _RELATION_OF[match["before"].lower()]
        if groups.get("no") and (found := _OPPOSITE.get(found)) is None:
            return None
    elif groups.get("no"):
        return None
    after = (groups.get("or1") or "") + (groups.get("or2") or "")
    if after or groups.get("plus"):
        trailing = _AFTER[
            "more"
            if groups.get("plus") or re.search("more|over|above|greater|min|least", after, re.IGNORECASE)
            else "less"
        ]
        if found and found[0] != trailing[0]:
            return None
        found = found or trailing
    if found is None and limit:
        found = ("less than", 1)
    if found is None or (count == 0 and found[1] == 0):
        return None
    return count + found[1], found[0]


def bounded(count: str, relation: str, **more: Callable[[Match], KwargValue | None]) -> Builder:
    """A builder for an amount under IFEval's names; a group called `limit` turns a bare number into an upper bound."""

    def build(match: Match) -> Kwargs | None:
        found = bound(match, limit=bool(match.groupdict().get("limit")))
        read = {name: read(match) for name, read in more.items()}
        extra = {name: value for name, value in read.items() if value is not None}
        if found is None or len(extra) < len(more):
            return None
        return {**extra, count: found[0], relation: found[1]}

    return build


def at_most(count: str, relation: str, **more: Callable[[Match], KwargValue | None]) -> Builder:
    """A builder for an amount that is forbidden: "avoid using the word x more than twice" is at most twice."""
    read = bounded(count, relation, **more)

    def build(match: Match) -> Kwargs | None:
        found = read(match)
        if found is None or (match.groupdict().get("before") or "").lower() not in ("more than", "over", "exceeding"):
            return None
        return {**found, relation: "less than"}

    return build
