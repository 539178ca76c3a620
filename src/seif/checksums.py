"""SHA-256 of what finished stages have made, so that damage which can still be read is found before it is used."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from seif.atomic import damaged, read_object, write_json

_SMALL = 1 << 26
"""Bytes up to which a file is hashed again at every check; a larger one only where its time of change differs."""


def sha256_of(file: Path) -> str:
    """Of a file's bytes, in hexadecimal."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


@dataclass(frozen=True)
class Checksum:
    """A file as it was when its stage was done."""

    sha256: str
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, file: Path) -> Checksum:
        """Of a file as it is now."""
        found = file.stat()
        return cls(sha256_of(file), found.st_size, found.st_mtime_ns)

    def damage(self, file: Path, small: int = _SMALL) -> str | None:
        """What is wrong with the file now; None: nothing. `small`: bytes up to which it is hashed in any case."""
        if not file.is_file():
            return f"{file} is gone"
        found = file.stat()
        if found.st_size != self.size:
            return f"{file} has {found.st_size:,} bytes and not {self.size:,}"
        if found.st_size > small and found.st_mtime_ns == self.mtime_ns:
            return None
        return None if Checksum.of(file).sha256 == self.sha256 else f"{file} is not as it was written"


class Checksums:
    """The file `checksums.json` of a run directory, by path from there."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def note(self, outputs: Iterable[Path]) -> None:
        """Remember files, and all files of directories, as they are now. Text for people (*.md) is left out."""
        outputs = tuple(outputs)
        kept = self._without(outputs)
        self._write({**kept, **{self._name(file): Checksum.of(file) for file in _files(outputs)}})

    def forget(self, outputs: Iterable[Path]) -> None:
        """Nothing is known of these outputs any more."""
        known = self._read()
        if (kept := self._without(outputs)) != known:
            self._write(kept)

    def of(self, outputs: Iterable[Path]) -> dict[str, str]:
        """The noted SHA-256 of these outputs' files, by path; empty where none was noted."""
        roots = {self._name(out) for out in outputs}
        return {name: noted.sha256 for name, noted in self._read().items() if _within(name, roots)}

    def damage(self, outputs: Iterable[Path]) -> str | None:
        """What is wrong with these outputs, in one line; None: nothing, as far as was noted."""
        known, names = self._read(), self.of(outputs)
        return next(filter(None, (known[name].damage(self.path.parent / name) for name in names)), None)

    def all_damage(self, small: int) -> list[str]:
        """What is wrong with any noted file, one line each; `small` as above."""
        known = self._read()
        found = (noted.damage(self.path.parent / name, small) for name, noted in known.items())
        return [line for line in found if line is not None]

    def check(self) -> None:
        """Raises DamagedFile for a file of checksums that can't be read."""
        self._read()

    def _name(self, file: Path) -> str:
        return file.relative_to(self.path.parent).as_posix()

    def _without(self, outputs: Iterable[Path]) -> dict[str, Checksum]:
        roots = {self._name(out) for out in outputs}
        return {name: noted for name, noted in self._read().items() if not _within(name, roots)}

    def _read(self) -> dict[str, Checksum]:
        if not self.path.exists():
            return {}
        try:
            return {name: Checksum(**noted) for name, noted in read_object(self.path).items()}
        except TypeError as error:
            raise damaged(self.path, str(error)) from error

    def _write(self, noted: Mapping[str, Checksum]) -> None:
        write_json(self.path, {name: asdict(noted[name]) for name in sorted(noted)})


def _files(outputs: Iterable[Path]) -> Iterator[Path]:
    for out in outputs:
        for file in sorted(out.rglob("*")) if out.is_dir() else [out]:
            if file.is_file() and file.suffix != ".md":
                yield file


def _within(name: str, roots: Iterable[str]) -> bool:
    return any(name == root or name.startswith(f"{root}/") for root in roots)
