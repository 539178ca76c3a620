"""The rows of a checklist: a chat, and the criteria that the reply to it is judged by, one by one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seif.constraints.compiler import compile_text
from seif.constraints.verifiers import check_kwargs
from seif.engines.base import Messages
from seif.errors import UsageError
from seif.tables import iter_rows
from seif.types import Constraint, Instruction, Json

ROLES = ("system", "developer", "user", "assistant", "tool")
PRIORITIES = {"primary": True, "secondary": False, "主需": True, "次需": False}
"""Does the criterion state what the instruction is mainly about? With the words of CFBench's own file."""


@dataclass(frozen=True)
class Criterion:
    """One criterion. Rules check it where the compiler is certain of its text, or its row names the type."""

    constraint: Constraint
    primary: bool | None = None
    """CFBench's priority; None where the row gives none."""
    depends_on: tuple[int, ...] = ()
    """Places, from 0, of the criteria in its row without which it can't be satisfied."""


@dataclass(frozen=True)
class Item:
    """One row: what the model is asked, and how its reply is judged."""

    number: int
    """Place in its file, from 1."""
    messages: Messages
    criteria: tuple[Criterion, ...]
    tools: tuple[Json, ...] = ()
    """Descriptions of the tools that the model is told of."""
    level: str | None = None
    """FollowBench's level of difficulty."""

    @property
    def instruction(self) -> Instruction:
        """What a judge is shown as the request: a single message of the user as it is, else the chat with its roles."""
        if len(self.messages) == 1 and not self.tools:
            return Instruction(self.messages[0]["content"], ())
        turns = [f"{message['role'].capitalize()}: {message['content']}" for message in self.messages]
        tools = [f"Tools: {json.dumps(self.tools, ensure_ascii=False)}"] if self.tools else []
        return Instruction("\n\n".join([*tools, *turns]), ())


def load_items(path: Path) -> list[Item]:
    """The rows of a file with `prompt` or `messages`, `criteria`, and where they have them `tools` and `level`.

    Raises UsageError naming the row when something is missing or has a wrong type, and for a file without rows.
    """
    items = [_item(number, row, f"{path} row {number}") for number, row in enumerate(iter_rows(path), 1)]
    if not items:
        raise UsageError(f"{path} holds no rows")
    return items


def _item(number: int, row: Mapping[str, object], where: str) -> Item:
    given = _listed(row.get("criteria"), where, "criteria")
    if not given:
        raise UsageError(f"{where}: needs `criteria`, a list of texts or of objects with a `text`")
    ids = [entry.get("id") if isinstance(entry, dict) else None for entry in given]
    criteria = tuple(_criterion(entry, ids, f"{where}, criterion {n}") for n, entry in enumerate(given, 1))
    tools = _listed(row.get("tools"), where, "tools")
    if not all(isinstance(tool, dict) for tool in tools):
        raise UsageError(f"{where}: `tools` must be a list of objects, as a chat template takes them")
    level = row.get("level")
    return Item(number, _messages(row, where), criteria, tuple(tools), None if level is None else str(level))


def _listed(value: object, where: str, column: str) -> list[Json]:
    """A list, which may be JSON text; empty for null. The type of its entries is checked by whoever reads them."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise UsageError(f"{where}: `{column}` is text that is not JSON: {error}") from error
    if value is None:
        return []
    if not isinstance(value, list):
        raise UsageError(f"{where}: `{column}` must be a list, got {value!r:.60}")
    return value


def _messages(row: Mapping[str, object], where: str) -> Messages:
    prompt, given = row.get("prompt"), _listed(row.get("messages"), where, "messages")
    if not given:
        if not isinstance(prompt, str) or not prompt.strip():
            raise UsageError(f"{where}: needs `prompt`, a text, or `messages`, a list of {{role, content}}")
        return [{"role": "user", "content": prompt}]
    messages = []
    for place, message in enumerate(given, 1):
        role, content = (message.get(key) if isinstance(message, dict) else None for key in ("role", "content"))
        if role not in ROLES or not isinstance(content, str):
            raise UsageError(
                f"{where}, message {place}: needs `role`, one of {', '.join(ROLES)}, and `content`, a text"
            )
        messages.append({"role": str(role), "content": content})
    if messages[-1]["role"] not in ("user", "tool"):
        raise UsageError(f"{where}: the last message must be the user's or a tool's; the model replies to it")
    return messages


def _criterion(entry: object, ids: Sequence[object], where: str) -> Criterion:
    if isinstance(entry, str):
        entry = {"text": entry}
    text = entry.get("text") if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or not isinstance(text, str) or not text.strip():
        raise UsageError(f"{where}: must be a text, or an object with a `text`")
    priority = entry.get("priority")
    if priority is not None and priority not in PRIORITIES:
        raise UsageError(f"{where}: `priority` must be primary or secondary, got {priority!r:.60}")
    return Criterion(
        _constraint(text, entry, where),
        None if priority is None else PRIORITIES[str(priority)],
        _dependencies(entry, ids, where),
    )


def _constraint(text: str, entry: Json, where: str) -> Constraint:
    instruction_id, kwargs = entry.get("instruction_id"), entry.get("kwargs") or {}
    if instruction_id is None:
        return compile_text(text)
    if not isinstance(instruction_id, str) or not isinstance(kwargs, dict):
        raise UsageError(f"{where}: `instruction_id` must be a text and `kwargs` an object")
    try:
        return Constraint(text, instruction_id, check_kwargs(instruction_id, kwargs))
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error


def _dependencies(entry: Json, ids: Sequence[object], where: str) -> tuple[int, ...]:
    given = entry.get("depends_on")
    places = []
    for name in given if isinstance(given, list) else [] if given is None else [given]:
        place = ids.index(name) if name in ids and name is not None else name
        if not isinstance(place, int) or not 0 <= place < len(ids):
            raise UsageError(f"{where}: `depends_on` names {name!r:.60}; give `id`s of criteria, or places from 0")
        if ids[place] is entry.get("id") is not None or place == int(where.rsplit(" ", 1)[1]) - 1:
            raise UsageError(f"{where}: `depends_on` names the criterion itself")
        places.append(place)
    return tuple(places)
