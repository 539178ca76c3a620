"""What can be said of a whole file of constraint sets before any model is asked: how many can be satisfied at all?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from seif.constraints.witness import CONTRADICTORY, OPEN, WITNESSED, Outcome, classify
from seif.errors import BrokenPart, UsageError
from seif.types import Constraint, Json

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

    def record(self) -> Json:
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
    except BrokenPart:
        raise
    except UsageError as error:
        return Examined(constraints, Outcome(REFUSED), str(error))


@dataclass(frozen=True)
class Audit:
    """Counts over examined sets."""

    sets: int
    outcomes: Mapping[str, int]
    """Sets by outcome, one entry for each of `KINDS`."""
    partly_compiled: int
    """Sets with compiled and soft constraints."""
    constraints: int
    compiled_constraints: int
    reasons: Mapping[str, int]
    """Contradictions by kind, the commonest first."""
    examples: Mapping[str, str]
    """One sentence for each kind of contradiction, and the first refusal."""
    open_ids: Mapping[str, int]
    """Constraints in open sets by instruction id, the commonest first."""

    @property
    def shares(self) -> dict[str, float]:
        """Each outcome's share of the sets; 0 where there are none."""
        return {kind: count / max(1, self.sets) for kind, count in self.outcomes.items()}

    def to_json(self) -> Json:
        """The counts and shares in plain JSON values, the outcomes beside the other counts."""
        return {
            "sets": self.sets,
            **self.outcomes,
            "partly_compiled": self.partly_compiled,
            "constraints": self.constraints,
            "compiled_constraints": self.compiled_constraints,
            "shares": self.shares,
            "reasons": dict(self.reasons),
            "examples": dict(self.examples),
            "open_ids": dict(self.open_ids),
        }


def audit(sets: Sequence[Examined]) -> Audit:
    """Count the outcomes of examined sets, and why they are what they are."""
    kinds = Counter(s.outcome.kind for s in sets)
    conflicts = [s.outcome.conflict for s in sets if s.outcome.conflict]
    examples = {c.kind: c.sentence for c in reversed(conflicts)} | dict(
        [(REFUSED, s.refusal) for s in sets if s.refusal][:1]
    )
    return Audit(
        sets=len(sets),
        outcomes={kind: kinds[kind] for kind in KINDS},
        partly_compiled=sum(0 < len(s.compiled) < len(s.constraints) for s in sets),
        constraints=sum(len(s.constraints) for s in sets),
        compiled_constraints=sum(len(s.compiled) for s in sets),
        reasons=_counted(c.kind for c in conflicts),
        examples=examples,
        open_ids=_counted(c.instruction_id for s in sets if s.outcome.kind == OPEN for c in s.compiled),
    )


def _counted(names: Iterable[str]) -> dict[str, int]:
    return dict(Counter(names).most_common())
