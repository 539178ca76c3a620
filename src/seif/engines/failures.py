"""Why a request to a server failed, in fixed words that can be counted, and whether to ask again.

No word of the server's own is passed on: it may quote a key.
"""

from __future__ import annotations

import email.utils
import time
from collections.abc import Mapping
from dataclasses import dataclass

import openai

from seif.engines.base import TOO_LONG

REFUSED = "connection refused"
UNTRUSTED = "certificate not trusted"
LOST = "connection lost"
TIME_LIMIT = "time limit"
MALFORMED = "malformed answer"
TOO_LARGE = "answer too large"
EMPTY = "empty answer"
WITHHELD = "answer withheld"
NO_LOGPROBS = "no logprobs"
TOO_MANY = "too many requests (429)"
BAD_KEY = "key refused (401)"
NOT_FOUND = "no such model or path (404)"
GONE = "server gone"
BAD_REQUEST = "bad request (400)"
LONGEST_WAIT = 120.0
"""Seconds; a `Retry-After` beyond this is not waited for in full."""


@dataclass(frozen=True)
class Failure:
    """One failed attempt. `again`: another attempt may succeed. `wait`: seconds that the server asked for."""

    cause: str
    again: bool = True
    wait: float = 0.0


class BadAnswer(Exception):
    """What the client has no error for; `cause` is one of the above."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


def failure_of(error: openai.OpenAIError | TimeoutError | BadAnswer) -> Failure:
    """The failure behind an exception of the client."""
    if isinstance(error, BadAnswer):
        return Failure(error.cause)
    if isinstance(error, TimeoutError | openai.APIConnectionError):
        cause = _without_answer(error)
        return Failure(cause, again=cause != UNTRUSTED)
    if not isinstance(error, openai.APIStatusError):
        return Failure(MALFORMED)
    status, wait = error.status_code, retry_after(error.response.headers)
    match status:
        case 400 | 413 | 422:
            return Failure(TOO_LONG if status == 413 or _about_length(error) else BAD_REQUEST, again=False)
        case 401 | 403:
            return Failure(BAD_KEY, again=False)
        case 404:
            return Failure(NOT_FOUND, again=False)
        case 429:
            return Failure(TOO_MANY, wait=wait)
        case 408 | 409:
            return Failure(f"server busy ({status})", wait=wait)
        case _ if 300 <= status < 400:
            # A load balancer may send away for a while; without TLS nothing is followed.
            return Failure(f"redirected ({status})", wait=wait)
        case _ if status >= 500:
            return Failure(f"server error ({status})", wait=wait)
    return Failure(f"unexpected status ({status})", again=False)


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds that a `Retry-After` header asks to wait, as a number or a date; 0 without a readable one."""
    value = headers.get("retry-after", "")
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except ValueError:
            return 0.0
    return min(max(0.0, seconds), LONGEST_WAIT) if seconds == seconds else 0.0


def _without_answer(error: BaseException) -> str:
    """Decided by the transport's own error: the client turns a lost connection into a timeout."""
    names = []
    inner: BaseException | None = error
    while inner is not None:
        names.append(type(inner).__name__)
        inner = inner.__cause__
    if "ClientConnectorCertificateError" in names:
        return UNTRUSTED
    if any(name.startswith("ClientConnector") or name == "ConnectionTimeoutError" for name in names):
        # A connection that never came about is the server's absence, not its slowness.
        return REFUSED
    lost = any(
        name in ("ServerDisconnectedError", "ClientOSError", "ClientConnectionResetError", "ClientPayloadError")
        for name in names
    )
    return TIME_LIMIT if isinstance(error, TimeoutError | openai.APITimeoutError) and not lost else LOST


def _about_length(error: openai.APIStatusError) -> bool:
    text = str(error.body or error).lower()
    return (
        "context length" in text
        or "context_length" in text
        or "too long" in text
        or ("maximum" in text and "tokens" in text)
    )
