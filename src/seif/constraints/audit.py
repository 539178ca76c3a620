"""What can be said of a whole file of constraint sets before any model is asked: how many can be satisfied at all?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from seif.constraints.witness import CONTRADICTORY, OPEN, WITNESSED, Outcome, classify
from seif.errors import UsageError
from seif.types import Constraint

UNCHECKABLE, REFUSED = "uncheckable", "refused"
KINDS = (CONTRADICTORY, WITNESSED, OPEN, UNCHECKABLE, REFUSED)


@dataclass(frozen=True)
class Examined:
    """One set and what is known of it: one of `KINDS`.

    Of an uncheckable one nothing compiles; a refused one has arguments that no verifier takes.
    """

    constraints: tuple[Constraint, ...]
    outcome: Outcome
    refusal: str = ""

    @property
    def compiled(self) -> tuple[Constraint, ...]:
        """The constraints that a rule checks. A witness says nothing of the others, a contradiction is the set's."""
        return tuple(c for c in self.constraints if c.checkable)

    def record(self) -> dict[str, Any]:
        """The set as a row: texts, how many of them compile, outcome, and the reason or the response that shows it."""
        return {
            "constraint": [c.text for c in self.constraints],
            "compiled": len(self.compiled),
            "outcome": self.outcome.kind,
            "reason": self.outcome.reason or self.refusal or None,
            "witness": self.outcome.response,
        }


def examine(constraints: tuple[Constraint, ...]) -> Examined:
    """Reason about the compiled constraints of a set, and write a witness where nothing is wrong with it."""
    if not any(c.checkable for c in constraints):
        return Examined(constraints, Outcome(UNCHECKABLE))
    try:
        return Examined(constraints, classify(constraints))
    except UsageError as error:
        return Examined(constraints, Outcome(REFUSED), str(error))


def audit(sets: Sequence[Examined]) -> dict[str, Any]:
    """Counts over examined sets, one for each of `KINDS`, and their `shares` of all.

    `partly_compiled` counts sets with compiled and soft constraints. `reasons` counts contradictions by kind,
    `examples` has one sentence for each kind and the first refusal, `open_ids` counts the types in open sets.
    """
    kinds = Counter(s.outcome.kind for s in sets)
    conflicts = [s.outcome.conflict for s in sets if s.outcome.conflict]
    examples = {c.kind: c.sentence for c in reversed(conflicts)} | dict(
        [(REFUSED, s.refusal) for s in sets if s.refusal][:1]
    )
    return {
        "sets": len(sets),
        **{kind: kinds[kind] for kind in KINDS},
        "partly_compiled": sum(0 < len(s.compiled) < len(s.constraints) for s in sets),
        "constraints": sum(len(s.constraints) for s in sets),
        "compiled_constraints": sum(len(s.compiled) for s in sets),
        "shares": {kind: kinds[kind] / len(sets) if sets else 0.0 for kind in KINDS},
        "reasons": _counted(c.kind for c in conflicts),
        "examples": examples,
        "open_ids": _counted(c.instruction_id for s in sets if s.outcome.kind == OPEN for c in s.compiled),
    }


def _counted(names: Iterable[str]) -> dict[str, int]:
    return dict(Counter(names).most_common())
