"""Text without what is secret: keys and tokens of the environment, passwords and keys in URLs, and in headers."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence

from seif.errors import UsageError

HIDDEN = "***"
_SECRET_VARIABLE = re.compile(r"(^|_)(API_?KEY|KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)$", re.IGNORECASE)
_SETTING = r"(?:api[_-]?key|(?:access|auth|hf|hub|bearer|refresh)[_-]?token|token|secret|passwd|password|credentials?)"
_SECRET_SETTING = re.compile(rf"^(?:--)?(?:\w*[_-])?{_SETTING}$", re.IGNORECASE)
_NO_SECRETS = re.compile(r"(bos|eos|pad|unk|sep|cls|mask|stop|special)[_-]token$", re.IGNORECASE)
"""Tokens that a tokenizer has."""
_SHORTEST = 6
"""Characters of a variable's value from which on it is taken for a secret; less would hide common words."""
_PATTERNS = (
    # https://user:password@host
    (re.compile(r"(?<=://)[^/\s@'\"]+@"), f"{HIDDEN}@"),
    # https://host/path?key=..., and --set engine.api_key_env=...
    (re.compile(rf"(?i)((?:[?&](?:key|sig|signature|{_SETTING})|{_SETTING}(?:_env)?)=)[^&\s'\"#,;]+"), rf"\1{HIDDEN}"),
    # {HF_TOKEN: ...}, and [--api-key, ...] in a list of arguments
    (re.compile(rf"(?i)({_SETTING}['\"]?(?::|,)\s+['\"]?)(?=[^\s'\",\]}}]*[\d_-])[^\s'\",\]}}]{{6,}}"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)\b(bearer|basic)(\s+)[\w.~+/=-]{6,}"), rf"\1\2{HIDDEN}"),
    (re.compile(r"(?i)(\b(?:x-)?api[_-]key['\"]?\s*:\s*['\"]?)[^\s'\",}]+"), rf"\1{HIDDEN}"),
    # As OpenAI, Hugging Face, GitHub and Slack write them.
    (re.compile(r"\b(?:sk-(?:\w+-)*\w{20,}|hf_[A-Za-z0-9]{30,}|gh[pousr]_\w{20,}|xox[abprs]-[\w-]{10,})"), HIDDEN),
)
_named: set[str] = set()
"""Variables that a config names."""


def keep_secret(variable: str) -> None:
    """The value of this environment variable is secret, whatever it is called."""
    _named.add(variable)


def redacted(text: str, environment: Mapping[str, str] | None = None) -> str:
    """`text` with every secret in it replaced by ***; `environment` is this process's by default."""
    # The longest first: one may begin with another.
    for value in sorted(_values(os.environ if environment is None else environment), key=len, reverse=True):
        text = text.replace(value, HIDDEN)
    for pattern, hidden in _PATTERNS:
        text = pattern.sub(hidden, text)
    return text


def refuse_secrets(tree: Mapping[str, object]) -> None:
    """Raises UsageError for a config, as plain values, with a secret in it: a run writes its config down."""
    for key, value in _leaves(tree, ""):
        name = key.rpartition(".")[2]
        by_name = _SECRET_SETTING.match(name) and not _NO_SECRETS.search(name)
        if value and (by_name or redacted(value) != value):
            raise UsageError(
                f"{key} holds a key or a password, and a run writes its config down; export it as an environment "
                "variable instead (engine.api_key_env names that of a server's key)"
            )


def _values(environment: Mapping[str, str]) -> set[str]:
    return {
        value.strip()
        for name, value in environment.items()
        if (name in _named or _SECRET_VARIABLE.search(name)) and len(value.strip()) >= _SHORTEST
    }


def _leaves(value: object, key: str) -> Iterator[tuple[str, str]]:
    """Every text of a tree with its dotted key. Of a list of arguments, what follows `--flag` has that name too."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, f"{key}.{name}" if key else str(name))
    elif isinstance(value, Sequence):
        flag = ""
        for item in value:
            if isinstance(item, str) and item.startswith("--"):
                flag, _, given = item.partition("=")
                yield (f"{key}.{flag}", given) if given else (key, item)
            else:
                yield from _leaves(item, f"{key}.{flag}" if flag else key)
                flag = ""
