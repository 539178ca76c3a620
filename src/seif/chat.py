"""Chats as text: how a conversation becomes a prompt, and how a reply is read.

Every reply leaves this module in one form, whatever the model's family: an optional `<think>thought</think>`, then
the answer. Engines and the trainer translate at their boundary, so that parsers know that form alone.

A family that a config can't describe is a plugin of one file:

    chat_formats.add("family", ChatFormat(template_kwargs={"thinking": False}, think_end="<|end_of_thought|>"))
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from types import FrameType
from typing import Any

from seif.config import Chat
from seif.errors import SeifError, UsageError, cause_of
from seif.registry import Registry

THINK_START, THINK_END = "<think>", "</think>"
"""What stands around a thought once a reply is read."""
COUNTED = 1024
"""Conversations that are tokenized together where only their lengths are wanted."""
MOST_STEPS = 1_000_000
"""Lines of a template that may be run for one short question."""
_TEMPLATE = "<template>"
"""The file that Jinja says a template without one is in."""


@dataclass(frozen=True)
class ChatFormat:
    """How a model's family is prompted and writes. Subclasses may override `prompts` and `read`."""

    template_kwargs: Mapping[str, Any] = field(default_factory=dict)
    """Variables of the chat template, such as `enable_thinking`."""
    think_start: str = THINK_START
    think_end: str = THINK_END
    opens_thought: bool = False
    """Whether the template ends a prompt with `think_start`, so that a reply begins within the thought."""

    def prompts(self, tokenizer: Any, conversations: Sequence[list[dict[str, str]]]) -> list[str]:
        """The conversations as text, up to where the model's reply begins; `tokenizer` is transformers'.

        Raises UsageError for a template that can't be parsed, refuses a conversation, or makes no text of it.
        """
        with _naming_the_template(tokenizer):
            prompts = tokenizer.apply_chat_template(
                list(conversations), tokenize=False, add_generation_prompt=True, **self.template_kwargs
            )
        return list(prompts)

    def check(self, tokenizer: Any) -> None:
        """Raises UsageError as `prompts` does for one short question, for a template that takes more than `MOST_STEPS`
        for it, and for one that leaves the question out."""
        question = "Why is the sea salty?"
        with _naming_the_template(tokenizer), _limited(MOST_STEPS):
            (prompt,) = self.prompts(tokenizer, [[{"role": "user", "content": question}]])
        if question not in prompt:
            raise UsageError(f"{_template_of(tokenizer)} leaves out what the user says; set another chat_template")

    def prompt_ids(self, tokenizer: Any, conversations: Sequence[list[dict[str, str]]]) -> list[list[int]]:
        """The conversations as token ids, without padding."""
        # The template writes the special tokens itself.
        return (
            list(tokenizer(self.prompts(tokenizer, conversations), add_special_tokens=False).input_ids)
            if conversations
            else []
        )

    def lengths(
        self, tokenizer: Any, conversations: Iterable[list[dict[str, str]]], room: int | None = None
    ) -> Iterator[int]:
        """How many tokens each conversation has, up to where the model's reply begins; some are in memory at a time.

        One that certainly has no more than `room` is not counted: of it an upper bound is given.
        """
        source = iter(conversations)
        bounds = _Bounds(self, tokenizer)
        while batch := list(islice(source, COUNTED)):
            found = [bounds.most(chat) for chat in batch] if room is not None else [-1] * len(batch)
            counted = [place for place, most in enumerate(found) if room is None or most > room]
            ids = self.prompt_ids(tokenizer, [batch[place] for place in counted])
            for place, tokens in zip(counted, ids, strict=True):
                found[place] = len(tokens)
            yield from found

    def read(self, text: str) -> str:
        """A reply as the model wrote it, with its thought between THINK_START and THINK_END."""
        if self.opens_thought and self.think_start not in text:
            text = self.think_start + text
        return text.replace(self.think_start, THINK_START).replace(self.think_end, THINK_END)

    @property
    def fingerprint(self) -> str:
        """What tells two formats' verdicts apart in a cache; empty for the default."""
        return "" if self == DEFAULT else json.dumps([type(self).__qualname__, asdict(self)], sort_keys=True)


class _Bounds:
    """How many tokens a conversation has at most: those around its texts, and one for each byte of them."""

    def __init__(self, chat: ChatFormat, tokenizer: Any) -> None:
        self._chat, self._tokenizer = chat, tokenizer
        self._around: dict[tuple[str, ...], int] = {}

    def most(self, conversation: list[dict[str, str]]) -> int:
        """For this one."""
        roles = tuple(message["role"] for message in conversation)
        if roles not in self._around:
            short = [{"role": role, "content": "x"} for role in roles]
            self._around[roles] = len(self._chat.prompt_ids(self._tokenizer, [short])[0])
        return self._around[roles] + sum(_most_tokens(message["content"]) for message in conversation)


def _most_tokens(text: str) -> int:
    # A tokenizer may normalise Unicode first, which makes at most 18 characters of one.
    return len(text) if text.isascii() else 18 * len(text.encode(errors="surrogatepass"))


def _template_of(tokenizer: Any) -> str:
    return f"the chat template of {getattr(tokenizer, 'name_or_path', '') or 'the tokenizer'}"


@contextmanager
def _naming_the_template(tokenizer: Any) -> Iterator[None]:
    """Raises UsageError, with the line where there is one, for whatever a template raises: it came with the model."""
    try:
        yield
    except SeifError:
        raise
    except Exception as error:
        number = getattr(error, "lineno", None)
        line = f", line {number}," if number else ""
        raise UsageError(
            f"{_template_of(tokenizer)}{line} can't write a chat that begins with the user: {cause_of(error)}; set "
            "another chat_template, or chat.template_kwargs"
        ) from error


@contextmanager
def _limited(steps: int) -> Iterator[None]:
    """Raises UsageError once so many lines of templates have been run inside; a clock would depend on the load."""
    run = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal run
        if frame.f_code.co_filename != _TEMPLATE:
            return None
        run += event == "line"
        if run > steps:
            raise UsageError(f"the chat template runs for more than {steps:,} steps; set another chat_template")
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


DEFAULT = ChatFormat()

chat_formats: Registry[ChatFormat] = Registry("chat format")
chat_formats.add("default", DEFAULT)
chat_formats.add("deepseek-r1", ChatFormat(opens_thought=True))


def chat_format(settings: Chat) -> ChatFormat:
    """The named format with the config's own changes. Raises UsageError for an unknown name."""
    named = chat_formats.get(settings.format)
    changes: dict[str, Any] = {
        key: value
        for key in ("think_start", "think_end", "opens_thought")
        if (value := getattr(settings, key)) is not None
    }
    return replace(named, template_kwargs={**named.template_kwargs, **settings.template_kwargs}, **changes)


def split_thought(text: str) -> tuple[str | None, str]:
    """(thought, answer) of a reply that was read; the thought is None where none was finished, and then the answer is
    all of the text.
    """
    thought, end, answer = text.rpartition(THINK_END)
    return (thought, answer) if end else (None, text)
