"""How responses are cut up before anything is counted."""

from __future__ import annotations

import re

_ABBREVIATIONS = re.compile(r"\b(P\.\s?S|P\.\s?P\.\s?S|Mr|Mrs|Ms|Dr|St|e\.g|i\.e|etc|vs)\.", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?]+[\"'*\])>]*(?:\s+|$)")


def count_sentences(text: str) -> int:
    """Number of sentences: stretches with a letter or digit that end in . ! or ? before white space, or at the end.

    The dots of common abbreviations ("P.S.", "Dr.") do not end a sentence. A heading without a full stop belongs to the
    sentence after it.
    """
    protected = _ABBREVIATIONS.sub(lambda match: match.group(0).replace(".", ""), text)
    return sum(any(c.isalnum() for c in piece) for piece in _SENTENCE_END.split(protected))
