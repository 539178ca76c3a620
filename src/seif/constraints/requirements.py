"""What a reply must have to satisfy a whole set of constraints, with their demands put together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from seif.constraints.demands import BULLETS, KEYWORD, LETTER, MANY, Demands, Measure, Text, demands
from seif.constraints.text import has_word
from seif.types import Constraint


@dataclass
class Requirements:
    """All demands of a set in one place."""

    case: str | None = None
    language: str | None = None
    start: str = ""
    end: str = ""
    json: bool = False
    quoted: bool = False
    halves: bool = False
    title: bool = False
    highlights: int = 0
    placeholders: int = 0
    firsts: dict[int, str] = field(default_factory=dict)
    texts: list[Text] = field(default_factory=list)
    forbidden: list[str] = field(default_factory=list)
    lows: dict[Measure, int] = field(default_factory=dict)
    highs: dict[Measure, float] = field(default_factory=dict)

    def low(self, kind: str, name: str = "") -> int:
        """The smallest count of a measure."""
        return self.lows.get((kind, name), 0)

    def high(self, kind: str, name: str = "") -> float:
        """The largest count of a measure."""
        return self.highs.get((kind, name), MANY)

    @property
    def size(self) -> int:
        """How many parts a reply has at least, each at most a word or so: what is written takes memory for them."""
        texts = sum(text.times * (1 + len(text.text) // 5) for text in self.texts)
        edges = (len(self.start) + len(self.end)) // 5
        paragraphs = max(self.firsts, default=0)
        return sum(self.lows.values()) + self.highlights + self.placeholders + paragraphs + texts + edges

    def allows(self, text: str) -> bool:
        """May `text` be added freely? It must not have what is forbidden or limited."""
        limited = [name for (kind, name), high in self.highs.items() if kind in (LETTER, KEYWORD)]
        if any(name.lower() in text.lower() for name in limited):
            return False
        return not any(has_word(word, text) for word in self.forbidden)

    def pick(self, marks: str) -> str:
        """The first of these signs that may be used."""
        return next((mark for mark in marks if self.allows(mark)), marks[0])

    def add(self, demand: Demands) -> None:
        """Take the demands of one more constraint in."""
        self.case, self.language = demand.case or self.case, demand.language or self.language
        self.start, self.end = max(self.start, demand.start or "", key=len), max(self.end, demand.end or "", key=len)
        self.json |= demand.json
        self.quoted |= demand.quoted
        self.halves |= demand.halves
        self.title |= demand.title
        self.highlights = max(self.highlights, demand.highlights)
        self.placeholders = max(self.placeholders, demand.placeholders)
        self.firsts |= dict([demand.nth] if demand.nth else [])
        self.texts += demand.texts
        self.forbidden += demand.forbidden
        for measure, (low, high) in demand.bounds.items():
            self.lows[measure] = max(low, self.lows.get(measure, 0))
            if high != MANY:
                self.highs[measure] = min(high, self.highs.get(measure, MANY))


def requirements_of(compiled: Iterable[Constraint]) -> Requirements | None:
    """The demands together; None where a line would have to be both JSON and a bullet.

    Of a choice, the first that has no forbidden word is taken. Raises UsageError for arguments no verifier takes.
    """
    choices = [demands(constraint) for constraint in compiled]
    forbidden = {word for choice in choices for demand in choice for word in demand.forbidden}
    wanted = Requirements()
    for choice in choices:
        allowed = [d for d in choice if not any(has_word(word, text.text) for text in d.texts for word in forbidden)]
        wanted.add((allowed or choice)[0])
    return None if wanted.json and wanted.low(BULLETS) else wanted
