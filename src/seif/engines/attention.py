"""The attention implementations of models in process."""

from __future__ import annotations

import difflib

from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from seif.errors import UsageError


def check_attention(name: str | None) -> None:
    """Raises UsageError for a name that transformers does not know; OWNER/NAME is a kernel of the hub."""
    known = sorted({"eager", *ALL_ATTENTION_FUNCTIONS.valid_keys()})
    if name is None or name in known or "/" in name:
        return
    near = difflib.get_close_matches(name, known, n=1)
    meant = f"did you mean {near[0]!r}? " if near else ""
    raise UsageError(f"attn_implementation: transformers knows no {name!r}; {meant}Known: {', '.join(known)}")
