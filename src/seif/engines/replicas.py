"""Several servers with the same weights: each request goes where least is under way, and not to one that is not there."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import openai

LEFT_OUT = 5.0
"""Seconds for which a replica that refuses connections is left out."""
CONNECT = 10.0
"""Seconds after which a server that does not take a connection counts as refusing it."""
CONNECTIONS_PER_POOL = 8
"""The client's pool looks at each of its connections for every request, which at 100 costs as much as all the rest."""


class Replica:
    """One base URL with its pooled clients. It belongs to one event loop."""

    def __init__(self, url: str, api_key: str, connections: int, timeout: float) -> None:
        self.url = url
        self.under_way = 0
        self.out_until = 0.0
        # Every pool for TLS reads the certificates anew, and a remote service is never so fast that the look matters.
        plain = url.startswith("http://")
        count = -(-connections // CONNECTIONS_PER_POOL) if plain else 1
        self.clients = [_client(url, api_key, plain, connections, timeout) for _ in range(count)]
        self.next_client = itertools.cycle(self.clients).__next__


def choose(replicas: Sequence[Replica], now: float) -> Replica:
    """The least busy replica that is not left out; with all left out, the one that has been so for longest."""
    there = [r for r in replicas if r.out_until <= now]
    return min(there, key=lambda r: r.under_way) if there else min(replicas, key=lambda r: r.out_until)


def _client(url: str, api_key: str, plain: bool, connections: int, timeout: float) -> openai.AsyncOpenAI:
    limits = type(openai.DEFAULT_CONNECTION_LIMITS)(max_connections=None, max_keepalive_connections=connections, keepalive_expiry=60.0)
    # Without TLS there is nothing to verify, and no redirect may lead to where there would be.
    http = openai.DefaultAsyncHttpxClient(limits=limits, verify=not plain, follow_redirects=not plain)
    return openai.AsyncOpenAI(base_url=url, api_key=api_key, max_retries=0, timeout=openai.Timeout(timeout, connect=CONNECT), http_client=http)
