"""Rows of parquet, JSONL and JSON files, read and written one after the other; a user's wrong file gets one line with
the fix."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from seif.activity import doing
from seif.errors import UsageError
from seif.types import Json

if TYPE_CHECKING:
    import pyarrow as pa

ROW_GROUP = 4096
"""Rows of a parquet file that are written, and read, together."""
_BUFFER = 1 << 20
"""Bytes of a column that are read at once; else a row group is, which may hold a million rows."""


def iter_rows(path: Path) -> Iterator[Json]:
    """The rows of a `.parquet`, `.jsonl` or `.json` file as dicts, in order.

    Memory holds `ROW_GROUP` rows of a parquet file, one line of a JSONL file, and all of a JSON file. Raises
    UsageError naming the file and the row.
    """
    _check(path)
    with doing(f"rows of {path.name}", lambda: count_rows(path)) as work:
        for row in _rows(path):
            yield row
            work.advance()


def _rows(path: Path) -> Iterator[Json]:
    try:
        if path.suffix == ".parquet":
            for batch in _parquet(path).iter_batches(ROW_GROUP):
                yield from batch.to_pylist()
        elif path.suffix == ".jsonl":
            with path.open("rb") as lines:
                for number, line in enumerate(lines, 1):
                    if line.strip():
                        yield _object(_value(line, path, number), path)
        else:
            for value in _json(path):
                yield _object(value, path)
    except (ValueError, OSError) as error:
        raise _unreadable(path, error) from error


def read_rows(path: Path) -> list[Json]:
    """All rows at once, as `iter_rows` reads them."""
    return list(iter_rows(path))


def count_rows(path: Path) -> int:
    """How many rows a file has. Those of a parquet file are not read, and those of a JSONL file not parsed.

    Raises UsageError for a file that can't be read.
    """
    _check(path)
    try:
        if path.suffix == ".parquet":
            return int(_parquet(path).metadata.num_rows)
        if path.suffix == ".jsonl":
            with path.open("rb") as lines:
                return sum(1 for line in lines if line.strip())
        return len(_json(path))
    except (ValueError, OSError) as error:
        raise _unreadable(path, error) from error


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
    text = json.dumps(record, ensure_ascii=False)
    return text if text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text) else json.dumps(record)


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


def _check(path: Path) -> None:
    if not path.is_file():
        raise UsageError(f"no file at {path}")
    if path.suffix not in (".parquet", ".jsonl", ".json"):
        raise UsageError(f"{path}: expected a .parquet, .jsonl or .json file")


def _parquet(path: Path) -> Any:
    import pyarrow.parquet as pq

    return pq.ParquetFile(path, pre_buffer=False, buffer_size=_BUFFER)


def _json(path: Path) -> list[Any]:
    rows = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(rows, list):
        raise _no_rows(path)
    return rows


def _value(line: bytes, path: Path, number: int) -> object:
    try:
        return json.loads(line.decode())
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} line {number} is not UTF-8 text: {error.reason} at byte {error.start}") from error
    except ValueError as error:
        raise UsageError(f"{path} line {number} is not JSON: {error}") from error


def _object(value: Any, path: Path) -> Json:
    if not isinstance(value, dict):
        raise _no_rows(path)
    return value


def _no_rows(path: Path) -> UsageError:
    return UsageError(f"{path} must hold a list of objects, one per row")


def _unreadable(path: Path, error: Exception) -> UsageError:
    if isinstance(error, UnicodeDecodeError):
        return UsageError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}")
    return UsageError(f"{path} can't be read as {path.suffix[1:]}: {' '.join(str(error).split())[:200]}")
