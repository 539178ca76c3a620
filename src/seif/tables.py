"""Read rows from parquet, JSONL or JSON; a user's wrong file gets one line with the fix."""

from __future__ import annotations

import json
from pathlib import Path

from seif.errors import UsageError
from seif.types import Json


def read_rows(path: Path) -> list[Json]:
    """All rows of a `.parquet`, `.jsonl` or `.json` file by column. Raises UsageError naming the file and the row."""
    if not path.is_file():
        raise UsageError(f"no file at {path}")
    rows: object
    try:
        if path.suffix == ".parquet":
            import pyarrow.parquet

            return list(pyarrow.parquet.ParquetFile(path).read().to_pylist())
        if path.suffix == ".jsonl":
            lines = path.read_text(encoding="utf-8").split("\n")
            rows = [_row(line, path, number) for number, line in enumerate(lines, 1) if line.strip()]
        elif path.suffix == ".json":
            rows = json.loads(path.read_text(encoding="utf-8"))
        else:
            raise UsageError(f"{path}: expected a .parquet, .jsonl or .json file")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}") from error
    except (ValueError, OSError) as error:
        raise UsageError(f"{path} can't be read as {path.suffix[1:]}: {' '.join(str(error).split())[:200]}") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UsageError(f"{path} must hold a list of objects, one per row")
    return rows


def _row(line: str, path: Path, number: int) -> object:
    try:
        return json.loads(line)
    except ValueError as error:
        raise UsageError(f"{path} line {number} is not JSON: {error}") from error
