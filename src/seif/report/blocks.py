"""What sections are made of: text, tables, figures, and custom HTML; and how numbers of the turns become rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from markupsafe import Markup

from seif.evaluation.results import Evaluation
from seif.report.data import Turn
from seif.report.text import percent_error, type_name


@dataclass(frozen=True)
class Cell:
    """One cell of a table. `shade` from 0 to 1 tints it; `watch` marks a number that needs attention."""

    text: str
    shade: float | None = None
    picture: Markup | None = None
    watch: bool = False


@dataclass(frozen=True)
class Row:
    """A table's row: what it is about, a second word about that in small type, and the cells. No cells: a heading."""

    name: str
    about: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Text:
    """A paragraph. `note`: smaller, for what is missing or qualifies the rest."""

    kind: ClassVar = "text"
    text: str
    note: bool = False


@dataclass(frozen=True)
class Table:
    """A table with a head; the first column names the rows. `pictures`: the second one is drawn, but not on phones."""

    kind: ClassVar = "table"
    head: tuple[str, ...]
    rows: tuple[Row, ...]
    pictures: bool = False
    caption: str = ""


@dataclass(frozen=True)
class Figure:
    """Panels side by side, smaller ones under them, and the same numbers as a table without a caption."""

    kind: ClassVar = "figure"
    panels: tuple[Markup, ...]
    """SVG, as `seif.report.charts` draws it."""
    small: tuple[Markup, ...] = ()
    table: Table | None = None
    caption: str = ""


@dataclass(frozen=True)
class Columns:
    """Blocks side by side where the page is wide enough."""

    kind: ClassVar = "columns"
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Fragment:
    """Custom HTML as a Jinja template; it escapes the `values` that it fills in."""

    kind: ClassVar = "fragment"
    template: str
    values: Mapping[str, object]


Block = Text | Table | Figure | Columns | Fragment


def across(turns: Sequence[Turn], read: Callable[[Evaluation], float | None]) -> list[float | None]:
    """One number of the evaluations, turn by turn; None where it was not measured."""
    return [None if t.evaluation is None else read(t.evaluation) for t in turns]


def shares(values: Sequence[float | None], errors: Sequence[float | None] | None = None) -> tuple[Cell, ...]:
    """Cells with shares in percent, with their standard errors where they are given."""
    return tuple(Cell(percent_error(v, e)) for v, e in zip(values, errors or [None] * len(values), strict=True))


def head(turn: Turn) -> str:
    """A turn as a column's head."""
    return f"turn {turn.number}" if turn.number else "base"


def heads(turns: Sequence[Turn]) -> tuple[str, ...]:
    """Heads of one column per turn."""
    return tuple(map(head, turns))


def constraints(count: str) -> str:
    """1 constraint, 2 constraints."""
    return f"{count} constraint{'' if count == '1' else 's'}"


def named(kind: str, cells: tuple[Cell, ...]) -> Row:
    """A row about a constraint type."""
    return Row(*type_name(kind), cells)
