"""Text without what is secret: keys and tokens of the environment, passwords and keys in URLs, and in headers."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

HIDDEN = "***"
SECRET_NAME = re.compile(r"(^|_)(API_?KEY|KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)$", re.IGNORECASE)
"""Names of environment variables, and of settings, whose values are secret."""
_SHORTEST = 6
"""Characters of a variable's value from which on it is taken for a secret; less would hide common words."""
_PATTERNS = (
    # https://user:password@host
    (re.compile(r"(?<=://)[^/\s@'\"]+@"), f"{HIDDEN}@"),
    (
        re.compile(r"(?i)([?&](?:[\w-]*[_-])?(?:api[_-]?key|key|token|secret|password|signature|sig)=)[^&\s'\"#]+"),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"(?i)\b(bearer|basic)(\s+)[\w.~+/=-]{6,}"), rf"\1\2{HIDDEN}"),
    (re.compile(r"(?i)(\b(?:x-)?api-key['\"]?\s*[:=]\s*['\"]?)[^\s'\",}]+"), rf"\1{HIDDEN}"),
    # As OpenAI, Hugging Face, GitHub and Slack write them.
    (re.compile(r"\b(?:sk-[\w-]{12,}|hf_\w{12,}|gh[pousr]_\w{20,}|xox[abprs]-[\w-]{10,})"), HIDDEN),
)
_named: set[str] = set()
"""Variables that a config names."""


def keep_secret(variable: str) -> None:
    """The value of this environment variable is secret, whatever it is called."""
    _named.add(variable)


def redacted(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """`text` with every secret in it replaced by ***."""
    values = {
        value.strip()
        for name, value in environment.items()
        if (name in _named or SECRET_NAME.search(name)) and len(value.strip()) >= _SHORTEST
    }
    # The longest first: one may begin with another.
    for value in sorted(values, key=len, reverse=True):
        text = text.replace(value, HIDDEN)
    for pattern, hidden in _PATTERNS:
        text = pattern.sub(hidden, text)
    return text
