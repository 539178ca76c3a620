r"""Exact rule checks of responses: `verify` and `verify_loose` run the check of a constraint's type.

Ids, argument names and semantics of the built-in types are those of IFEval's official checkers (Zhou et al. 2023, arXiv
2311.07911). Unknown ids and wrong arguments are refused instead of passing silently.

Where we differ, on purpose: keywords, markers and section names are literal text, never regular expressions; a letter
that is no letter is counted, not replaced by a random one; a reply without any letter is in no language; short
English in capitals is English; words of scripts that are written without spaces are found inside running text. Every
check takes time linear in the response.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from seif.constraints.specification import TYPES
from seif.constraints.text import loosened
from seif.errors import UsageError
from seif.types import Kwargs


def verify(response: str, instruction_id: str, kwargs: Mapping[str, object]) -> bool:
    """Does `response` satisfy the constraint, strictly?

    `kwargs` may carry the nulls of IFEval's flat schema; they are dropped. Raises UsageError for an unknown id and for
    missing, unknown, ill-typed or contradictory arguments. An empty response satisfies nothing, as in IFEval.
    """
    check = _check(instruction_id, kwargs)
    return bool(response.strip()) and check(response)


def verify_loose(response: str, instruction_id: str, kwargs: Mapping[str, object]) -> bool:
    """Does any of the eight loosened variants of `response` satisfy the constraint? Raises as `verify` does."""
    check = _check(instruction_id, kwargs)
    return any(check(variant) for variant in loosened(response) if variant.strip())


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
