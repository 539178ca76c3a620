"""YAML that others wrote, read within limits: nested only so deep, and aliases repeat only so much."""

from __future__ import annotations

from typing import Any

import yaml

MOST_CHARACTERS = 1 << 18
"""Of a text."""
DEEPEST = 50
"""Levels of lists and mappings."""
MOST_VALUES = 20_000
"""Values, those that aliases repeat counted every time."""


def load_yaml(text: str, loader: type[yaml.SafeLoader] = yaml.SafeLoader) -> Any:
    """The value of a text with one YAML document. Raises yaml.YAMLError for one that is no YAML or past the limits."""
    if len(text) > MOST_CHARACTERS:
        raise yaml.YAMLError(f"{len(text):,} characters; {MOST_CHARACTERS:,} is the most")
    _check(text)
    try:
        return yaml.load(text, Loader=loader)
    except (ValueError, LookupError, RecursionError, AttributeError, TypeError) as error:
        # A date of month 13, an integer of a million digits, a list as a key.
        raise yaml.YAMLError(str(error)) from error


def _check(text: str) -> None:
    """Counts values as the parser finds them, before any are built. Raises YAMLError."""
    sizes: dict[str | None, int] = {}
    open_anchors: list[tuple[str | None, int]] = []
    count = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            if any(anchor == event.anchor for anchor, _ in open_anchors):
                raise yaml.YAMLError(f"*{event.anchor} is inside of what it stands for")
            count += sizes.get(event.anchor, 1)
        elif isinstance(event, yaml.CollectionStartEvent):
            open_anchors.append((event.anchor, count))
            count += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_anchors.pop()
            if anchor is not None:
                sizes[anchor] = count - before
        elif isinstance(event, yaml.ScalarEvent):
            count += 1
            if event.anchor is not None:
                sizes[event.anchor] = 1
        if len(open_anchors) > DEEPEST:
            raise yaml.YAMLError(f"nested more than {DEEPEST} levels deep")
        if count > MOST_VALUES:
            raise yaml.YAMLError(f"more than {MOST_VALUES:,} values, with those that aliases repeat")
