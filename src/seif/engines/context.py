"""How many tokens a model's context has, and which prompts do not fit it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

from seif.chat import ChatFormat
from seif.engines.adapter import base_of, tokenizer_of
from seif.engines.base import Messages
from seif.engines.model_files import model_folder
from seif.errors import UsageError
from seif.quantities import quantity


class ContextLimit:
    """The context of the model at `model`; its weights are not loaded."""

    def __init__(self, model: str, chat: ChatFormat) -> None:
        from transformers import AutoConfig

        self.model, self.chat, base = model, chat, base_of(model)
        self.size: int | None = None
        """Tokens; None where the model's config names no limit, or is not on this machine, because it is served."""
        folder = model_folder(base)
        if folder is not None and (folder / "config.json").is_file():
            text = AutoConfig.from_pretrained(base).get_text_config()
            self.size = getattr(text, "max_position_embeddings", None)

    @cached_property
    def _tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(tokenizer_of(self.model))

    def lengths(self, prompts: Iterable[Messages]) -> Iterator[int]:
        """Tokens of each prompt, in order; some are in memory at a time. The tokenizer is read with the first one."""
        yield from self.chat.lengths(self._tokenizer, prompts)

    def check(self, lengths: Iterable[int], new_tokens: int, name: str, fix: str) -> None:
        """Raises UsageError, with the `fix`, when one of `lengths`, tokens of prompts, and `new_tokens` after it are
        more than the context.

        The message says the first one's number, from 1, after `name`, and how many there are.
        """
        if self.size is None:
            return
        long = [(number, tokens) for number, tokens in enumerate(lengths, 1) if tokens + new_tokens > self.size]
        if long:
            number, tokens = long[0]
            others = f" (so do {quantity(len(long) - 1, 'other')})" if len(long) > 1 else ""
            raise UsageError(
                f"{name} {number} has {tokens} tokens; with {new_tokens} new ones it exceeds the model's context of "
                f"{self.size}{others}: {fix}"
            )
