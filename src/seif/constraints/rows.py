"""Rows in IFEval's format - prompt, response, instruction ids, kwargs - read, checked by the verifiers, and counted."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from seif.constraints.verifiers import check_kwargs, verify, verify_loose
from seif.errors import UsageError
from seif.types import Json, Kwargs

REPEAT, PROMPT = "combination:repeat_prompt", "prompt_to_repeat"
"""A type and its parameter, which IFEval's rows may leave out: it is the row's prompt."""


@dataclass(frozen=True)
class Row:
    """One prompt with its response and the instructions that it is checked on. `kwargs` are as the checks take them."""

    number: int
    """Place in its file, from 1."""
    prompt: str
    response: str
    """Empty while nothing has been answered."""
    instruction_ids: tuple[str, ...]
    kwargs: tuple[Kwargs, ...]


@dataclass(frozen=True)
class Accuracy:
    """A share of what was followed, from 0 to 1, with its standard error."""

    accuracy: float
    stderr: float


@dataclass(frozen=True)
class TypeAccuracy:
    """The share of one instruction id's occurrences that were followed."""

    accuracy: float
    n: int
    """Occurrences."""


@dataclass(frozen=True)
class Summary:
    """Accuracies over rows, in IFEval's two levels."""

    prompt_level: Accuracy
    """Rows with every instruction followed; the stderr of the share p is sqrt(p(1-p)/n)."""
    instruction_level: Accuracy
    """Followed / all instructions; the stderr takes rows, not instructions, as independent (ratio estimator, as in
    `held_out.accuracy`)."""
    per_type: Mapping[str, TypeAccuracy]
    """By instruction id."""
    n_prompts: int
    n_instructions: int


def parse_row(number: int, record: Mapping[str, object], source: str, response: bool = True) -> Row:
    """A row from columns `prompt`, `response` (unless not wanted), `instruction_id_list` and `kwargs`.

    Nulls in kwargs are dropped; an id may occur more than once. `kwargs` may be missing when no id takes arguments, and
    may be JSON text. A `combination:repeat_prompt` without its text repeats the row's prompt. Raises UsageError naming
    `source` and the row for a missing column, a wrong type, lists of unequal length, an unknown id, or bad kwargs.
    """
    where = f"{source} row {number}"
    prompt = _text(record, "prompt", where)
    reply = _text(record, "response", where) if response else ""
    ids = _ids(record, where)
    everything = _kwargs(record, len(ids), where)
    checked = []
    for place, (instruction_id, kwargs) in enumerate(zip(ids, everything, strict=True), 1):
        if instruction_id == REPEAT and kwargs.get(PROMPT) is None:
            kwargs = {**kwargs, PROMPT: prompt}
        try:
            checked.append(check_kwargs(instruction_id, kwargs))
        except UsageError as error:
            raise UsageError(f"{where}, instruction {place}: {error}") from error
    return Row(number, prompt, reply, tuple(ids), tuple(checked))


def follow(row: Row, loose: bool) -> list[bool]:
    """IFEval's `follow_instruction_list`: does the response satisfy each instruction? An empty one satisfies none.

    Raises UsageError naming the row for a response that can't be checked.
    """
    check = verify_loose if loose else verify
    try:
        return [check(row.response, i, k) for i, k in zip(row.instruction_ids, row.kwargs, strict=True)]
    except UsageError as error:
        raise UsageError(f"row {row.number}: {error}") from error


class Tally:
    """Counts rows with their verdicts, as `follow` gives them, one after the other."""

    def __init__(self) -> None:
        self._rows: Counter[tuple[int, int]] = Counter()
        """How many rows have so many verdicts, so many of them true."""
        self._types: Counter[str] = Counter()
        self._followed: Counter[str] = Counter()

    def add(self, row: Row, verdicts: Sequence[bool]) -> None:
        """Count one row."""
        self._rows[len(verdicts), sum(verdicts)] += 1
        for instruction_id, holds in zip(row.instruction_ids, verdicts, strict=True):
            self._types[instruction_id] += 1
            self._followed[instruction_id] += holds

    def summary(self) -> Summary:
        """The accuracies of the rows so far. Raises UsageError when there are none."""
        if not self._rows:
            raise UsageError("there is nothing to score: no rows")
        n, total = self._rows.total(), self._types.total()
        whole = sum(rows for (size, followed), rows in self._rows.items() if followed == size) / n
        mean = self._followed.total() / total
        squares = sum(rows * (followed - mean * size) ** 2 for (size, followed), rows in self._rows.items())
        return Summary(
            prompt_level=Accuracy(whole, math.sqrt(whole * (1 - whole) / n)),
            instruction_level=Accuracy(mean, math.sqrt(squares) / total),
            per_type={k: TypeAccuracy(self._followed[k] / of, of) for k, of in sorted(self._types.items())},
            n_prompts=n,
            n_instructions=total,
        )


def summarise(rows: Iterable[Row], verdicts: Iterable[Sequence[bool]]) -> Summary:
    """The accuracies from one list of verdicts per row. Raises UsageError when there are no rows."""
    tally = Tally()
    for row, found in zip(rows, verdicts, strict=True):
        tally.add(row, found)
    return tally.summary()


def _text(record: Mapping[str, object], column: str, where: str) -> str:
    if column not in record:
        raise UsageError(f"{where} has no `{column}`, only {', '.join(map(str, record)) or 'nothing'}")
    value = record[column]
    if not isinstance(value, str):
        raise UsageError(f"{where}: `{column}` must be text, got {_shown(value)}")
    return value


def _ids(record: Mapping[str, object], where: str) -> list[str]:
    if "instruction_id_list" not in record:
        raise UsageError(f"{where} has no `instruction_id_list`, only {', '.join(map(str, record))}")
    ids = record["instruction_id_list"]
    if not isinstance(ids, list) or not ids or not all(isinstance(i, str) for i in ids):
        raise UsageError(
            f"{where}: `instruction_id_list` must be a list of at least one instruction id, got {_shown(ids)}"
        )
    return ids


def _kwargs(record: Mapping[str, object], count: int, where: str) -> list[Json]:
    """One mapping per instruction; null stands for no arguments."""
    given = record.get("kwargs")
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{where}: `kwargs` is text that is not JSON: {error}") from error
    if given is None:
        return [{}] * count
    if not isinstance(given, list) or not all(k is None or isinstance(k, dict) for k in given):
        raise UsageError(f"{where}: `kwargs` must be a list of objects, one per instruction, got {_shown(given)}")
    if len(given) != count:
        raise UsageError(f"{where}: instruction_id_list has {count} and kwargs {len(given)} items; they must match")
    return [k or {} for k in given]


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
