"""Files that are whole or not there: atomic writes, locks, and logs that a kill can't garble."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import filelock

from seif.errors import DamagedFile, UsageError

_STREAM = re.compile(r"/(?:dev|proc/self)/fd/(\d+)")
"""Names of this process's open files, which are links but must not be followed: the shell writes to them too."""
_STANDARD = {"/dev/stdout": "/dev/fd/1", "/dev/stderr": "/dev/fd/2"}
_LINKS = 40
"""More links than that, one after the other, are a loop, as for the system."""
_UNREADABLE = (IsADirectoryError, NotADirectoryError, PermissionError)


def destination(path: Path) -> Path:
    """Where a file of that name is written: what its symbolic links lead to, which need not be there.

    Raises UsageError for a loop of links.
    """
    found = path
    for _ in range(_LINKS):
        found = Path(_STANDARD.get(str(found), found))
        if _STREAM.fullmatch(str(found)) or not found.is_symlink():
            return found
        found = found.parent / found.readlink()
    raise UsageError(f"{path} is a loop of symbolic links; remove it or choose another file")


def is_special(target: Path) -> bool:
    """Whether it is a device, a named pipe or an open file of this process, which can only be written to."""
    if _STREAM.fullmatch(str(target)):
        return True
    return target.exists() and not target.is_file() and not target.is_dir()


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary neighbour, flush it to disk, then rename it: readers see all of it or nothing.

    A link stays, and what it leads to is replaced; a file keeps its permissions. What is no regular file is written to
    once everything is there. Raises UsageError for a loop of links.
    """
    target = destination(path)
    if is_special(target):
        _write_through(target, write)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = _partial(target)
    try:
        write(partial)
        if target.exists():
            shutil.copymode(target, partial)
        _sync(partial)
        partial.replace(target)
    except BaseException:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
    _sync(target.parent)


def _write_through(target: Path, write: Callable[[Path], object]) -> None:
    with tempfile.TemporaryDirectory(prefix="seif-") as folder:
        whole = Path(folder) / "whole"
        write(whole)
        with whole.open("rb") as source, _opened(target) as out:
            shutil.copyfileobj(source, out)


def _opened(target: Path) -> IO[bytes]:
    """A device or pipe for writing. Of an open file its own place is kept, which a second opening would not have."""
    if stream := _STREAM.fullmatch(str(target)):
        sys.stdout.flush()
        return os.fdopen(os.dup(int(stream[1])), "wb")
    return target.open("wb")


def _partial(target: Path) -> Path:
    """The temporary neighbour, of which nothing is left from before."""
    partial = target.with_name(f"{target.name}.partial")
    remove(partial)
    return partial


def remove(path: Path) -> None:
    """Remove a file, a link or a directory with all that is in it; nothing where there is none."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Wait until a file, or the names in a directory, are on disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


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
    """Read JSON that `write_json` wrote. Raises DamagedFile naming the line for anything else, OSError where there is
    no file."""
    try:
        return json.loads(path.read_bytes().decode())
    except json.JSONDecodeError as error:
        raise damaged(path, error.msg, error.lineno) from error
    except (ValueError, RecursionError, *_UNREADABLE) as error:
        raise damaged(path, _reason(error)) from error


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON object. Raises as `read_json` does, also for other JSON."""
    found = read_json(path)
    if not isinstance(found, dict):
        raise damaged(path, "it holds no JSON object")
    return found


def damaged(path: Path, why: str, line: int | None = None) -> DamagedFile:
    """The error for a file of seif's own that is not as it was written."""
    return DamagedFile(f"{path}{f' line {line}' if line else ''} is damaged: {why}; restore or remove it")


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"it can't be read ({error.strerror})"
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos + 1}"
    return "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else " ".join(str(error).split())[:200]


def set_aside(path: Path) -> Path:
    """Rename a damaged file or directory to the first free `NAME.damaged-1`, `NAME.damaged-2`, ..., and return that."""
    number = 1
    while (kept := path.with_name(f"{path.name}.damaged-{number}")).exists() or kept.is_symlink():
        number += 1
    return path.rename(kept)


@contextmanager
def new_directory(path: Path) -> Iterator[Path]:
    """Yields a temporary directory that takes the name `path` when the block ends without an error.

    Its files get the permissions that new files have here, whatever a library gave them. Raises UsageError for a loop
    of links.
    """
    target = destination(path)
    partial = _partial(target)
    partial.mkdir(parents=True)
    try:
        yield partial
        mode = partial.stat().st_mode & 0o666
        for file in partial.rglob("*"):
            if file.is_file() and not file.is_symlink():
                file.chmod(mode)
            if not file.is_symlink():
                _sync(file)
        partial.replace(target)
    except BaseException:
        with suppress(OSError):
            remove(partial)
        raise
    _sync(target.parent)


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
    """An append-only .jsonl file that can be wound back to a step, so that a resumed stage writes no line twice.

    A last line that a kill or a full disk has cut off counts for nothing. Any other line that is no JSON object, or
    that `check` raises KeyError, TypeError or ValueError for, is damaged.
    """

    def __init__(self, path: Path, check: Callable[[dict[str, Any]], object] = dict) -> None:
        self.path, self.check = path, check

    def append(self, *records: Mapping[str, object]) -> None:
        """Add one line per record; they are on disk when this returns."""
        if not records:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        with self.path.open("a+b") as file:
            self._drop_torn_line(file)
            file.write(lines.encode("utf-8", errors="replace"))
            file.flush()
            os.fsync(file.fileno())

    def _drop_torn_line(self, file: IO[bytes]) -> None:
        """A kill or a full disk can leave half a line at the end; the next record must not be appended to it."""
        size = file.seek(0, os.SEEK_END)
        if size == 0:
            return
        file.seek(size - 1)
        if file.read(1) != b"\n":
            file.truncate(self.path.read_bytes().rfind(b"\n") + 1)

    def read(self) -> list[dict[str, Any]]:
        """All whole lines. Raises DamagedFile naming the first that is damaged."""
        for number, _, found in self._lines():
            if isinstance(found, str):
                raise damaged(self.path, found, number)
        return self.whole()

    def whole(self) -> list[dict[str, Any]]:
        """All whole lines but the damaged ones, for people; none of a file that can't be read. `damage` says which."""
        try:
            return [found for _, _, found in self._lines() if not isinstance(found, str)]
        except DamagedFile:
            return []

    def damage(self) -> str | None:
        """What is wrong with the file, in one line; None: nothing."""
        try:
            wrong = [(number, found) for number, _, found in self._lines() if isinstance(found, str)]
        except DamagedFile as error:
            return str(error)
        if not wrong:
            return None
        more = f", and {len(wrong) - 1} more lines" if len(wrong) > 1 else ""
        return f"{self.path} line {wrong[0][0]} is damaged: {wrong[0][1]}{more}"

    def set_aside_damage(self) -> str | None:
        """Move damaged lines to a `NAME.damaged-1` beside the file, or all of it where it can't be read, and return
        what was done in one line; None: nothing was damaged. A cut off last line is dropped."""
        if self.path.is_file():
            with self.path.open("r+b") as file:
                self._drop_torn_line(file)
        what = self.damage()
        if what is None:
            return None
        kept = set_aside(self.path)
        if kept.is_file():
            lines = list(JsonLines(kept, self.check)._lines())
            _write_lines(self.path, (line for _, line, found in lines if not isinstance(found, str)))
            _write_lines(kept, (line for _, line, found in lines if isinstance(found, str)))
        return f"{what.removesuffix('; restore or remove it')}; set aside as {kept.name}"

    def keep(self, wanted: Callable[[dict[str, Any]], bool]) -> None:
        """Remove all but the wanted lines. Raises DamagedFile as `read` does."""
        found = self.read()
        kept = [record for record in found if wanted(record)]
        if len(kept) < len(found):
            self._write(kept)

    def sort(self, key: Callable[[dict[str, Any]], Any]) -> None:
        """Put the lines in order; those of equal keys stay as they are. Raises DamagedFile as `read` does."""
        found = self.read()
        if (ordered := sorted(found, key=key)) != found:
            self._write(ordered)

    def _write(self, records: Iterable[Mapping[str, object]]) -> None:
        write_text(self.path, "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records))

    def _lines(self) -> Iterator[tuple[int, bytes, dict[str, Any] | str]]:
        """(number from 1, the line, its record or what is wrong with it) of each whole line."""
        try:
            lines = self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return
        except _UNREADABLE as error:
            raise damaged(self.path, _reason(error)) from error
        for number, line in enumerate(lines[:-1], 1):
            if line.strip():
                yield number, line, self._record(line)

    def _record(self, line: bytes) -> dict[str, Any] | str:
        try:
            record = json.loads(line.decode())
            if not isinstance(record, dict):
                return "it holds no JSON object"
            self.check(record)
        except KeyError as error:
            return f"it has no {error}"
        except (ValueError, TypeError, RecursionError) as error:
            return _reason(error)
        return record


def _write_lines(path: Path, lines: Iterable[bytes]) -> None:
    write_atomically(path, lambda partial: partial.write_bytes(b"".join(line + b"\n" for line in lines)))
