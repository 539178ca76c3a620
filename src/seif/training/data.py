"""Which prompts a stage reads, and in which order."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from transformers import AutoTokenizer

from seif.chat import DEFAULT, ChatFormat
from seif.engines.adapter import tokenizer_of
from seif.engines.base import Messages
from seif.errors import UsageError


def data_order(prompts: int, per_step: int, steps: int, seed: int) -> list[int]:
    """Row numbers for `steps` batches of `per_step`: each epoch a fresh seeded permutation, its incomplete batch
    dropped.

    Fewer prompts than one batch are repeated until it is full.

    TRL's own sampler draws the order of an epoch from a generator that a resume does not wind forward, so a stage that
    resumed in its second epoch would read other data. Laid out beforehand, all epochs are one pass in a fixed order.
    """
    rng = random.Random(f"order/{seed}")
    whole = prompts - prompts % per_step or prompts
    rows: list[int] = []
    while len(rows) < steps * per_step:
        rows += rng.sample(range(prompts), prompts)[:whole]
    return rows[: steps * per_step]


def fitting(model: str, prompts: Sequence[Messages], limit: int, chat: ChatFormat = DEFAULT) -> list[int]:
    """Indices of the prompts that have at most `limit` tokens."""
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_of(model), padding_side="left")
    return [i for i, ids in enumerate(chat.prompt_ids(tokenizer, prompts)) if len(ids) <= limit]


def check_lengths(prompts: Sequence[Messages], tokenizer: Any, limit: int, chat: ChatFormat = DEFAULT) -> None:
    """Raises UsageError when a prompt has more than `limit` tokens."""
    lengths = [len(ids) for ids in chat.prompt_ids(tokenizer, prompts)]
    longest = max(range(len(lengths)), key=lengths.__getitem__)
    if lengths[longest] > limit:
        raise UsageError(
            f"prompt {longest + 1} has {lengths[longest]} tokens, more "
            f"than max_prompt_tokens={limit}; shorten it or raise the limit"
        )
