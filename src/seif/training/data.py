"""Which prompts a stage reads, and in which order."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from seif.chat import DEFAULT, ChatFormat
from seif.config import Grpo
from seif.engines.adapter import base_of, tokenizer_of
from seif.engines.base import Messages
from seif.errors import UsageError


def data_order(prompts: int, per_step: int, steps: int, seed: int) -> list[int]:
    """Row numbers for `steps` batches of `per_step`: each epoch a fresh seeded permutation, its incomplete batch
    dropped.

    Fewer prompts than one batch are repeated until it is full. Takes memory for the rows that are read, however many
    prompts there are.

    TRL's own sampler draws the order of an epoch from a generator that a resume does not wind forward, so a stage that
    resumed in its second epoch would read other data. Laid out beforehand, all epochs are one pass in a fixed order.
    """
    rng = random.Random(f"order/{seed}")
    whole = prompts - prompts % per_step or prompts
    rows: list[int] = []
    while len(rows) < steps * per_step:
        rows += permuted(prompts, min(whole, steps * per_step - len(rows)), rng)
    return rows


def permuted(size: int, count: int, rng: random.Random) -> list[int]:
    """The first `count` of `rng.sample(range(size), size)`, in memory for as many; the generator goes on as after all
    of them."""
    if 2 * count > size:
        return rng.sample(range(size), size)[:count]
    moved: dict[int, int] = {}
    rows = []
    for left in range(size, size - count, -1):
        place = rng.randrange(left)
        rows.append(moved.get(place, place))
        moved[place] = moved.pop(left - 1, left - 1)
    for left in range(size - count, 0, -1):
        rng.randrange(left)
    return rows


def prompt_limit(model: str, settings: Grpo) -> int:
    """Tokens that a prompt may have: `max_prompt_tokens`, or fewer where the model's context with `max_new_tokens`
    behind them is shorter.

    Raises UsageError where it has no space for any prompt.
    """
    from transformers import AutoConfig

    text = AutoConfig.from_pretrained(base_of(model)).get_text_config()
    context = getattr(text, "max_position_embeddings", None)
    if context is None:
        return settings.max_prompt_tokens
    if settings.max_new_tokens >= context:
        raise UsageError(
            f"grpo.max_new_tokens is {settings.max_new_tokens}, and the context of {model} has {context} tokens in "
            "all; lower it"
        )
    return min(settings.max_prompt_tokens, int(context) - settings.max_new_tokens)


def fitting(model: str, prompts: Iterable[Messages], limit: int, chat: ChatFormat = DEFAULT) -> Iterator[bool]:
    """Of each prompt, in order, whether it has at most `limit` tokens; some are in memory at a time."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tokenizer_of(model), padding_side="left")
    return (tokens <= limit for tokens in chat.lengths(tokenizer, prompts))


def checked_lengths(prompts: Sequence[Messages], tokenizer: Any, limit: int, chat: ChatFormat = DEFAULT) -> list[int]:
    """How many tokens each prompt has. Raises UsageError when one has more than `limit`."""
    lengths = list(chat.lengths(tokenizer, prompts))
    longest = max(range(len(lengths)), key=lengths.__getitem__)
    if lengths[longest] > limit:
        opening = " ".join(prompts[longest][-1]["content"].split())[:60]
        raise UsageError(
            f"prompt {longest + 1} has {lengths[longest]} tokens, more than {limit} (max_prompt_tokens, or what "
            f"max_new_tokens leave of the context); shorten it or change these. It begins with {opening!r}"
        )
    return lengths
