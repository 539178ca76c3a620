"""A model's tokenizer: how long texts are for the model, and what is saved with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from transformers import AutoTokenizer

from seif.chat import ChatFormat
from seif.engines.adapter import tokenizer_of
from seif.engines.base import Messages

_OF_LOADING = ("is_local", "local_files_only")
"""What transformers notes in a tokenizer's config although it describes the machine: where its files were found."""


def tokenizer_to_save(model: str, **options: Any) -> Any:
    """The tokenizer of `model` with transformers' `options`; what it saves is the same wherever it came from."""
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_of(model), **options)
    for key in _OF_LOADING:
        tokenizer.init_kwargs.pop(key, None)
    return tokenizer


class TokenCounter:
    """Counts tokens as the model at `model` reads them; its weights are not loaded."""

    def __init__(self, model: str, chat: ChatFormat) -> None:
        self.tokenizer, self.chat = AutoTokenizer.from_pretrained(tokenizer_of(model)), chat

    def prompts(self, prompts: Sequence[Messages]) -> list[int]:
        """Tokens of each prompt, the template's included."""
        return [len(ids) for ids in self.chat.prompt_ids(self.tokenizer, prompts)]

    def replies(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each reply, its end token included."""
        if not texts:
            return []
        return [len(ids) + 1 for ids in self.tokenizer(list(texts), add_special_tokens=False).input_ids]
