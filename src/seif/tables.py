"""Rows of files, read and written one after the other; a user's wrong file gets one line with the fix."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from seif.activity import doing
from seif.errors import UsageError
from seif.text_rows import TextFormat, count_text_rows, iter_text_rows
from seif.types import Json

if TYPE_CHECKING:
    import pyarrow as pa

ROW_GROUP = 4096
"""Rows of a parquet file that are written, and read, together."""
_BUFFER = 1 << 20
"""Bytes of a column that are read at once; else a row group is, which may hold a million rows."""
FORMATS = ".parquet, .jsonl, .json, .csv, .tsv or .txt (all but .parquet also as .gz)"
_FORMS: Mapping[str, Literal["parquet"] | TextFormat] = {
    ".parquet": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".txt": "txt",
}
LONGEST_TEXT = 1_000_000
"""Characters of a prompt, or of any other text of a row."""


def iter_rows(path: Path, columns: Collection[str] | None = None) -> Iterator[Json]:
    """The rows of a file as dicts, in order; its format goes by its name, see `FORMATS`.

    With `columns`, a row of a parquet file has only those of them that there are, so that odd values of others do no
    harm. Memory holds `ROW_GROUP` rows of a parquet file, one line of a text file, and all of a JSON file. Raises
    UsageError naming the file and the row or line.
    """
    form = _format(path)
    with _readable(path, form), doing(f"rows of {path.name}", lambda: count_rows(path)) as work:
        for row in _rows(path, form, columns):
            yield row
            work.advance()


def _rows(path: Path, form: Literal["parquet"] | TextFormat, columns: Collection[str] | None) -> Iterator[Json]:
    if form == "parquet":
        file = _parquet(path)
        names = _names(file, path)
        wanted = names if columns is None else [name for name in names if name in columns]
        for batch in file.iter_batches(ROW_GROUP, columns=wanted):
            yield from batch.to_pylist()
    else:
        yield from iter_text_rows(path, form)


def read_rows(path: Path) -> list[Json]:
    """All rows at once, as `iter_rows` reads them."""
    return list(iter_rows(path))


def count_rows(path: Path) -> int:
    """How many rows a file has. Those of a parquet file are not read, and those of a JSONL file not parsed.

    Raises UsageError for a file that can't be read.
    """
    form = _format(path)
    with _readable(path, form):
        return int(_parquet(path).metadata.num_rows) if form == "parquet" else count_text_rows(path, form)


def column_names(path: Path) -> list[str]:
    """The columns of a parquet file, or those of the first row of any other; none where there are no rows.

    Raises UsageError for a file that can't be read.
    """
    form = _format(path)
    with _readable(path, form):
        if form == "parquet":
            return _names(_parquet(path), path)
        return list(next(iter_text_rows(path, form), {}))


def text_in(value: object, where: str, name: str) -> str:
    """A text that stands in a row as `name`.

    Raises UsageError, beginning with `where`, for anything else, and for a text that no tokenizer should get: one with
    a NUL, with half of a surrogate pair, or far longer than any model reads.
    """
    if isinstance(value, bytes):
        # Some writers leave out that a parquet column of bytes is text.
        with contextlib.suppress(UnicodeDecodeError):
            value = value.decode()
    if not isinstance(value, str):
        raise UsageError(f"{where}: `{name}` must be text, got {repr(value)[:60]}; fix or drop the row")
    if len(value) > LONGEST_TEXT:
        raise UsageError(
            f"{where}: `{name}` has {len(value):,} characters, more than {LONGEST_TEXT:,}; shorten or drop the row"
        )
    if "\0" in value:
        raise UsageError(f"{where}: `{name}` holds a NUL character; fix or drop the row")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise UsageError(
            f"{where}: `{name}` holds half of a surrogate pair, which is no valid Unicode; fix or drop the row"
        ) from error
    return value


def write_parquet(path: Path, rows: Iterable[Json], schema: pa.Schema) -> None:
    """Write rows as parquet, in row groups of `ROW_GROUP` rows, of which memory holds one."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    source = iter(rows)
    with pq.ParquetWriter(path, schema) as writer:
        while group := list(islice(source, ROW_GROUP)):
            writer.write_table(pa.Table.from_pylist(group, schema=schema))


def write_json_lines(path: Path, records: Iterable[object]) -> None:
    """One JSON line per record, as they come. What is no valid Unicode is written as escapes, so nothing is lost."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{_line(record)}\n" for record in records)


def _line(record: object) -> str:
    text = json.dumps(record, ensure_ascii=False, default=_as_text)
    if text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text):
        return text
    return json.dumps(record, default=_as_text)


def _as_text(value: object) -> str:
    """A value of a parquet file that JSON has no form for: a time, a decimal, bytes (as base64)."""
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


class StoredTexts(Sequence[str]):
    """Texts on disk, by their place from 0. Memory holds one row group, so read them in order."""

    def __init__(self, path: Path) -> None:
        self._file = _parquet(path)
        self._length = int(self._file.metadata.num_rows)
        self._group, self._texts = -1, list[str]()

    @classmethod
    def write(cls, path: Path, column: str, texts: Iterable[str]) -> None:
        """Write texts as the one column of a parquet file."""
        import pyarrow as pa

        write_parquet(path, ({column: text} for text in texts), pa.schema([(column, pa.string())]))

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(len(self)))]
        place = place + self._length if place < 0 else place
        if not 0 <= place < self._length:
            raise IndexError(place)
        group, row = divmod(place, ROW_GROUP)
        if group != self._group:
            self._group, self._texts = group, self._file.read_row_group(group).column(0).to_pylist()
        return self._texts[row]


def _format(path: Path) -> Literal["parquet"] | TextFormat:
    """How the rows of a file are written. Raises UsageError for what is no file, and for a name without a format."""
    if os.path.isdir(path):
        inside = sorted(name for name in os.listdir(path) if _form_of(Path(name)) is not None)
        example = f", e.g. {path / inside[0]}" if inside else ""
        raise UsageError(f"{path} is a folder; give one file{example}")
    if not os.path.isfile(path):
        pattern = "; give one file, patterns are not looked up" if set("*?[") & set(str(path)) else ""
        raise UsageError(f"no file at {path}{pattern}")
    form = _form_of(path)
    if form is None:
        raise UsageError(f"{path}: expected a {FORMATS} file")
    return form


def _form_of(path: Path) -> Literal["parquet"] | TextFormat | None:
    name = path.name.lower()
    form = _FORMS.get(Path(name.removesuffix(".gz")).suffix)
    return None if form == "parquet" and name.endswith(".gz") else form


def _parquet(path: Path) -> Any:
    import pyarrow.parquet as pq

    return pq.ParquetFile(path, pre_buffer=False, buffer_size=_BUFFER)


def _names(file: Any, path: Path) -> list[str]:
    names = list(file.schema_arrow.names)
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{path} has two columns {name!r}; rename one of the two")
    return names


@contextlib.contextmanager
def _readable(path: Path, form: str) -> Iterator[None]:
    """Around reading a file. Raises UsageError naming it for whatever its reader raises."""
    try:
        yield
    except (ValueError, OSError, OverflowError, EOFError, zlib.error, NotImplementedError, TypeError) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UsageError(f"{path} can't be read as {form}: {' '.join(said.split())[:200]}") from error
