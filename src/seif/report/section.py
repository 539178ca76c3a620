"""The sections of the report by name: each turns a run's numbers into blocks.

    @section("lengths", "Length of the answers")
    def lengths(run: RunNumbers) -> list[Block]: ...

A user's section comes in by `plugins` in the config.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from seif.registry import Registry
from seif.report.blocks import Block
from seif.report.data import RunNumbers

Build = Callable[[RunNumbers], Sequence[Block]]


@dataclass(frozen=True)
class Section:
    """A part of the page under a heading of its own."""

    name: str
    """Its anchor."""
    title: str
    link: str
    """What the list of sections calls it."""
    order: float
    """Sections stand in ascending order; those of seif are at 10 (accuracy), 20, ... 90 (seeds), 100 (settings)."""
    build: Build
    """Its blocks; a section without any is left out."""


SECTIONS: Registry[Section] = Registry("report section")


def section(name: str, title: str, order: float = 85, link: str = "") -> Callable[[Build], Build]:
    """Register a function as a section. Raises UsageError for a name that is taken."""

    def register(build: Build) -> Build:
        SECTIONS.add(name, Section(name, title, link or title, order, build))
        return build

    return register


def in_order() -> list[Section]:
    """All sections as they stand on the page."""
    return sorted(SECTIONS.values(), key=lambda found: found.order)
