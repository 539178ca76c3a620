"""Whole files of constraints and responses: what `seif verify`, `seif compile` and `seif conflicts` compute."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from seif.constraints.compiler import compile_text
from seif.constraints.rows import PROMPT, REPEAT, Row, follow, parse_row, summarise
from seif.constraints.specification import TYPES
from seif.errors import UsageError
from seif.tables import read_rows
from seif.types import Constraint


def verify_file(path: Path, loose: bool) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Every row of `path` with `follow_instruction_list` and `follow_all_instructions`, and the accuracies in numbers.

    The numbers carry IFEval's own names beside `summarise`'s. Raises UsageError naming the row that can't be checked.
    """
    records = _read(path)
    rows = [parse_row(number, record, str(path)) for number, record in enumerate(records, 1)]
    verdicts = [_follow(path, row, loose) for row in rows]
    out = [
        {**record, "follow_instruction_list": v, "follow_all_instructions": all(v)}
        for record, v in zip(records, verdicts, strict=True)
    ]
    summary = summarise(rows, verdicts)
    mode = "loose" if loose else "strict"
    official = {
        f"{short}_level_{mode}_acc": summary[f"{level}_level"]["accuracy"]
        for short, level in (("prompt", "prompt"), ("inst", "instruction"))
    }
    return out, {"mode": mode, **official, **summary}


def _follow(path: Path, row: Row, loose: bool) -> list[bool]:
    try:
        return follow(row, loose)
    except UsageError as error:
        raise UsageError(f"{path} {error}") from error


def compile_file(path: Path) -> tuple[list[list[dict[str, Any] | None]], dict[str, Any]]:
    """Per row, what each text of `constraint` compiles to (None: not certain), and how much of the file compiles.

    Raises UsageError naming the row when there is no `constraint` column with a list of texts.
    """
    compiled = []
    for number, record in enumerate(_read(path), 1):
        constraints = map(compile_text, _texts(record, f"{path} row {number}"))
        compiled.append(
            [
                {"instruction_id": c.instruction_id, "kwargs": dict(c.kwargs)} if c.checkable else None
                for c in constraints
            ]
        )
    texts = sum(map(len, compiled))
    found = Counter(c["instruction_id"] for row in compiled for c in row if c)
    return compiled, {
        "rows": len(compiled),
        "texts": texts,
        "compiled": found.total(),
        "share": found.total() / max(1, texts),
        "rows_with_any": sum(any(row) for row in compiled),
        "rows_whole": sum(bool(row) and all(row) for row in compiled),
        "per_type": dict(found.most_common()),
    }


def constraint_sets(path: Path) -> Iterator[tuple[Constraint, ...]]:
    """The constraints of every row: by their id and kwargs where a rule knows the id, else compiled from the text.

    A row without texts (IFEval's prompts) has its ids for texts. Raises UsageError naming the row whose lists don't
    match.
    """
    for number, record in enumerate(_read(path), 1):
        where = f"{path} row {number}"
        ids: Sequence[str] = record.get("instruction_id_list") or []
        kwargs = record.get("kwargs") or [{}] * len(ids)
        texts = _texts(record, where) if record.get("constraint") or not ids else list(ids)
        if not isinstance(kwargs, list) or not all(k is None or isinstance(k, dict) for k in kwargs):
            raise UsageError(f"{where}: kwargs must be a list of objects, one per constraint")
        if ids and not len(texts) == len(ids) == len(kwargs):
            lengths = f"{len(texts)}, {len(ids)} and {len(kwargs)} items"
            raise UsageError(f"{where}: constraint, instruction_id_list and kwargs have {lengths}; they must match")
        yield tuple(
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
        raise UsageError(f"{where}: {needs_texts(record)}")
    return texts


def needs_texts(record: dict[str, Any]) -> str:
    """What a row without usable constraints lacks, and the fix where the mistake is a common one."""
    lacking = "needs `constraint`, a list of at least one text"
    if isinstance(record.get("constraint"), str):
        return f"{lacking}; it is one text: write a list"
    return f"{lacking}; rename `constraints`" if "constraint" not in record and "constraints" in record else lacking


def _read(path: Path) -> list[dict[str, Any]]:
    records = read_rows(path)
    if not records:
        raise UsageError(f"{path} holds no rows")
    return records
