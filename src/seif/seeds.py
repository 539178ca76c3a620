"""Seed questions: load and validate."""

from __future__ import annotations

from pathlib import Path

from seif.errors import UsageError
from seif.tables import read_rows


def load_seeds(path: Path) -> list[str]:
    """The `prompt` column of a parquet, JSONL or JSON file, in order.

    Raises UsageError for a missing or empty file, a missing column, an empty or non-text prompt, and duplicates.
    """
    rows = read_rows(path)
    if not rows:
        raise UsageError(f"{path} holds no seeds; give it at least one row with a `prompt`")
    if "prompt" not in rows[0]:
        raise UsageError(
            f"{path} has no `prompt` column, only "
            f"{', '.join(sorted(rows[0])) or 'nothing'}; rename the column with the questions"
        )
    prompts: list[str] = []
    first: dict[str, int] = {}
    for number, row in enumerate(rows, 1):
        prompt = row.get("prompt")
        if not isinstance(prompt, str) or not prompt.strip():
            raise UsageError(f"{path} row {number}: `prompt` must be text, got {prompt!r}; fix or drop the row")
        if any("\ud800" <= c <= "\udfff" for c in prompt):
            raise UsageError(
                f"{path} row {number}: `prompt` holds half of a surrogate "
                "pair, which is no valid Unicode; fix or drop the row"
            )
        if prompt.strip() in first:
            raise UsageError(f"{path} row {number} repeats the seed of row {first[prompt.strip()]}; drop duplicates")
        first[prompt.strip()] = number
        prompts.append(prompt)
    return prompts
