"""Questions with a known answer, so that other abilities than following instructions are rewarded and measured."""

from __future__ import annotations

import importlib.util
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seif.engines.base import Engine, Request
from seif.errors import UsageError
from seif.evaluation.results import GeneralAccuracy
from seif.journal import ask_all
from seif.roles import follower
from seif.tables import read_rows
from seif.types import Instruction

_BOX = "\\boxed{"
LONGEST = 500
"""Characters of an answer."""


@dataclass(frozen=True)
class Question:
    """A question, which says itself that the result goes into \\boxed{}, and its answer (LaTeX or plain)."""

    prompt: str
    answer: str

    @property
    def instruction(self) -> Instruction:
        """The question as the Follower gets it."""
        return Instruction(self.prompt, ())


def load_questions(path: Path) -> list[Question]:
    """Rows with `prompt` and `answer`.

    Raises UsageError naming the row, for a file without rows, and when math-verify is missing.
    """
    if importlib.util.find_spec("math_verify") is None:
        raise UsageError("general questions need math-verify: pip install 'seif[general]'")
    questions = []
    for number, row in enumerate(read_rows(path), 1):
        prompt, answer = row.get("prompt"), row.get("answer")
        answer = str(answer).strip() if isinstance(answer, str | int | float) and not isinstance(answer, bool) else ""
        if not isinstance(prompt, str) or not prompt.strip() or not answer:
            raise UsageError(f"{path} row {number}: needs `prompt` (text) and `answer` (text or number)")
        questions.append(Question(prompt, answer))
    if not questions:
        raise UsageError(f"{path} holds no questions; give it rows with `prompt` and `answer`")
    return questions


def boxed(text: str) -> str | None:
    """What stands in the last \\boxed{} of a text; None without a whole one."""
    start = text.rfind(_BOX)
    if start < 0:
        return None
    depth = 1
    for end in range(start + len(_BOX), len(text)):
        depth += (text[end] == "{") - (text[end] == "}")
        if depth == 0:
            return text[start + len(_BOX) : end].strip()
    return None


def correct(reply: str, answer: str) -> bool:
    """Whether the last \\boxed{} of `reply` holds `answer`: the same text, or the same after math-verify's
    normalisation.
    """
    found, wanted = boxed(reply), boxed(answer) or answer
    if found is None:
        return False
    return found == wanted or _same(found, wanted)


def _same(found: str, wanted: str) -> bool:
    from math_verify import LatexExtractionConfig, parse, verify

    # math-verify's time limit is an alarm, which only the main thread may set. What is longer than any answer is not
    # read.
    limit = 5 if threading.current_thread() is threading.main_thread() else None
    if len(found) > LONGEST:
        return False

    def read(text: str) -> Any:
        return parse(f"${text}$", [LatexExtractionConfig()], parsing_timeout=limit)

    return bool(verify(read(wanted), read(found), timeout_seconds=limit))


async def accuracy(
    engine: Engine,
    questions: Sequence[Question],
    style: str,
    response_format: str,
    max_new_tokens: int,
    parts: Path | None = None,
) -> GeneralAccuracy:
    """Share of greedy replies that are right, with its standard error.

    Replies are kept in the file `parts`, and not asked for again where that holds them.
    """

    async def ask(place: int) -> tuple[str, bool] | None:
        prompt = follower.messages(style, questions[place].instruction, response_format)
        completion = await engine.complete(Request(prompt, max_new_tokens))
        return None if completion.error else (completion.text, completion.finish_reason == "stop")

    replies = [
        follower.parse(*(reply or ("", False)), response_format) for reply in await ask_all(ask, len(questions), parts)
    ]
    share = sum(r is not None and correct(r, q.answer) for r, q in zip(replies, questions, strict=True)) / len(
        questions
    )
    return GeneralAccuracy(accuracy=share, stderr=math.sqrt(share * (1 - share) / len(questions)), n=len(questions))
