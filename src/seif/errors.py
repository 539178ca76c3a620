"""The whole error model.

A user's mistake is a `UsageError`: one line that ends with the fix, exit code 2. Something that broke while running
is a `RunError`: one line with the cause, exit code 3, and the run directory can be resumed. A bad rollout is neither:
it is data (an unjudged verdict, a zero for bad format) and never an exception.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class SeifError(Exception):
    """Base of every error that seif raises on purpose; its text is one line for a person."""

    exit_code = 3


class UsageError(SeifError):
    """Something the user can fix: the text says how."""

    exit_code = 2


class DamagedFile(UsageError):
    """A file that seif wrote is not as it was written: cut off, overwritten, or of another type."""


class RunError(SeifError):
    """Something broke while running; the same command resumes once the cause is gone."""

    exit_code = 3


class Unverifiable(UsageError):
    """A response that no verifier reads: it is past a limit on its size, and unjudged."""


class BrokenPart(UsageError):
    """A function that a user registered failed, which says nothing about what it was called with."""


def cause_of(error: BaseException) -> str:
    """What was raised, in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}".rstrip(": ")


@contextmanager
def named(part: str) -> Iterator[None]:
    """Around a call of a registered part, which may be a user's own: `part` is what messages call it.

    Raises RunError naming it for whatever it raises, SystemExit included; errors that seif raises on purpose pass.
    """
    try:
        yield
    except SeifError:
        raise
    except (Exception, SystemExit) as error:
        # A user's code may raise anything; the message has to show that the fault is not in seif.
        raise RunError(f"{part} failed: {cause_of(error)}; SEIF_TRACEBACK=1 shows where") from error
