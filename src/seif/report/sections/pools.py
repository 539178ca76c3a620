"""What the instructions of each turn are made of."""

from __future__ import annotations

from collections.abc import Callable

from seif.analysis.pools import Change, PoolShape
from seif.report.blocks import Block, Cell, Row, Table, Text, named
from seif.report.charts import dumbbell
from seif.report.data import RunNumbers
from seif.report.section import section
from seif.report.text import percent, plain, points, type_name

TURNS_SHOWN = 6
"""Turns whose changes are shown, the last ones."""
_HOW = Text(
    "All numbers are of the instructions as written, before any is answered. Surprise counts how unusual a "
    "constraint’s type and values would be in turn 0. `seif analyze` writes them as files and figures, and can map the "
    "instructions by their embeddings and let the base answer each turn’s."
)


@section("pools", "How the instructions change", order=55, link="Instructions")
def pools(run: RunNumbers) -> list[Block]:
    """The pool of each turn in numbers, and the types that grew and shrank most."""
    found = run.pools
    if not found:
        return []
    rows = [
        _row("instructions", "in the pool", found, lambda pool: f"{pool.instructions:,}"),
        _row("type entropy", "bits; more is more varied", found, lambda pool: plain(pool.type_entropy)),
        _row("words", "of an instruction’s constraints", found, lambda pool: plain(pool.mean_words, 1)),
        _row("lexical diversity", "distinct words per word", found, lambda pool: plain(pool.lexical_diversity, 3)),
        _row("surprise", "bits per constraint", found, lambda pool: plain(pool.rarity)),
    ]
    heads = ("", *("base" if pool.turn == 0 else f"turn {pool.turn}" for pool in found))
    blocks: list[Block] = [_HOW, Table(heads, tuple(rows), caption="The pool of each turn.")]
    for pool in found[-TURNS_SHOWN:]:
        changed = [*pool.grown, *reversed(pool.shrunk)]
        if changed:
            most = max(share for change in changed for share in (change.before, change.after))
            caption = f"Turn {pool.turn} against the turn before: the types that grew and shrank most."
            head = ("type", "○ before  ● after", "before", "after", "points")
            blocks.append(
                Table(head, tuple(_changed(change, most) for change in changed), pictures=True, caption=caption)
            )
    return blocks


def _row(name: str, about: str, found: tuple[PoolShape, ...], write: Callable[[PoolShape], str]) -> Row:
    return Row(name, about, tuple(Cell(write(pool)) for pool in found))


def _changed(change: Change, most: float) -> Row:
    said = f"{type_name(change.type)[0]}: {percent(change.before)} to {percent(change.after)}"
    picture = dumbbell(change.before, change.after, said, most)
    cells = (Cell(percent(change.before)), Cell(percent(change.after)), Cell(points(change.after - change.before)))
    return named(change.type, (Cell("", picture=picture), *cells))
