"""What a reward model reads, the same in training, judging and serving: question, response, constraint.

Of the instruction it is the question: each constraint is judged alone, and the others differ from level to level of
the curriculum. The constraint is never cut. What is too long loses the middle of its response.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from seif.roles.quoting import sanitize
from seif.types import Constraint, Instruction

GAP = "\n[...]\n"
"""Stands where the middle of a response was."""


@dataclass(frozen=True)
class Item:
    """One question to a reward model."""

    instruction: str
    """Its question; the other constraints are left out."""
    constraint: str
    response: str


@dataclass(frozen=True)
class Encoded:
    """An item as token ids, and whether its response was shortened."""

    ids: list[int]
    shortened: bool


def item_of(instruction: Instruction, constraint: Constraint, response: str) -> Item:
    """An item in which no text can speak as a chat template's control token, and all of it is valid Unicode."""
    question, demand, reply = (
        sanitize(text).encode("utf-8", errors="replace").decode()
        for text in (instruction.seed, constraint.text, response)
    )
    return Item(question, demand, reply)


def text_of(item: Item) -> str:
    """The one input format."""
    return f"Instruction:\n{item.instruction}\n\nResponse:\n{item.response}\n\nConstraint:\n{item.constraint}"


def encode(tokenizer: Any, items: Sequence[Item], limit: int) -> list[Encoded | None]:
    """Token ids of at most `limit` each; None where instruction and constraint alone leave no room for a response."""
    if not items:
        return []
    everything = tokenizer([text_of(item) for item in items]).input_ids
    return [
        Encoded(ids, False) if len(ids) <= limit else _shorten(tokenizer, item, limit)
        for item, ids in zip(items, everything, strict=True)
    ]


def _shorten(tokenizer: Any, item: Item, limit: int) -> Encoded | None:
    places = tokenizer(item.response, add_special_tokens=False, return_offsets_mapping=True).offset_mapping
    keep = min(len(places) - 1, limit - len(_ids(tokenizer, item, GAP)))
    while keep >= 2:
        first, last = (keep + 1) // 2, keep // 2
        ids = _ids(tokenizer, item, item.response[: places[first - 1][1]] + GAP + item.response[places[-last][0] :])
        if len(ids) <= limit:
            return Encoded(ids, True)
        # Tokens merge anew where a text is cut, so a count beforehand can be off by a few.
        keep -= len(ids) - limit
    return None


def _ids(tokenizer: Any, item: Item, response: str) -> list[int]:
    return list(tokenizer(text_of(Item(item.instruction, item.constraint, response))).input_ids)
