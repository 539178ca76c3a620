r"""Exact rule checks of responses: `verify` and `verify_loose` run the check of a constraint's type.

Ids, argument names and semantics of the built-in types are those of IFEval's official checkers (Zhou et al. 2023, arXiv
2311.07911), and those of the types in `ifbench` IFBench's. Unknown ids and wrong arguments are refused instead of
passing silently.

Where we differ from IFEval, on purpose: keywords, markers and section names are literal text, never regular
expressions; a letter that is no letter is counted, not replaced by a random one; a reply without any letter is in no
language; short English in capitals is English; words of scripts that are written without spaces are found inside
running text.

Every check takes time linear in the response, and a response past `MOST_CHARACTERS` is unverifiable: no clock decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from seif.constraints.specification import TYPES, plugin_of
from seif.constraints.text import loosened
from seif.errors import BrokenPart, Unverifiable, UsageError
from seif.types import Constraint, Kwargs, Verdict
from seif.user_code import called

MOST_CHARACTERS = 2_000_000
"""Of a response that is checked."""
TOO_LONG = "too long to verify"
"""Why a rule leaves a response unjudged."""
_NUMPY = ("bool", "bool_")
"""What NumPy has called its own truth values."""


def verify(response: str, instruction_id: str, kwargs: Mapping[str, object]) -> bool:
    """Does `response` satisfy the constraint, strictly?

    `kwargs` may carry the nulls of IFEval's flat schema; they are dropped. Raises UsageError for an unknown id and for
    missing, unknown, ill-typed or contradictory arguments, and for a check of the user's own that fails; Unverifiable
    for a response past the limits. An empty response satisfies nothing, as in IFEval.
    """
    check = _check(instruction_id, kwargs)
    return bool(response.strip()) and _holds(check, instruction_id, response)


def verify_loose(response: str, instruction_id: str, kwargs: Mapping[str, object]) -> bool:
    """Does any of the eight loosened variants of `response` satisfy the constraint? Raises as `verify` does."""
    check = _check(instruction_id, kwargs)
    return any(_holds(check, instruction_id, variant) for variant in loosened(response) if variant.strip())


def verdict_of(response: str, constraint: Constraint) -> Verdict:
    """The rule's verdict; UNJUDGED where the response is past the limits. Raises as `verify` does else."""
    try:
        return Verdict.of(verify(response, constraint.instruction_id, constraint.kwargs))
    except Unverifiable:
        return Verdict.UNJUDGED


def check_kwargs(instruction_id: str, kwargs: Mapping[str, object]) -> Kwargs:
    """The arguments as the check takes them: nulls dropped, 3.0 made 3. Raises UsageError saying what is wrong."""
    return dict(_check(instruction_id, kwargs).keywords)


def _check(instruction_id: str, kwargs: Mapping[str, object]) -> partial[bool]:
    """The check of a type with its arguments. Raises UsageError for an unknown id and for wrong arguments."""
    kind = TYPES.get(instruction_id) if instruction_id in TYPES else None
    if kind is None or kind.check is None:
        known = ", ".join(sorted(kind.id for kind in TYPES.values() if kind.hard))
        raise UsageError(f"no verifier for instruction id {instruction_id!r}; known: {known}")
    return partial(kind.check, **kind.arguments(kwargs))


def _holds(check: partial[bool], instruction_id: str, response: str) -> bool:
    if len(response) > MOST_CHARACTERS:
        raise Unverifiable(
            f"a response of {len(response):,} characters is not checked; {MOST_CHARACTERS:,} is the most"
        )
    plugin = plugin_of(instruction_id)
    with called(f"the check of {instruction_id}", plugin):
        found = check(response)
    if not isinstance(found, bool) and type(found).__name__ not in _NUMPY:
        where = f" ({plugin})" if plugin else ""
        raise BrokenPart(
            f"the check of {instruction_id}{where} returned {found!r:.60}, which is not True or False; return bool(...)"
        )
    return bool(found)
