"""Named parts that a user can add to: one registry per kind of part, filled by seif itself and by plugins.

A plugin is a Python file or module that registers its parts as it is imported (see `seif.plugins`):

    from seif.rewards import instructor_reward

    @instructor_reward("squared")
    def squared(adherences): ...

A registry remembers which plugin added a part, so that a plugin can be loaded again after an edit.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from weakref import WeakSet

from seif.errors import UsageError

if TYPE_CHECKING:
    from functools import _lru_cache_wrapper

Part = TypeVar("Part")
Result = TypeVar("Result")

_registries: WeakSet[Registry[Any]] = WeakSet()
_plugin: ContextVar[str | None] = ContextVar("plugin", default=None)


class Registry(Generic[Part]):
    """The parts of one kind by name, in the order in which they were added."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        """What one part is called in messages, e.g. "Instructor reward"."""
        self._parts: dict[str, Part] = {}
        self._plugins: dict[str, str | None] = {}
        self._caches: list[_lru_cache_wrapper[Any]] = []
        _registries.add(self)

    def add(self, name: str, part: Part) -> Part:
        """Add a part. Raises UsageError for a name that is taken."""
        if name in self._parts:
            raise UsageError(f"there is a {self.kind} {name!r} already; choose another name")
        self._parts[name] = part
        self._plugins[name] = _plugin.get()
        self._clear_caches()
        return part

    def register(self, name: str) -> Callable[[Part], Part]:
        """Decorator that adds what it decorates under `name`. Raises as `add` does."""
        return lambda part: self.add(name, part)

    def get(self, name: str) -> Part:
        """The part of that name. Raises UsageError naming the nearest ones where there is none."""
        if name not in self._parts:
            near = difflib.get_close_matches(name, self._parts, n=1)
            fix = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(self._parts) or 'none'}."
            raise UsageError(f"no {self.kind} {name!r}; {fix} One of your own comes in by `plugins`")
        return self._parts[name]

    def plugin_of(self, name: str) -> str | None:
        """The plugin that added a part; None for one of seif's own, and for one that is added by no plugin."""
        return self._plugins.get(name)

    def values(self) -> list[Part]:
        """All parts, in the order in which they were added."""
        return list(self._parts.values())

    def remove(self, name: str) -> None:
        """Take a part out again. Raises KeyError where there is none."""
        del self._parts[name], self._plugins[name]
        self._clear_caches()

    def remove_parts_of(self, plugin: str) -> None:
        """Take out all that a plugin added."""
        for name in [name for name, owner in self._plugins.items() if owner == plugin]:
            self.remove(name)

    def cached(self, maxsize: int | None = 128) -> Callable[[Callable[..., Result]], _lru_cache_wrapper[Result]]:
        """`functools.lru_cache` for a function of this registry's parts: a part added or removed empties the cache."""

        def decorate(function: Callable[..., Result]) -> _lru_cache_wrapper[Result]:
            cache = lru_cache(maxsize)(function)
            self._caches.append(cache)
            return cache

        return decorate

    def _clear_caches(self) -> None:
        for cache in self._caches:
            cache.cache_clear()

    def __contains__(self, name: object) -> bool:
        return name in self._parts

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)


@contextmanager
def adding_parts_of(plugin: str) -> Iterator[None]:
    """What is added inside counts as this plugin's. Whatever is raised inside takes its parts out again."""
    token = _plugin.set(plugin)
    try:
        yield
    except BaseException:
        remove_parts_of(plugin)
        raise
    finally:
        _plugin.reset(token)


def remove_parts_of(plugin: str) -> None:
    """Take all that a plugin added out of every registry."""
    for registry in list(_registries):
        registry.remove_parts_of(plugin)
