"""What a command is about to write, checked before it computes anything."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from seif.atomic import destination, is_special
from seif.errors import UsageError

Input = str | Path | None
"""A file that a command reads; None where it reads none."""


def check_file(out: Path, inputs: Iterable[Input] = (), *, option: str = "--out") -> None:
    """Raises UsageError, naming the option, where no file can be written to `out`, or it is one of `inputs`."""
    target = destination(out)
    if target.is_dir():
        raise UsageError(f"{out} is a directory; give a file as {option}")
    if is_special(target):
        return
    _check_directory(out, target, option)
    if target.exists() and not _may(target, os.W_OK):
        raise UsageError(f"{out} is write-protected; choose another {option}")
    check_apart([out], inputs, option=option)


def check_new(
    out: Path,
    inputs: Iterable[Input] = (),
    *,
    option: str = "--out",
    beside: Iterable[Path] = (),
    stream: bool = False,
    unfinished: bool = False,
) -> None:
    """Raises UsageError where `out`, a file or directory, is there already or can't be made, and where that or one of
    the files `beside` it that are written too is one of `inputs`. With `stream`, it may be a device or a pipe. It
    may be there with `unfinished` work beside it: a kill at the very end leaves that, and the same command removes it.
    """
    target = destination(out)
    if stream and is_special(target):
        return
    if target.exists() and not unfinished:
        raise UsageError(f"{out} exists already; remove it or choose another {option}")
    _check_directory(out, target, option)
    check_apart([out, *beside], inputs, option=option)


def check_apart(outputs: Iterable[Path], inputs: Iterable[Input], *, option: str = "--out") -> None:
    """Raises UsageError for an output that is one of the command's inputs too, by whatever name or link."""
    read = {os.path.realpath(file) for file in inputs if file is not None}
    for out in outputs:
        if os.path.realpath(out) in read:
            raise UsageError(f"{out} is a file that this command reads or writes already; choose another {option}")


def _check_directory(out: Path, target: Path, option: str) -> None:
    folder = target.parent
    if not folder.is_dir():
        raise UsageError(f"{out} can't be written: no directory at {folder}; make it, or choose another {option}")
    if not _may(folder, os.W_OK | os.X_OK):
        raise UsageError(f"{out} can't be written: {folder} is write-protected; choose another {option}")


def _may(path: Path, mode: int) -> bool:
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)
