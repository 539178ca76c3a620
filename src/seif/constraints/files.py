"""Whole files of constraints and responses: what `seif verify`, `seif compile` and `seif conflicts` compute."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from seif.constraints.compiler import compile_text
from seif.constraints.rows import PROMPT, REPEAT, Row, Summary, follow, parse_row
from seif.constraints.specification import TYPES
from seif.errors import UsageError
from seif.tables import iter_rows
from seif.types import Constraint


class VerifiedFile:
    """Every row of a file with `follow_instruction_list` and `follow_all_instructions`, one after the other.

    Raises UsageError naming the row that can't be checked.
    """

    def __init__(self, path: Path, loose: bool) -> None:
        self.path, self.loose = path, loose
        self._summary = Summary()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        self._summary = Summary()
        for number, record in _rows(self.path):
            row = parse_row(number, record, str(self.path))
            verdicts = _follow(self.path, row, self.loose)
            self._summary.add(row, verdicts)
            yield {**record, "follow_instruction_list": verdicts, "follow_all_instructions": all(verdicts)}

    def numbers(self) -> dict[str, Any]:
        """The accuracies of the rows that were read, with IFEval's own names beside those of `Summary`."""
        summary = self._summary.numbers()
        mode = "loose" if self.loose else "strict"
        official = {
            f"{short}_level_{mode}_acc": summary[f"{level}_level"]["accuracy"]
            for short, level in (("prompt", "prompt"), ("inst", "instruction"))
        }
        return {"mode": mode, **official, **summary}


def _follow(path: Path, row: Row, loose: bool) -> list[bool]:
    try:
        return follow(row, loose)
    except UsageError as error:
        raise UsageError(f"{path} {error}") from error


class CompiledFile:
    """Per row of a file, what each text of `constraint` compiles to (None: not certain), one row after the other.

    Raises UsageError naming the row when there is no `constraint` column with a list of texts.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._types: Counter[str] = Counter()
        self._rows: Counter[str] = Counter()

    def __iter__(self) -> Iterator[list[dict[str, Any] | None]]:
        self._types, self._rows = Counter(), Counter()
        for number, record in _rows(self.path):
            constraints = [compile_text(text) for text in _texts(record, f"{self.path} row {number}")]
            found = [c.instruction_id for c in constraints if c.checkable]
            self._types.update(found)
            whole = bool(found) and len(found) == len(constraints)
            self._rows.update(rows=1, texts=len(constraints), rows_with_any=bool(found), rows_whole=whole)
            yield [
                {"instruction_id": c.instruction_id, "kwargs": dict(c.kwargs)} if c.checkable else None
                for c in constraints
            ]

    def numbers(self) -> dict[str, Any]:
        """How much of the rows that were read compiles."""
        compiled, rows = self._types.total(), self._rows
        return {
            "rows": rows["rows"],
            "texts": rows["texts"],
            "compiled": compiled,
            "share": compiled / max(1, rows["texts"]),
            "rows_with_any": rows["rows_with_any"],
            "rows_whole": rows["rows_whole"],
            "per_type": dict(self._types.most_common()),
        }


def constraint_sets(path: Path) -> Iterator[tuple[Constraint, ...]]:
    """The constraints of every row, as `constraints_of` reads them. Raises UsageError as it does."""
    return (constraints_of(record, f"{path} row {number}") for number, record in _rows(path))


def constraints_of(record: dict[str, Any], where: str) -> tuple[Constraint, ...]:
    """The constraints of a row: by their id and kwargs where a rule knows the id, else compiled from the text.

    A row without texts (IFEval's prompts) has its ids for texts. Raises UsageError, which begins with `where`, when its
    lists don't match.
    """
    ids: Sequence[str] = record.get("instruction_id_list") or []
    kwargs = record.get("kwargs") or [{}] * len(ids)
    texts = _texts(record, where) if record.get("constraint") or not ids else list(ids)
    if not isinstance(kwargs, list) or not all(k is None or isinstance(k, dict) for k in kwargs):
        raise UsageError(f"{where}: kwargs must be a list of objects, one per constraint")
    if ids and not len(texts) == len(ids) == len(kwargs):
        lengths = f"{len(texts)}, {len(ids)} and {len(kwargs)} items"
        raise UsageError(f"{where}: constraint, instruction_id_list and kwargs have {lengths}; they must match")
    return tuple(
        _constraint(t, i, k, record)
        for t, i, k in zip(texts, ids or [""] * len(texts), kwargs or [{}] * len(texts), strict=True)
    )


def _constraint(text: str, instruction_id: str, kwargs: dict[str, Any] | None, record: dict[str, Any]) -> Constraint:
    if instruction_id not in TYPES or not TYPES.get(instruction_id).hard:
        return compile_text(text)
    given = kwargs or {}
    if instruction_id == REPEAT and given.get(PROMPT) is None:
        given = {**given, PROMPT: record.get("prompt")}
    return Constraint(text, instruction_id, {name: value for name, value in given.items() if value is not None})


def _texts(record: dict[str, Any], where: str) -> list[str]:
    texts = record.get("constraint")
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise UsageError(f"{where}: needs `constraint`, a list of texts")
    return texts


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows with their numbers, from 1. Raises UsageError when there are none."""
    number = 0
    for number, record in enumerate(iter_rows(path), 1):
        yield number, record
    if not number:
        raise UsageError(f"{path} holds no rows")
