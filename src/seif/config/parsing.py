"""The text of a config as plain values: YAML, less what would be lost in silence or take the machine down with it."""

from __future__ import annotations

import copy
import re
from typing import Any

import yaml

LONGEST = 1_000_000
"""Bytes of a config file. The shipped ones have some thousand."""
DEEPEST = 50
"""Sections within sections."""
MOST = 10_000
"""Values and keys of a config, those behind aliases included."""
_YAML = "tag:yaml.org,2002:"
_PLAIN = {f"{_YAML}{kind}" for kind in ("null", "bool", "int", "float", "str", "seq", "map", "merge")}
"""The tags of plain values, whether they are written or follow from a value's form."""


class ConfigTextError(ValueError):
    """What is wrong with a text, in one line, with its line number where there is one."""


def decode(content: bytes) -> str:
    """The text of a config file. Raises ConfigTextError for what is no UTF-8 text, and for a file that is far too
    large for a config."""
    if len(content) > LONGEST:
        raise ConfigTextError(f"has more than {LONGEST:,} bytes, so it is no config")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ConfigTextError("is UTF-16 text; save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigTextError(f"line {line} is not UTF-8 text; save the file as UTF-8") from error


def parse(text: str) -> Any:
    """What a YAML text says: texts, numbers, true, false, null, lists and mappings; None for an empty one.

    Raises ConfigTextError for what is no YAML, for a key that is given twice, for tags that are no plain values, and
    for what is nested too deep or has too many values.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigTextError(f"line {line} holds a character that is no text (U+{error.character:04X})") from error
    except yaml.MarkedYAMLError as error:
        raise ConfigTextError(_said(error)) from error


def _said(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    line = f"line {mark.line + 1} " if mark is not None else ""
    problem = str(error.problem)
    if r"'\t'" in problem:
        return f"{line}has a tab where YAML takes spaces alone; indent with spaces"
    if isinstance(error, _Refused):
        return f"{line}{problem}"
    return f"{line}is not valid YAML: {_short(problem)}"


def _short(text: str) -> str:
    return " ".join(text.split())[:120]


class _Refused(yaml.MarkedYAMLError):
    """Valid YAML that no config needs."""


def _refused(problem: str, node: Any) -> _Refused:
    return _Refused(problem=problem, problem_mark=node.start_mark)


class _Loader(yaml.SafeLoader):
    """YAML as people write it: 1e-6 is a number (YAML 1.1 takes it for text), a date is text, an aliased section is a
    copy of its own, and a key is given once."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._open: list[str | None] = []
        """The anchors of the nodes that are being read, None for those without one."""
        self._values = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """A copy for every alias: an override of one section must not change another."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            if event.anchor in self._open:
                raise _refused(f"uses *{event.anchor} within &{event.anchor} itself", event)
            node = super().compose_node(parent, index)
            values, depth = _measure(node)
            self._count(values, depth, event)
            return copy.deepcopy(node)
        self._count(1, 1, event)
        self._open.append(event.anchor)
        node = super().compose_node(parent, index)
        self._open.pop()
        return node

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        """A plain value. Raises for any other tag, and for a value that its tag does not allow."""
        if node.tag not in _PLAIN:
            raise _refused(f"has the tag {_short(node.tag.replace(_YAML, '!!'))}; write a plain value", node)
        if not isinstance(node, yaml.ScalarNode):
            return super().construct_object(node, deep)
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError) as error:
            # Digits that are none, or more than Python converts.
            kind = node.tag.removeprefix(_YAML)
            raise _refused(f"holds {_short(node.value)!r}, which can't be read as {kind}", node) from error

    def _count(self, values: int, depth: int, event: Any) -> None:
        self._values += values
        if self._values > MOST:
            raise _refused(f"makes more than {MOST:,} values, aliases included; no config has so many", event)
        if len(self._open) + depth > DEEPEST:
            raise _refused(f"is nested more than {DEEPEST} levels deep; no config is", event)

    def flatten_mapping(self, node: Any) -> None:
        """Merge `<<` in. Raises for a key that the mapping itself has twice."""
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != f"{_YAML}merge":
                name = (key.tag, key.value)
                if name in seen:
                    raise _refused(f"gives the key {_short(key.value)!r} a second time; keep one of the two", key)
                seen.add(name)
        super().flatten_mapping(node)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in forms if tag in _PLAIN]
    for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(f"{_YAML}float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+"), list("-+0123456789"))


def _measure(node: Any) -> tuple[int, int]:
    """How many values a node has, and how many levels."""
    if isinstance(node, yaml.ScalarNode):
        return 1, 1
    children = node.value if isinstance(node, yaml.SequenceNode) else [part for pair in node.value for part in pair]
    below = [_measure(child) for child in children]
    return 1 + sum(values for values, _ in below), 1 + max((depth for _, depth in below), default=0)
