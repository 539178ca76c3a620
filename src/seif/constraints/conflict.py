"""What a conflict is: constraints that can't hold together, and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from seif.constraints.demands import Demands, Text
from seif.types import Constraint

Choice = tuple[Demands, ...]
"""One way to read a set: of every constraint its demands, of those with a choice one of them."""


@dataclass(frozen=True)
class Conflict:
    """Constraints that can't hold together, and why. `kind` groups conflicts of one sort in counts."""

    kind: str
    sources: tuple[Constraint, ...]
    reason: str

    @property
    def sentence(self) -> str:
        """One sentence for a person: all the texts it takes, and the reason."""
        texts = [f'"{source.text}"' for source in self.sources]
        if len(texts) == 1:
            return f"{texts[0]} can never be met: {self.reason}."
        return f"{', '.join(texts[:-1])} and {texts[-1]} exclude each other: {self.reason}."


def conflict_between(choice: Choice, kind: str, involved: Iterable[Demands], reason: str) -> Conflict:
    """The conflict of these demands, named in the order of the set."""
    names = {id(demand) for demand in involved}
    return Conflict(kind, tuple(demand.source for demand in choice if id(demand) in names), reason)


def required_texts(choice: Choice) -> list[tuple[Demands, Text]]:
    """Every text that must occur, and by whose demands."""
    return [(demand, text) for demand in choice for text in demand.texts]


def shown(text: Text) -> str:
    """A required text for a person, with how often it must occur."""
    words = text.text if len(text.text) <= 60 else text.text[:57] + "..."
    times = f" {text.times} times" if text.times > 1 else ""
    return f'"{words}"{times}'
