"""What a command is at: a live bar on a terminal, and elsewhere a line on standard error once it takes seconds.

    with doing("loading the model"):
        ...
    with doing("answers", total=120) as work:
        work.advance()

Any part of seif may say so; only where a command is `showing` it, anybody sees it. As a module of Python, nothing is
shown.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from seif.quantities import clock

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bar

FIRST = 3.0
"""Seconds of silence after which a line is due where there is no terminal; each further one comes twice as late."""
LONGEST = 60.0
"""Seconds between two lines, at most."""
LIVE = 0.5
"""Seconds after which a terminal gets a bar."""
_TICK = 0.25


class Activity:
    """Something that takes time. `total` may be a function that is only called once it is shown."""

    def __init__(self, what: str, total: int | Callable[[], int | None] | None = None) -> None:
        self.what, self._total = what, total
        self.done = self.first = 0
        self.began = time.monotonic()

    def advance(self, count: int = 1) -> None:
        """So many more items are done."""
        self.done += count

    def start_at(self, done: int) -> None:
        """So many items were done before, which says nothing about how fast the others go."""
        self.done = self.first = done

    @property
    def total(self) -> int | None:
        """How many items there are, where that is known."""
        if callable(self._total):
            self._total = self._total()
        return self._total

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self.began

    def line(self) -> str:
        """What it is, how far it is, and what is left."""
        if not self.done and self._total is None:
            return self.what
        if self.total is None:
            return f"{self.what} {self.done:,}"
        new, left = self.done - self.first, self.total - self.done
        more = f", left {clock(self.seconds / new * left)}" if new > 0 and left > 0 else ""
        return f"{self.what} {self.done:,}/{self.total:,}{more}"


class Stage(Protocol):
    """A display of its own, which shows what is under way within it."""

    title: str

    def show(self, activity: Activity | None) -> None:
        """On a terminal; is called a few times a second."""

    def say(self, line: str) -> None:
        """One line, where there is no terminal."""


class Display:
    """Shows the innermost of what is under way."""

    def __init__(self, title: str, console: Console) -> None:
        self.title, self.console = title, console
        self.stage: Stage | None = None
        self.under_way: list[Activity] = []
        self.lock = threading.RLock()
        self._bar: Bar | None = None
        self._began = self._last = time.monotonic()
        self._wait = FIRST
        self._over = threading.Event()
        threading.Thread(target=self._tick, daemon=True, name="seif-display").start()

    def close(self) -> None:
        """Nothing is shown any more."""
        self._over.set()
        with self.lock:
            self._stop_bar()

    def begin_stage(self, stage: Stage | None) -> None:
        """A stage shows what is under way from now on, or (None) none does."""
        with self.lock:
            self._stop_bar()
            self.stage = stage
            self.spoken()

    def spoken(self) -> None:
        """Something was printed, so that nobody waits for a line yet."""
        self._last, self._wait = time.monotonic(), FIRST

    def _tick(self) -> None:
        while not self._over.wait(_TICK):
            with self.lock:
                if self._over.is_set():
                    return
                try:
                    if self.console.is_terminal:
                        self._show()
                    else:
                        self._say()
                except OSError:
                    # Whoever read it is gone; the main thread comes to know when it prints something.
                    return

    def _show(self) -> None:
        now = self.under_way[-1] if self.under_way else None
        if self.stage is not None:
            self.stage.show(now)
            return
        if time.monotonic() - self._began < LIVE:
            return
        if self._bar is None:
            self._bar = _bar(self.console)
            self._bar.add_task(self.title, total=None)
            self._bar.start()
        what = f"{self.title}  {now.line()}" if now else self.title
        total, done = (now.total, now.done) if now else (None, 0)
        self._bar.update(self._bar.task_ids[0], description=what, total=total, completed=done)

    def _say(self) -> None:
        if self.stage is None and not self.under_way:
            return
        began = self.under_way[-1].began if self.under_way else self._last
        waited = time.monotonic() - max(self._last, began)
        if waited < self._wait:
            return
        title = self.stage.title if self.stage else self.title
        what = f"{title}: {self.under_way[-1].line()}" if self.under_way else f"{title}: under way"
        line = f"{what} [{clock(time.monotonic() - self._began)}]"
        if self.stage is not None:
            self.stage.say(line)
        else:
            self.console.print(line, highlight=False, markup=False)
        self._last, self._wait = time.monotonic(), min(2 * self._wait, LONGEST)

    def _stop_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


_shown: list[Display] = []


@contextmanager
def doing(what: str, total: int | Callable[[], int | None] | None = None) -> Iterator[Activity]:
    """Around something that may take long. Blocks may end in another order than they began in, as generators do."""
    activity = Activity(what, total)
    display = _shown[-1] if _shown else None
    if display is not None:
        display.under_way.append(activity)
    try:
        yield activity
    finally:
        if display is not None and activity in display.under_way:
            display.under_way.remove(activity)


@contextmanager
def showing(title: str, console: Console) -> Iterator[Display]:
    """What is under way is shown until the block ends, under the title of the command."""
    display = Display(title, console)
    _shown.append(display)
    try:
        yield display
    finally:
        _shown.remove(display)
        display.close()


def current() -> Display | None:
    """What shows it now, if anything does."""
    return _shown[-1] if _shown else None


def _bar(console: Console) -> Bar:
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    # Where only standard error is a terminal, what is printed must not be drawn into the other stream.
    together = sys.stdout.isatty()
    columns = (TextColumn("{task.description}", markup=False), BarColumn(24), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True, redirect_stdout=together)
