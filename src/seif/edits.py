"""Edits of an instruction by what the Follower's rollouts of it showed: harder where it was followed, easier where a
constraint never was."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from seif.constraints.compiler import compile_text
from seif.constraints.conflicts import find_conflict
from seif.constraints.taxonomy import type_of
from seif.self_supervised.contrasts import stricter
from seif.stage_log import Outcome
from seif.types import Constraint

_FOLLOWED = 0.8
"""A mean p above this makes an instruction harder."""
_NEVER_FOLLOWED = 0.1
"""A constraint with a p below this is dropped."""

_Constraints = tuple[Constraint, ...]


def edited(outcome: Outcome, fresh: Sequence[Constraint], rng: random.Random) -> _Constraints:
    """The constraints of the instruction, edited; `fresh` are newly written ones for the same seed question.

    Constraints with p < .1 are dropped as long as one remains. Else, where the mean p is above .8, a fresh constraint
    of a type that the instruction lacks is appended, or a number is made stricter; `rng` says which is tried first.
    Else, and where neither is possible, it stays as it is. A constraint of which nothing was judged has no p.
    """
    constraints = tuple(map(compile_text, outcome.constraints))
    p = [s / n if n else None for s, n in zip(outcome.satisfied, outcome.judged, strict=True)]
    known = [value for value in p if value is not None]
    if not known:
        return constraints
    if min(known) < _NEVER_FOLLOWED:
        return _without(constraints, p)
    if sum(known) / len(known) <= _FOLLOWED:
        return constraints
    ways: list[Callable[[_Constraints, Sequence[Constraint]], _Constraints | None]] = [_appended, _tightened]
    rng.shuffle(ways)
    return next(filter(None, (way(constraints, fresh) for way in ways)), constraints)


def _without(constraints: _Constraints, p: Sequence[float | None]) -> _Constraints:
    """Less what is never followed; where that is everything, the constraint with the highest p remains."""
    kept = tuple(c for c, value in zip(constraints, p, strict=True) if value is None or value >= _NEVER_FOLLOWED)
    return kept or (max(zip(constraints, p, strict=True), key=lambda pair: pair[1] or 0.0)[0],)


def _appended(constraints: _Constraints, fresh: Sequence[Constraint]) -> _Constraints | None:
    types = set(map(type_of, constraints))
    found = ((*constraints, c) for c in fresh if type_of(c) not in types)
    return next((longer for longer in found if not find_conflict(longer)), None)


def _tightened(constraints: _Constraints, fresh: Sequence[Constraint]) -> _Constraints | None:
    """With the first number that can be stricter made so."""
    for place, constraint in enumerate(constraints):
        text = stricter(constraint.text) if constraint.checkable else None
        if text is None:
            continue
        harder = compile_text(text)
        if harder.instruction_id != constraint.instruction_id or harder.kwargs == constraint.kwargs:
            continue
        changed = (*constraints[:place], harder, *constraints[place + 1 :])
        if not find_conflict(changed):
            return changed
    return None
