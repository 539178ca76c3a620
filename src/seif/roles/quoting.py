"""Text by one model, shown to another: it can't hold a verdict, end its quotation, or start another chat turn."""

from __future__ import annotations

import hashlib
import re

_MARKER = re.compile(r"[\[［]\s*[\[［][\W_]*([01０１])[\W_]*[\]］]\s*[\]］]")
_CONTROL = re.compile(
    r"<(?=\|[^\n|<>]{1,64}\|>|｜[^\n｜<>]{1,64}｜>|"
    r"/?(?:s|bos|eos|pad|unk|think|system|user|assistant)>|/?(?:start|end)_of_turn>|</?SYS>>)"
    r"|\[(?=/?(?:INST|SYSTEM_PROMPT)\])",
    re.IGNORECASE,
)
"""The first character of a chat template's control tokens; a tokenizer reads these as tokens anywhere in a text."""


def sanitize(text: str) -> str:
    """`text` without verdict markers ([[1]] becomes ((1))) and with a space inside every control token (<|im_end|>
    becomes < |im_end|>).
    """
    return _CONTROL.sub(lambda found: f"{found.group()} ", _MARKER.sub(lambda found: f"(({found.group(1)}))", text))


def mark_of(text: str) -> str:
    """A word that does not occur in `text`, for the lines before and after it.

    It depends on the text alone, so that questions about one text begin alike.
    """
    mark = ""
    while not mark or mark in text:
        mark = hashlib.sha256(f"{mark}\x00{text}".encode("utf-8", errors="replace")).hexdigest()[:8]
    return mark
