"""Who hears what a public function does while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from rich.console import Console


def _say_nothing(line: str) -> None:
    pass


@dataclass(frozen=True)
class Listener:
    """Callbacks for what happens; by default nothing is reported."""

    # The representation stands in the signatures that `help` shows.
    info: Callable[[str], None] = field(default=_say_nothing, repr=False)
    """Is called with each choice that was made for the user, in one line."""
    note: Callable[[str], None] = field(default=_say_nothing, repr=False)
    """Is called with each notice, in one line."""
    progress: Callable[[str], None] = field(default=_say_nothing, repr=False)
    """Is called with the progress of a long evaluation, in one line."""
    console: Console = field(default_factory=lambda: Console(quiet=True), repr=False)
    """Shows progress."""


SILENT = Listener()
