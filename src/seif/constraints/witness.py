"""Is a set of constraints satisfiable? A reply that satisfies it proves it: this module tries to write one.

The reply is built from parts, wrapped, measured, and padded up to the lower limits. Each style packs the parts more
tightly than the one before. It need not read well; what counts is that every verifier accepts it, and that it keeps to
the readings that `conflicts` lists.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from seif.constraints.conflict import Conflict
from seif.constraints.conflicts import MOST_CONSTRAINTS, MOST_WORDS, explain
from seif.constraints.demands import CAPITALS, demands
from seif.constraints.replies import STYLES, cores, padded
from seif.constraints.requirements import requirements_of
from seif.constraints.verifiers import check_kwargs, verify
from seif.types import Constraint

CONTRADICTORY, WITNESSED, OPEN = "contradictory", "witnessed", "open"
CORES = 10
"""Fillers tried per style."""
LARGEST = 10_000
"""Words, sentences, letters, bullets and the like, all together, of a reply that is written: larger sets stay open."""


@dataclass(frozen=True)
class Outcome:
    """What is known of a set's compiled constraints: contradictory (why), witnessed (by which reply), or open."""

    kind: str
    conflict: Conflict | None = None
    response: str | None = None

    @property
    def reason(self) -> str | None:
        """Why no reply can satisfy the set, in one sentence."""
        return self.conflict.sentence if self.conflict else None


def classify(constraints: Iterable[Constraint]) -> Outcome:
    """Contradictory, witnessed or open; soft constraints are left out. UsageError for arguments no verifier takes."""
    compiled = tuple(constraint for constraint in constraints if constraint.checkable)
    for constraint in compiled:
        check_kwargs(constraint.instruction_id, constraint.kwargs)
    conflict = explain(compiled)
    if conflict:
        return Outcome(CONTRADICTORY, conflict)
    response = write_witness(compiled)
    return Outcome(OPEN) if response is None else Outcome(WITNESSED, response=response)


def write_witness(constraints: Iterable[Constraint]) -> str | None:
    """A reply that satisfies every compiled constraint, or None when none was found. UsageError as `verify`."""
    compiled = [constraint for constraint in constraints if constraint.checkable]
    if len(compiled) > MOST_CONSTRAINTS:
        return None
    compiled.sort(key=_detects_language)
    wanted = requirements_of(compiled)
    if wanted is None or wanted.size > LARGEST or len(wanted.texts) + len(wanted.forbidden) > MOST_WORDS:
        return None
    for style in STYLES:
        if style.shout and not wanted.low(CAPITALS):
            continue
        misses = 0
        for core in islice(cores(wanted, style), CORES):
            reply = padded(wanted, style, core)
            failed = next((c for c in compiled if not verify(reply, c.instruction_id, c.kwargs)), None)
            if failed is None and all(text.stands_in(reply) for text in wanted.texts):
                return reply
            # Another filler may correct a wrong language; two other misses can hardly be corrected.
            misses += failed is None or not _detects_language(failed)
            if misses == 2:
                break
    return None


def _detects_language(constraint: Constraint) -> bool:
    """Does its check detect a language? That takes time, so those come last."""
    return any(demand.language for demand in demands(constraint))
