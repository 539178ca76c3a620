"""Numbers with what they count, and times, for people."""

from __future__ import annotations


def quantity(count: int, noun: str, plural: str = "") -> str:
    """1 turn, 2 turns, 5,119 seeds: `noun` is the singular; `plural` is given where that does not only add an s."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def clock(seconds: float) -> str:
    """m:ss, or h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
