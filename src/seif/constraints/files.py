"""Whole files of constraints and responses: what `seif verify`, `seif compile` and `seif conflicts` compute."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from seif.constraints.compiler import compile_text
from seif.constraints.rows import PROMPT, REPEAT, Row, Summary, follow, parse_row, summarise
from seif.constraints.specification import TYPES
from seif.errors import UsageError
from seif.tables import read_rows
from seif.types import Constraint, Json, Kwargs


@dataclass(frozen=True)
class Verified:
    """A file of responses, checked."""

    mode: Literal["strict", "loose"]
    rows: list[Json]
    """The rows of the file, each with `follow_instruction_list` and `follow_all_instructions`."""
    summary: Summary

    def to_json(self) -> Json:
        """The accuracies, under IFEval's own names as well."""
        official = {
            f"prompt_level_{self.mode}_acc": self.summary.prompt_level.accuracy,
            f"inst_level_{self.mode}_acc": self.summary.instruction_level.accuracy,
        }
        return {"mode": self.mode, **official, **asdict(self.summary)}


def verify_file(path: Path, loose: bool) -> Verified:
    """Check every row of `path`, with `loose` as IFEval's loose accuracy does. Raises UsageError naming the row that
    can't be checked."""
    records = _read(path)
    rows = [parse_row(number, record, str(path)) for number, record in enumerate(records, 1)]
    verdicts = [_follow(path, row, loose) for row in rows]
    followed: list[Json] = [
        {**record, "follow_instruction_list": v, "follow_all_instructions": all(v)}
        for record, v in zip(records, verdicts, strict=True)
    ]
    return Verified("loose" if loose else "strict", followed, summarise(rows, verdicts))


def _follow(path: Path, row: Row, loose: bool) -> list[bool]:
    try:
        return follow(row, loose)
    except UsageError as error:
        raise UsageError(f"{path} {error}") from error


@dataclass(frozen=True)
class CompileCounts:
    """How much of a file compiles."""

    rows: int
    texts: int
    compiled: int
    """Texts that do."""
    share: float
    """Of the texts."""
    rows_with_any: int
    """Rows with at least one text that compiles."""
    rows_whole: int
    """Rows of which every text does."""
    per_type: Mapping[str, int]
    """Texts by the instruction id that they compile to, the commonest first."""


def compile_file(path: Path) -> tuple[list[list[Constraint]], CompileCounts]:
    """Per row, what each text of `constraint` compiles to (a soft one: not certain), and how much of the file compiles.

    Raises UsageError naming the row when there is no `constraint` column with a list of texts.
    """
    rows = [
        list(map(compile_text, _texts(record, f"{path} row {number}"))) for number, record in enumerate(_read(path), 1)
    ]
    certain = [[c.checkable for c in row] for row in rows]
    texts = sum(map(len, rows))
    found = Counter(c.instruction_id for row in rows for c in row if c.checkable)
    return rows, CompileCounts(
        rows=len(rows),
        texts=texts,
        compiled=found.total(),
        share=found.total() / max(1, texts),
        rows_with_any=sum(map(any, certain)),
        rows_whole=sum(bool(row) and all(row) for row in certain),
        per_type=dict(found.most_common()),
    )


def constraint_sets(path: Path) -> Iterator[tuple[Constraint, ...]]:
    """The constraints of every row: by their id and kwargs where a rule knows the id, else compiled from the text.

    A row without texts (IFEval's prompts) has its ids for texts. Raises UsageError naming the row whose lists don't
    match.
    """
    for number, record in enumerate(_read(path), 1):
        where = f"{path} row {number}"
        ids = record.get("instruction_id_list") or []
        if not isinstance(ids, list):
            raise UsageError(f"{where}: instruction_id_list must be a list of ids, one per constraint")
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


def _constraint(text: str, instruction_id: str, kwargs: Kwargs | None, record: Json) -> Constraint:
    if instruction_id not in TYPES or not TYPES.get(instruction_id).hard:
        return compile_text(text)
    given, prompt = kwargs or {}, record.get("prompt")
    if instruction_id == REPEAT and given.get(PROMPT) is None and isinstance(prompt, str):
        given = {**given, PROMPT: prompt}
    return Constraint(text, instruction_id, {name: value for name, value in given.items() if value is not None})


def _texts(record: Json, where: str) -> list[str]:
    texts = record.get("constraint")
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise UsageError(f"{where}: {needs_texts(record)}")
    return texts


def needs_texts(record: Json) -> str:
    """What a row without usable constraints lacks, and the fix where the mistake is a common one."""
    lacking = "needs `constraint`, a list of at least one text"
    if isinstance(record.get("constraint"), str):
        return f"{lacking}; it is one text: write a list"
    return f"{lacking}; rename `constraints`" if "constraint" not in record and "constraints" in record else lacking


def _read(path: Path) -> list[Json]:
    records = read_rows(path)
    if not records:
        raise UsageError(f"{path} holds no rows")
    return records
