"""Standard streams that take whatever is printed."""

from __future__ import annotations

import io
import os
import sys


def open_streams() -> None:
    """Let standard streams that were closed lead nowhere, or the next file to be opened would get their numbers; what
    the encoding of standard output lacks becomes a question mark."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            # The lowest number that is free, so that of the stream.
            nothing = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(nothing, "w" if number else "r", encoding="utf-8"))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
