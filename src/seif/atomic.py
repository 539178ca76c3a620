"""Files that are whole or not there: atomic writes, locks, and logs that a kill can't garble."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import filelock

from seif.errors import UsageError


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary neighbour, flush it to disk, then rename it: readers see all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    write(partial)
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(path)


def replace_text(path: Path, text: str) -> None:
    """Write text so that readers see all of it or nothing, without waiting for the disk: for what only lives as long
    as its writer."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def write_text(path: Path, text: str) -> None:
    """Write text atomically, as UTF-8; a lone surrogate from a model becomes a question mark."""
    write_atomically(path, lambda partial: partial.write_bytes(text.encode("utf-8", errors="replace")))


def write_json(path: Path, value: object) -> None:
    """Write JSON atomically."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Read JSON that `write_json` wrote."""
    return json.loads(path.read_text(encoding="utf-8"))


@contextmanager
def new_directory(path: Path) -> Iterator[Path]:
    """Yields a temporary directory that takes the name `path` when the block ends without an error."""
    partial = path.with_name(f"{path.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    yield partial
    for file in partial.rglob("*"):
        if file.is_file():
            with file.open("rb") as opened:
                os.fsync(opened.fileno())
    partial.replace(path)


@contextmanager
def hold(path: Path, refusal: str) -> Iterator[None]:
    """Hold the lock file `path`; it goes with the process, even after kill -9.

    Raises UsageError when another process has it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(path)
    try:
        # Whoever only looks whether it is held (`seif status`) has it for a moment.
        lock.acquire(timeout=1)
    except filelock.Timeout:
        raise UsageError(refusal) from None
    try:
        yield
    finally:
        lock.release()


class JsonLines:
    """An append-only .jsonl file that can be wound back to a step, so that a resumed stage writes no line twice."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, record: Mapping[str, object]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = (json.dumps(record, ensure_ascii=False) + "\n").encode("utf-8", errors="replace")
        with self.path.open("a+b") as file:
            self._drop_torn_line(file)
            file.write(line)

    def _drop_torn_line(self, file: IO[bytes]) -> None:
        """A kill or a full disk can leave half a line at the end; the next record must not be appended to it."""
        size = file.seek(0, os.SEEK_END)
        if size == 0:
            return
        file.seek(size - 1)
        if file.read(1) != b"\n":
            file.truncate(self.path.read_bytes().rfind(b"\n") + 1)

    def read(self) -> list[dict[str, Any]]:
        """All whole lines; a last line cut off by a kill is left out."""
        if not self.path.exists():
            return []
        lines = self.path.read_text(encoding="utf-8", errors="replace").split("\n")
        return [json.loads(line) for line in lines[:-1] if line.strip()]

    def keep(self, wanted: Callable[[dict[str, Any]], bool]) -> None:
        """Rewrite the file with the wanted lines alone."""
        if self.path.exists():
            text = "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in self.read() if wanted(r))
            write_text(self.path, text)
