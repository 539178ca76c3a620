"""Numbers with what they count, for people."""

from __future__ import annotations


def quantity(count: int, noun: str) -> str:
    """1 turn, 2 turns, 5,119 seeds: `noun` is the singular of a word whose plural adds an s."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
