"""Rows of text files: JSON lines, JSON, CSV, and one prompt a line; packed by gzip or not."""

from __future__ import annotations

import codecs
import csv
import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal, cast

from seif.errors import UsageError
from seif.types import Json

TextFormat = Literal["jsonl", "json", "csv", "tsv", "txt"]
PROMPT = "prompt"
"""The column of a text that stands alone: a line of a text file, or a JSON string."""
LONGEST = 64_000_000
"""Bytes of a line."""
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


def iter_text_rows(path: Path, form: TextFormat) -> Iterator[Json]:
    """The rows of a text file, in order; memory holds one line, of a JSON file all of it. Blank lines are no rows.

    Raises UsageError naming the line, OSError, and what gzip raises for a file that it can't unpack.
    """
    if form == "jsonl":
        for number, line in _lines(path):
            if line.strip():
                where = f"{path} line {number}"
                yield _row(_value(line, where), where)
    elif form == "json":
        for number, value in enumerate(_whole(path), 1):
            yield _row(value, f"{path} row {number}")
    elif form == "txt":
        for _, line in _lines(path):
            if line.strip():
                yield {PROMPT: line.strip()}
    else:
        yield from _separated(path, "\t" if form == "tsv" else ",")


def count_text_rows(path: Path, form: TextFormat) -> int:
    """How many rows a text file has; those of JSON lines are not parsed. Raises as `iter_text_rows` does."""
    if form in ("jsonl", "txt"):
        return sum(1 for _, line in _lines(path) if line.strip())
    return len(_whole(path)) if form == "json" else sum(1 for _ in iter_text_rows(path, form))


def _open(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path)) if path.suffix.lower() == ".gz" else path.open("rb")


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines with their ends, numbered from 1. A line ends as Unix, Windows or old Macs write it."""
    number = 0
    with _open(path) as file:
        while raw := file.readline(LONGEST + 1):
            where = f"{path} line {number + 1}"
            if len(raw) > LONGEST:
                raise UsageError(f"{where} has more than {LONGEST:,} bytes; no row is so long")
            text = _text(raw if number else _without_mark(raw, path), where)
            for line in _LINE.findall(text) if "\r" in text.rstrip("\r\n") else [text]:
                number += 1
                yield number, line


def _without_mark(start: bytes, path: Path) -> bytes:
    """The start of a file without UTF-8's byte order mark."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise UsageError(f"{path} is UTF-16 text; save it as UTF-8")
    return start.removeprefix(codecs.BOM_UTF8)


def _text(raw: bytes, where: str) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{where} is not UTF-8 text: {error.reason} at byte {error.start}; save it as UTF-8"
        ) from error
    if "\0" in text:
        raise UsageError(f"{where} holds a NUL character, so the file is damaged or no text; write it anew")
    return text


def _whole(path: Path) -> list[object]:
    with _open(path) as file:
        raw = _without_mark(file.read(), path)
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{path} line {line} is not UTF-8 text: {error.reason}; save it as UTF-8") from error
    if not text.strip():
        return []
    rows = _value(text, str(path))
    if not isinstance(rows, list):
        raise UsageError(f"{path} must hold a list of objects, one per row")
    return rows


def _value(text: str, where: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_object)
    except _Twice as error:
        raise UsageError(f"{where} gives the key {error.key[:60]!r} twice; keep one of the two") from error
    except json.JSONDecodeError as error:
        line = f"line {error.lineno} " if error.lineno > 1 else ""
        hint = "; name a file with one object per line .jsonl" if error.msg == "Extra data" and line else ""
        raise UsageError(f"{where} is not JSON: {error.msg} at {line}character {error.colno}{hint}") from error
    except RecursionError as error:
        raise UsageError(f"{where} is nested too deep") from error
    except ValueError as error:
        raise UsageError(f"{where} is not JSON: {' '.join(str(error).split())[:100]}") from error


class _Twice(Exception):
    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def _object(pairs: list[tuple[str, object]]) -> Json:
    """An object whose keys are given once: of two values one would be lost."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _Twice(next(name for name in names if names.count(name) > 1))
    return found


def _row(value: object, where: str) -> Json:
    if isinstance(value, str):
        return {PROMPT: value}
    if not isinstance(value, dict):
        raise UsageError(f"{where}: a file must hold a list of objects, one per row, and this is none")
    return value


def _separated(path: Path, separator: str) -> Iterator[Json]:
    csv.field_size_limit(LONGEST)
    records = csv.reader((line for _, line in _lines(path)), delimiter=separator, strict=True)
    header: list[str] | None = None
    try:
        for record in records:
            if not record:
                continue
            if header is None:
                header = [name.strip() for name in record]
                if len(set(header)) < len(header):
                    raise UsageError(f"{path} line 1: the header names a column twice; rename one of the two")
            elif len(record) != len(header):
                raise UsageError(
                    f"{path} line {records.line_num} has {len(record)} fields, and the header {len(header)}; quote "
                    "what holds a separator or a line end"
                )
            else:
                yield dict(zip(header, record, strict=True))
    except csv.Error as error:
        raise UsageError(f"{path} line {records.line_num} can't be read: {error}") from error
