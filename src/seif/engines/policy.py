"""The adapter in training, on the vLLM server of its base beside the frozen roles: every version under a name of its
own, token ids in and token ids out.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from seif.engines.failures import MALFORMED, Failure
from seif.engines.vllm import VllmServer
from seif.errors import RunError
from seif.quantities import quantity


@dataclass(frozen=True)
class TokenRequest:
    """One rollout to be sampled, with neither top-p nor top-k. The seed makes it independent of what else is asked,
    up to rounding."""

    prompt: Sequence[int]
    max_tokens: int
    temperature: float
    seed: int
    end_ids: Sequence[int]
    """Tokens that end it."""


@dataclass(frozen=True)
class SampledTokens:
    """What the server sampled. Both lists have one entry per token, the end token included."""

    ids: list[int]
    logprobs: list[float]
    """Natural log of each token's probability at the request's temperature."""


class ServedPolicy:
    """The versions of one adapter; the newest is asked, and those before it are unloaded."""

    def __init__(self, server: VllmServer) -> None:
        self.server = server
        self._name: str | None = None

    @property
    def dtype(self) -> str:
        """What the server computes in, by name."""
        return self.server.dtype

    @property
    def log(self) -> Path:
        """Of the server."""
        return self.server.process.log

    def push(self, adapter: Path) -> None:
        """Serve the adapter in this directory from now on. vLLM reads it again after a restart, so it has to stay
        until the next one is pushed. vLLM caches prompts by name and path: a directory is never pushed twice.

        Raises RunError when the server can't load it.
        """
        before, self._name = self._name, str(adapter.absolute())
        self.server.load(self._name)
        if before is not None:
            self.server.unload(before)

    def sample(self, requests: Sequence[TokenRequest]) -> list[SampledTokens]:
        """Rollouts of the newest version, in the order of `requests`. Raises RunError when one of them fails, after
        retries, and when the server is down for good."""
        assert self._name is not None, "no adapter was pushed"
        found = asyncio.run(self._sample(self._name, requests))
        causes = Counter(answer.cause for answer in found if isinstance(answer, Failure))
        if causes:
            raise RunError(
                f"vLLM failed to sample {causes.total()} of {quantity(len(found), 'rollout')} "
                f"(most often: {causes.most_common(1)[0][0]}); its log: {self.log}; the same command resumes"
            )
        return [answer for answer in found if isinstance(answer, SampledTokens)]

    def close(self) -> None:
        """Unload the newest version."""
        if self._name is not None:
            self.server.unload(self._name)
            self._name = None

    async def _sample(self, name: str, requests: Sequence[TokenRequest]) -> list[SampledTokens | Failure]:
        engine = self.server.engine(self.server.base)
        return await asyncio.gather(
            *(engine.post("/completions", _body(name, r), partial(read_tokens, request=r)) for r in requests)
        )


def _body(name: str, request: TokenRequest) -> dict[str, Any]:
    return {
        "model": name,
        "prompt": list(request.prompt),
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "top_p": 1.0,
        "top_k": 0,
        "seed": request.seed,
        "stop_token_ids": list(request.end_ids),
        "logprobs": 0,  # of the sampled token alone
        "return_token_ids": True,
    }


def read_tokens(body: str, request: TokenRequest) -> SampledTokens | Failure:
    """The tokens out of a response body, if they answer exactly the prompt that was sent."""
    try:
        choice = json.loads(body)["choices"][0]
        prompt, ids = choice["prompt_token_ids"], [int(token) for token in choice["token_ids"]]
        logprobs = [float(value) for value in choice["logprobs"]["token_logprobs"]]
    except (ValueError, LookupError, TypeError, RecursionError, OverflowError):
        return Failure(MALFORMED)
    if prompt != list(request.prompt) or not ids or len(ids) != len(logprobs) or not all(map(math.isfinite, logprobs)):
        return Failure(MALFORMED)
    return SampledTokens(ids, logprobs)
