"""Calls of what a user wrote: whatever it raises is one line that names the place, and what it prints is no result."""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

from seif.errors import BrokenPart, SeifError, cause_of

_aside = threading.RLock()


@contextmanager
def called(part: str, file: str | None) -> Iterator[None]:
    """Around a call of a function in the plugin `file` (None: no plugin's) that messages call `part`.

    Raises BrokenPart naming both and the line for whatever it raises, SystemExit included; errors that seif raises on
    purpose pass.
    """
    try:
        if file is None:
            yield
        else:
            with printing_aside():
                yield
    except (SeifError, MemoryError):
        raise
    except (Exception, SystemExit) as error:
        fix = f"; correct {file}" if file else ""
        raise BrokenPart(f"{part} failed{at_line(error, file, ' at ')}: {cause_of(error)}{fix}") from error


@contextmanager
def printing_aside() -> Iterator[None]:
    """What is printed inside goes to standard error: standard output may be JSON that another program reads."""
    with _aside, redirect_stdout(sys.stderr):
        yield


def at_line(error: BaseException, file: str | None, before: str = "") -> str:
    """The file and its last line that an error went through, after `before`; empty where it went through none."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f"{before}{file}, line {lines[-1]}" if lines else ""
