"""How long texts are for a model."""

from __future__ import annotations

from collections.abc import Sequence

from transformers import AutoTokenizer

from seif.chat import ChatFormat
from seif.engines.adapter import tokenizer_of
from seif.engines.base import Messages


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
