"""The one small interface behind which every model stands, in process or behind an OpenAI-compatible server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from seif.types import Json

Messages = list[dict[str, str]]
"""A chat in the form every chat template and OpenAI-compatible server takes."""
TOO_LONG = "context too long"
"""The error of a prompt that does not fit with what is to be written; like every error, the same words each time, to be
counted.
"""


@dataclass(frozen=True)
class Request:
    """One chat completion. Sampling is seeded per request, so a result does not depend on what else is asked."""

    messages: Messages
    max_tokens: int
    temperature: float = 0.0
    seed: int = 0
    top_logprobs: int = 0
    """How many of the likeliest first tokens to return with their log-probabilities (natural log)."""
    tools: Sequence[Json] = ()
    """Descriptions of tools (JSON schemas) that the chat template shows; calls come back as text of the reply."""


@dataclass(frozen=True)
class Completion:
    """What came back. A failure is a completion too: `error` says why and `text` is empty."""

    text: str
    finish_reason: str
    """`stop`: the end token was written; `length`: it was cut off; `error`: nothing was generated."""
    first_token_logprobs: Mapping[str, float] = field(default_factory=dict)
    error: str = ""
    prompt_tokens: int = 0
    """Tokens that were read, the chat template's included; 0 where a server does not say."""
    new_tokens: int = 0
    """Tokens that were written, the end token included; 0 where a server does not say."""
    shared: bool = False
    """Another request, equal and asked first, had this reply; its tokens and its call count there."""


class Engine(Protocol):
    """Serves every role that shares one set of weights. Ask many things at once: the engine decides how to batch."""

    async def complete(self, request: Request) -> Completion:
        """Answer one request. Never raises for a bad request; the completion carries the error."""
        ...

    def close(self) -> None:
        """Give back memory, processes, connections."""
        ...


class NoEngine:
    """Stands where no model is loaded; it answers nothing."""

    async def complete(self, request: Request) -> Completion:
        """A completion with an error."""
        return Completion("", "error", error="no model is loaded")

    def close(self) -> None:
        """Nothing to give back."""
