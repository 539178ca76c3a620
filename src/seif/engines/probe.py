"""Ask a server one tiny question before a run starts, so that a wrong setting is reported at once and in one line."""

from __future__ import annotations

import asyncio

import openai

from seif.engines import failures
from seif.engines.base import Request
from seif.engines.openai import OpenAIEngine
from seif.engines.replicas import Replica
from seif.errors import UsageError

LIMIT = 25.0
"""Seconds for one server."""


def check_server(engine: OpenAIEngine, key_name: str, logprobs: bool) -> None:
    """Raises UsageError, with the fix, for the engine's one base URL; `key_name` is the variable with its key.

    The cause may be: nothing answers, in time or at all; the key; the model's name; a path that is none of the
    API's; a server without the first token's log-probabilities, when they are asked for.
    """
    asyncio.run(_check(engine, key_name, logprobs))


async def _check(engine: OpenAIEngine, key_name: str, logprobs: bool) -> None:
    url = engine.base_urls[0]
    request = Request(
        [{"role": "user", "content": "Reply with the single digit 1."}], max_tokens=1, top_logprobs=8 if logprobs else 0
    )
    try:
        async with asyncio.timeout(LIMIT):
            cause = (await engine.complete(request)).error
            names = (
                await _model_names(engine)
                if cause in (failures.NOT_FOUND, failures.BAD_REQUEST, failures.MALFORMED)
                else None
            )
    except TimeoutError:
        cause, names = failures.TIME_LIMIT, None
    # One token may well be empty: the server works.
    if cause not in ("", failures.EMPTY):
        raise UsageError(_explain(url, engine.model, cause, names, key_name))


async def _model_names(engine: OpenAIEngine) -> list[str] | None:
    """What the server says it serves; None when it says nothing that can be understood."""
    client = Replica(engine.base_urls[0], engine.api_key, 1, engine.limits.timeout).client
    try:
        return [str(model.id) async for model in client.models.list()]
    except (openai.OpenAIError, failures.BadAnswer, ValueError, TypeError, AttributeError):
        return None
    finally:
        await client.close()


def _explain(url: str, model: str, cause: str, names: list[str] | None, key_name: str) -> str:
    if names is not None and model not in names:
        return f"{url} serves no model {model!r}, only {', '.join(names[:8]) or 'none at all'}; set engine.served_model"
    match cause:
        case failures.REFUSED | failures.LOST:
            return f"nothing answers at {url} ({cause}); start the server, or correct engine.base_urls"
        case failures.UNTRUSTED:
            return f"the certificate of {url} is not trusted; set $SSL_CERT_FILE to that of its authority"
        case failures.TIME_LIMIT:
            return f"{url} did not answer a tiny question in time; is it still loading, or overloaded?"
        case failures.BAD_KEY:
            return f"{url} refuses the key in ${key_name} (401); export the right one"
        case failures.NOT_FOUND | failures.MALFORMED:
            return f"{url} is no OpenAI-compatible endpoint ({cause}); engine.base_urls usually end in /v1"
        case failures.NO_LOGPROBS:
            return (
                f"{url} returns no log-probabilities, which one-token verdicts "
                "need; set judger.kind: generative, or serve with another program"
            )
    return f"{url} can't answer a tiny question ({cause}); repair the server, or correct engine.base_urls"
