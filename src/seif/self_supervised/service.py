"""`seif serve reward-model`: a reward model behind HTTP, for trainers on other machines.

    GET  /health  -> {"status": "ok", "model": ..., "judged": n}
    POST /score   {"items": [{"instruction": ..., "constraint": ..., "response": ...}]}
                  -> {"results": [{"probability": 0.93} or {"probability": null, "error": "..."}]}

Requests that arrive while a batch is in work are joined into the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
from collections.abc import AsyncIterator
from typing import Annotated

import uvicorn
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from seif.engines.together import Together
from seif.self_supervised.inputs import Item
from seif.self_supervised.scorer import Scored, Scorer

MOST_ITEMS = 4096
MOST_BYTES = 32 << 20
MOST_CONNECTIONS = 256
"""Connections that are served at once; further ones are told 503."""


class _Item(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    instruction: str
    constraint: str = Field(min_length=1)
    response: str


class _Items(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    items: Annotated[list[_Item], Field(max_length=MOST_ITEMS)]


def application(scorer: Scorer, name: str) -> Starlette:
    """The service of one model. Bad input is 400, 413 or 422 with one line that says what is wrong."""
    counts = {"judged": 0, "batches": 0}

    async def work(items: list[Item]) -> list[Scored]:
        # In a thread, so that the server can listen meanwhile.
        scored: list[Scored] = await asyncio.to_thread(scorer.score, items)
        counts["judged"] += len(scored)
        counts["batches"] += 1
        return scored

    together = Together(work, one_at_a_time=True)

    async def health(_: Request) -> JSONResponse:
        return JSONResponse({"status": "ok", "model": name, **counts})

    async def score(request: Request) -> JSONResponse:
        body = bytearray()
        try:
            async for part in request.stream():
                body += part
                if len(body) > MOST_BYTES:
                    return _refuse(413, f"a request has at most {MOST_BYTES >> 20} MiB; send fewer items")
        except ClientDisconnect:
            return _refuse(400, "the connection was closed within the request")
        try:
            asked = _Items.model_validate_json(bytes(body))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            return _refuse(
                400 if first["type"] == "json_invalid" else 422, f"{place}: {first['msg']}" if place else first["msg"]
            )
        try:
            found = await together.ask(*(Item(i.instruction, i.constraint, i.response) for i in asked.items))
        except (RuntimeError, ValueError, OverflowError) as error:
            # Out of memory, for one: the next batch may fit. The others are what tokenizers raise.
            return _refuse(503, " ".join(str(error).split())[:200])
        return JSONResponse({"results": list(map(_result, found))})

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        scorer.close()

    return Starlette(routes=[Route("/health", health), Route("/score", score, methods=["POST"])], lifespan=lifespan)


def _result(scored: Scored) -> dict[str, float | str | None]:
    if scored.probability is not None and not math.isfinite(scored.probability):
        # JSON has no word for it.
        return {"probability": None, "error": "probability is not a number"}
    return {"probability": scored.probability, **({"error": scored.error} if scored.error else {})}


def _refuse(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": message}, status_code=status)


def serve(scorer: Scorer, name: str, listener: socket.socket) -> None:
    """Serve on a bound socket until interrupted."""
    settings = uvicorn.Config(
        application(scorer, name),
        log_level="warning",
        timeout_graceful_shutdown=5,
        limit_concurrency=MOST_CONNECTIONS,
    )
    uvicorn.Server(settings).run(sockets=[listener])
