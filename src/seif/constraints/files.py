"""Whole files of constraints and responses: what `seif verify`, `seif compile` and `seif conflicts` compute."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from seif.constraints.compiler import compile_text
from seif.constraints.rows import PROMPT, REPEAT, Row, Summary, Tally, follow, parse_row
from seif.constraints.specification import TYPES
from seif.errors import UsageError
from seif.tables import iter_rows
from seif.types import Constraint, Json, Kwargs


@dataclass(frozen=True)
class Verified:
    """How far the responses of a file follow their instructions."""

    mode: Literal["strict", "loose"]
    summary: Summary

    def to_json(self) -> Json:
        """The accuracies, under IFEval's own names as well."""
        official = {
            f"prompt_level_{self.mode}_acc": self.summary.prompt_level.accuracy,
            f"inst_level_{self.mode}_acc": self.summary.instruction_level.accuracy,
        }
        return {"mode": self.mode, **official, **asdict(self.summary)}


class VerifiedFile:
    """The rows of a file, each with `follow_instruction_list` and `follow_all_instructions`, one after the other; with
    `loose` as IFEval's loose accuracy checks them.

    Raises UsageError naming the row that can't be checked.
    """

    def __init__(self, path: Path, loose: bool) -> None:
        self.path, self.loose = path, loose
        self._tally = Tally()

    def __iter__(self) -> Iterator[Json]:
        self._tally = Tally()
        for number, record in _rows(self.path):
            row = parse_row(number, record, str(self.path))
            verdicts = _follow(self.path, row, self.loose)
            self._tally.add(row, verdicts)
            yield {**record, "follow_instruction_list": verdicts, "follow_all_instructions": all(verdicts)}

    def found(self) -> Verified:
        """The accuracies of the rows that were read. Raises UsageError when none were."""
        return Verified("loose" if self.loose else "strict", self._tally.summary())


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


class CompiledFile:
    """Per row of a file, what each text of `constraint` compiles to (a soft one: not certain), one row after the other.

    Raises UsageError naming the row when there is no `constraint` column with a list of texts.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._types: Counter[str] = Counter()
        self._rows = self._texts = self._with_any = self._whole = 0

    def __iter__(self) -> Iterator[list[Constraint]]:
        self._types = Counter()
        self._rows = self._texts = self._with_any = self._whole = 0
        for number, record in _rows(self.path):
            row = [compile_text(text) for text in _texts(record, f"{self.path} row {number}")]
            certain = [c.instruction_id for c in row if c.checkable]
            self._types.update(certain)
            self._rows += 1
            self._texts += len(row)
            self._with_any += bool(certain)
            self._whole += bool(certain) and len(certain) == len(row)
            yield row

    def counts(self) -> CompileCounts:
        """How much of the rows that were read compiles."""
        compiled = self._types.total()
        return CompileCounts(
            rows=self._rows,
            texts=self._texts,
            compiled=compiled,
            share=compiled / max(1, self._texts),
            rows_with_any=self._with_any,
            rows_whole=self._whole,
            per_type=dict(self._types.most_common()),
        )


def constraint_sets(path: Path) -> Iterator[tuple[Constraint, ...]]:
    """The constraints of every row, as `constraints_of` reads them."""
    return (constraints_of(record, f"{path} row {number}") for number, record in _rows(path))


def constraints_of(record: Json, where: str) -> tuple[Constraint, ...]:
    """The constraints of a row: by their id and kwargs where a rule knows the id, else compiled from the text.

    A row without texts (IFEval's prompts) has its ids for texts. Raises UsageError, beginning with `where`, when its
    lists don't match.
    """
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
    return tuple(
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


def _rows(path: Path) -> Iterator[tuple[int, Json]]:
    """The rows with their numbers, from 1. Raises UsageError when there are none."""
    number = 0
    for number, record in enumerate(iter_rows(path), 1):
        yield number, record
    if not number:
        raise UsageError(f"{path} holds no rows")
