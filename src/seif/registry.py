"""Named parts that a user can add to: one registry per kind of part, filled by seif itself and by plugins.

A plugin is a Python file or module that registers its parts as it is imported:

    from seif.rewards import instructor_reward

    @instructor_reward("solvable")
    def solvable(adherences): ...
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from seif.errors import UsageError

Part = TypeVar("Part")


class Registry(Generic[Part]):
    """The parts of one kind by name, in the order in which they were added."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        """What one part is called in messages, e.g. "Instructor reward"."""
        self._parts: dict[str, Part] = {}

    def add(self, name: str, part: Part) -> Part:
        """Add a part. Raises UsageError for a name that is taken."""
        if name in self._parts:
            raise UsageError(f"there is a {self.kind} {name!r} already; choose another name")
        self._parts[name] = part
        return part

    def register(self, name: str) -> Callable[[Part], Part]:
        """Decorator that adds what it decorates under `name`. Raises as `add` does."""
        return lambda part: self.add(name, part)

    def get(self, name: str) -> Part:
        """The part of that name. Raises UsageError naming the nearest ones where there is none."""
        if name not in self._parts:
            near = difflib.get_close_matches(name, self._parts, n=1)
            fix = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(self._parts) or 'none'}"
            raise UsageError(f"no {self.kind} {name!r}; {fix} One of your own comes in by `plugins`")
        return self._parts[name]

    def remove(self, name: str) -> None:
        """Take a part out again, e.g. what a test added. Raises KeyError where there is none."""
        del self._parts[name]

    def __contains__(self, name: object) -> bool:
        return name in self._parts

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)
