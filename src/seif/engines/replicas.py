"""Several servers with the same weights: a request goes to the least busy one that accepts connections."""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any

import aiohttp
import openai

from seif.engines.failures import MALFORMED, TOO_LARGE, BadAnswer

LEFT_OUT = 5.0
"""Seconds for which a replica that refuses connections is left out."""
CONNECT = 10.0
"""Seconds after which a server that does not take a connection counts as refusing it."""

most_bytes: ContextVar[int] = ContextVar("most_bytes", default=64 << 20)
"""How large a response to what is asked in this context may be."""


class Replica:
    """One base URL with its pooled client. It belongs to one event loop."""

    def __init__(self, url: str, api_key: str, connections: int, timeout: float) -> None:
        self.url = url
        self.under_way = 0
        self.out_until = 0.0
        self.client = _client(url, api_key, connections, timeout)


def choose(replicas: Sequence[Replica], now: float) -> Replica:
    """The least busy replica that is not left out; with all left out, the one that has been so for longest."""
    there = [r for r in replicas if r.out_until <= now]
    return min(there, key=lambda r: r.under_way) if there else min(replicas, key=lambda r: r.out_until)


def _client(url: str, api_key: str, connections: int, timeout: float) -> openai.AsyncOpenAI:
    limits = type(openai.DEFAULT_CONNECTION_LIMITS)(
        max_connections=None, max_keepalive_connections=connections, keepalive_expiry=60.0
    )
    # Without TLS there is nothing to verify, and no redirect may lead to where there would be.
    tls = not url.startswith("http://")
    # Over aiohttp, because the package's own transport looks at each of its connections for every request.
    http = _Bounded(limits=limits, verify=tls, follow_redirects=tls)
    return openai.AsyncOpenAI(
        base_url=url,
        api_key=api_key,
        max_retries=0,
        timeout=openai.Timeout(timeout, connect=CONNECT),
        http_client=http,
        # A kilobyte of gzip may be a gigabyte of text, and answers are small.
        default_headers={"Accept-Encoding": "identity"},
    )


class _Bounded(openai.DefaultAioHttpClient):
    """Reads no more of a response than `most_bytes`."""

    async def send(self, request: Any, *, stream: bool = False, **options: Any) -> Any:
        """As the client's own. Raises BadAnswer where a response is too large, compressed, no HTTP or no UTF-8."""
        try:
            response = await super().send(request, stream=True, **options)
        except aiohttp.ClientError as error:
            # The package translates the others.
            raise BadAnswer(MALFORMED) from error
        if stream:
            return response
        try:
            body = await _read(response)
        finally:
            await response.aclose()
        return type(response)(response.status_code, headers=response.headers, content=body, request=request)


async def _read(response: Any) -> bytes:
    if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise BadAnswer(TOO_LARGE)
    body, most = bytearray(), most_bytes.get()
    async for part in response.aiter_raw():
        body += part
        if len(body) > most:
            raise BadAnswer(TOO_LARGE)
    if response.status_code == 200:
        try:
            body.decode()
        except UnicodeDecodeError as error:
            # The client would put replacement characters into the answer.
            raise BadAnswer(MALFORMED) from error
    return bytes(body)
