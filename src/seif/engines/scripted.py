"""A scripted model: an ordinary engine with given replies, so unit tests run the real code around it."""

from __future__ import annotations

from collections.abc import Callable

from seif.engines.base import Completion, Request


class ScriptedEngine:
    """Answers each request with `script(request)`; a plain string counts as a finished completion."""

    def __init__(self, script: Callable[[Request], str | Completion]) -> None:
        self.script = script
        self.requests: list[Request] = []

    async def complete(self, request: Request) -> Completion:
        self.requests.append(request)
        answer = self.script(request)
        return Completion(answer, "stop") if isinstance(answer, str) else answer

    def close(self) -> None:
        self.requests.clear()
