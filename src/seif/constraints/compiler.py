"""From a constraint's text to (instruction id, kwargs), when and only when it is certain; else nothing.

The text is brought to one line with straight quotes, the frame around its demand is taken off ("Please make sure that
your response ..."), and what remains must be consumed whole by a wording. Understanding a part is not certainty:
"at least 3 sentences about cats" is left to the Judger.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from seif.constraints import wordings_en, wordings_en_content, wordings_zh
from seif.constraints.wordings import Wording
from seif.types import Constraint

_LONGEST = 1000
"""Characters. No rule's wording is as long; a page of text is a task, not a constraint."""

# Each maps one character to one, so that the words around keep their places.
_PLAIN = str.maketrans({"“": '"', "”": '"', "„": '"', "「": '"', "」": '"', "『": '"', "』": '"', "‘": "'", "’": "'", "`": "'"})

_Entry = tuple[Wording, tuple[re.Pattern[str], ...]]


def _entry(wording: Wording, tail: str) -> _Entry:
    """A wording's expressions, each with what may follow it: the reply's name, an echo, the final stop."""
    follow = rf"(?:[ ,.;:(—-]{{0,4}}(?:{'|'.join(filter(None, [tail, wording.echoes]))})\)?){{0,4}}[ .!;]*" if tail or wording.echoes else r"[ .!;。！；]*"
    return wording, tuple(re.compile(rf"(?:{pattern}){follow}", re.IGNORECASE) for pattern in wording.patterns)


_ENGLISH = [_entry(wording, wordings_en.IN_REPLY) for wording in (*wordings_en.WORDINGS, *wordings_en_content.WORDINGS)]
_CHINESE = [_entry(wording, "") for wording in wordings_zh.WORDINGS]
_REGISTERED: list[_Entry] = []


def register_wording(instruction_id: str, pattern: str, kwargs: Callable[[re.Match[str]], dict[str, Any]]) -> None:
    """Teach the compiler another wording: a regular expression that must match the whole text, ignoring case.

    It is tried after the built-in ones, on the text as one line with straight quotes, with and without its final
    punctuation. `kwargs` builds the rule's arguments from the match. Raises re.error for a broken pattern.
    """
    _REGISTERED.append((Wording(instruction_id, ("",), (pattern,), kwargs), (re.compile(pattern, re.IGNORECASE),)))
    compile_text.cache_clear()


@lru_cache(maxsize=65536)
def compile_text(text: str) -> Constraint:
    """The constraint that `text` certainly states; a `soft` one when a rule can't be certain of all of it."""
    if len(text) > _LONGEST:
        return Constraint(text)
    written = " ".join(text.split())
    line = written.translate(_PLAIN)
    found = _compile_line(line) or _compile_sentences(line) or _match(_REGISTERED, line) or _match(_REGISTERED, line.rstrip(".!。！"))
    if found is None:
        return Constraint(text)
    instruction_id, kwargs = found
    return Constraint(text, instruction_id, {name: _as_written(value, line, written) for name, value in kwargs.items()})


def _as_written(value: Any, line: str, written: str) -> Any:
    """A word or phrase with its own quotes and apostrophes again: the reply is to repeat what was asked for."""
    if isinstance(value, list):
        return [_as_written(item, line, written) for item in value]
    at = line.find(value) if isinstance(value, str) and "'" in value else -1
    return value if at < 0 else written[at : at + len(value)]


def _compile_line(line: str) -> tuple[str, dict[str, Any]] | None:
    # Only frames and wordings hold Chinese characters; quoted words may be in any script.
    english = _match(_ENGLISH, _unframed(line, wordings_en.FRAME))
    return english or (None if line.isascii() else _match(_CHINESE, _unframed(line, wordings_zh.FRAME)))


def _compile_sentences(line: str) -> tuple[str, dict[str, Any]] | None:
    """Several sentences are one constraint when each of them, alone, says the same rule."""
    sentences = re.split(r"(?<=[a-z][.!;]) ?(?=[A-Z])", line)
    if not 2 <= len(sentences) <= 4:
        return None
    found = [_compile_line(sentence) for sentence in sentences]
    return found[0] if all(one is not None and one == found[0] for one in found) else None


def _unframed(line: str, frame: re.Pattern[str]) -> str:
    for _ in range(8):
        match = frame.match(line)
        if match is None or not match.end():
            break
        line = line[match.end() :]
    return line


def _match(entries: list[_Entry], body: str) -> tuple[str, dict[str, Any]] | None:
    lowered = body.lower()
    for wording, patterns in entries:
        if any(cue in lowered for cue in wording.cues):
            for pattern in patterns:
                match = pattern.fullmatch(body)
                kwargs = wording.kwargs(match) if match else None
                if kwargs is not None:
                    return wording.instruction_id, kwargs
    return None
