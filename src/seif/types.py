"""The shared types of the project: constraints, instructions and verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

SOFT = "soft"
"""The instruction id of a constraint that no rule checks (the released data's word)."""
KwargValue = int | float | bool | str | list[str]
Kwargs = Mapping[str, KwargValue]
"""What a rule check takes beside the response, by parameter name: `{"num_words": 50, "relation": "at least"}`."""
Json = dict[str, object]
"""A JSON object as it was read from a file or goes into one: its keys are the file's, and its values unchecked."""


class Verdict(Enum):
    """What a Judger says of one (response, constraint) pair.

    UNJUDGED is a value of its own: a verdict that failed, timed out or could not be parsed. It is never counted as
    violated, because an Instructor that is rewarded for violations would then be rewarded for a broken Judger.
    """

    SATISFIED = 1
    VIOLATED = 0
    UNJUDGED = -1

    @classmethod
    def of(cls, satisfied: bool) -> Verdict:
        return cls.SATISFIED if satisfied else cls.VIOLATED


@dataclass(frozen=True)
class Constraint:
    """One atomic requirement. With an `instruction_id` other than `soft`, a rule can check it exactly."""

    text: str
    instruction_id: str = SOFT
    kwargs: Kwargs = field(default_factory=dict)

    @property
    def checkable(self) -> bool:
        return self.instruction_id != SOFT


@dataclass(frozen=True)
class Instruction:
    """A seed question plus its constraints; `prompt` is what the Follower reads."""

    seed: str
    constraints: tuple[Constraint, ...]

    @property
    def prompt(self) -> str:
        """The seed, then one constraint per line (the paper's composition)."""
        return "\n".join([self.seed, *(constraint.text for constraint in self.constraints)])


def adherence(verdicts: list[Verdict] | tuple[Verdict, ...]) -> float | None:
    """A(x, y): satisfied / judged. None when nothing was judged, so that it counts in no reward."""
    judged = [verdict for verdict in verdicts if verdict is not Verdict.UNJUDGED]
    if not judged:
        return None
    return sum(verdict is Verdict.SATISFIED for verdict in judged) / len(judged)
