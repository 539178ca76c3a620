"""From a constraint's text to (instruction id, kwargs), when and only when it is certain; else nothing.

The text is brought to one line with straight quotes, the frame around its demand is taken off ("Please make sure that
your response ..."), and what remains must be consumed whole by a wording. Understanding a part is not certainty:
"at least 3 sentences about cats" is left to the Judger.
"""

from __future__ import annotations

import re

from seif.constraints.specification import TYPES, plugin_of
from seif.constraints.wordings import CHINESE, ENGLISH, Language, Wording
from seif.types import Constraint, Kwargs, KwargValue
from seif.user_code import called

_LONGEST = 1000
"""Characters. No rule's wording is as long; a page of text is a task, not a constraint."""

# Each maps one character to one, so that the words around keep their places.
_PLAIN = str.maketrans(
    {"“": '"', "”": '"', "„": '"', "「": '"', "」": '"', "『": '"', "』": '"', "‘": "'", "’": "'", "`": "'"}
)

_Found = tuple[str, Kwargs]
"""An instruction id and its kwargs."""


def compile_text(text: str) -> Constraint:
    """The constraint that `text` certainly states; a `soft` one when a rule can't be certain of all of it."""
    return _compiled(text) if len(text) <= _LONGEST else Constraint(text)


@TYPES.cached(maxsize=65536)
def _compiled(text: str) -> Constraint:
    written = " ".join(text.split())
    line = written.translate(_PLAIN)
    found = _compile_line(line) or _compile_sentences(line)
    if found is None:
        return Constraint(text)
    instruction_id, kwargs = found
    return Constraint(text, instruction_id, {name: _as_written(value, line, written) for name, value in kwargs.items()})


def _as_written(value: KwargValue, line: str, written: str) -> KwargValue:
    """Words and phrases with their own quotes and apostrophes again: the reply is to repeat what was asked for."""

    def restored(text: str) -> str:
        at = line.find(text) if "'" in text else -1
        return text if at < 0 else written[at : at + len(text)]

    if isinstance(value, list):
        return list(map(restored, value))
    return restored(value) if isinstance(value, str) else value


def _compile_line(line: str) -> _Found | None:
    # Only frames and wordings hold Chinese characters; quoted words may be in any script.
    return _match(line, ENGLISH) or (None if line.isascii() else _match(line, CHINESE))


def _compile_sentences(line: str) -> _Found | None:
    """Several sentences are one constraint when each of them, alone, says the same rule."""
    sentences = re.split(r"(?<=[a-z][.!;]) ?(?=[A-Z])", line)
    if not 2 <= len(sentences) <= 4:
        return None
    found = [_compile_line(sentence) for sentence in sentences]
    return found[0] if all(one is not None and one == found[0] for one in found) else None


def _match(line: str, language: Language) -> _Found | None:
    demand = _unframed(line, language.frame)
    lowered = demand.lower()
    for instruction_id, wording in _wordings(language):
        if any(fragment in lowered for fragment in wording.fragments):
            for expression in wording.expressions:
                match = expression.fullmatch(demand)
                if match is None:
                    continue
                with called(f"a wording of {instruction_id}", plugin_of(instruction_id)):
                    kwargs = wording.kwargs(match)
                if kwargs is not None:
                    return instruction_id, kwargs
    return None


@TYPES.cached()
def _wordings(language: Language) -> list[tuple[str, Wording]]:
    """The wordings of a language with their types' ids, in the order in which they are tried."""
    found = [(kind.id, wording) for kind in TYPES.values() for wording in kind.wordings if wording.language is language]
    return sorted(found, key=lambda entry: not entry[1].first)


def _unframed(line: str, frame: re.Pattern[str]) -> str:
    for _ in range(8):
        match = frame.match(line)
        if match is None or not match.end():
            break
        line = line[match.end() :]
    return line
