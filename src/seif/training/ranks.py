"""The processes that train together. Only the first of them rewards, logs and writes; the others get what it found.

Stages that never train use this too, so torch is imported where it is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar, cast

from seif.errors import RunError, SeifError

T = TypeVar("T")


@dataclass(frozen=True)
class Ranks:
    """This process among those that train together; by default it is alone. All methods are collective."""

    rank: int = 0
    """Its number, from 0."""
    world: int = 1
    """How many there are."""
    group: Any = None
    """torch.distributed's group that carries Python objects; not the one that carries tensors between GPUs, whose
    waits time out sooner than a judge may take."""

    @property
    def first(self) -> bool:
        return self.rank == 0

    def gather(self, items: list[T]) -> list[T]:
        """The items of all processes in the order of their ranks, on the first process; elsewhere nothing."""
        if self.world == 1:
            return items
        import torch.distributed as dist

        parts: list[Any] | None = [None] * self.world if self.first else None
        dist.gather_object(items, parts, dst=0, group=self.group)
        return [item for part in parts or () for item in part]

    def from_first(self, make: Callable[[], T]) -> T:
        """What `make` returns on the first process, where alone it is called. What it raises is raised everywhere."""
        if self.world == 1:
            return make()
        if self.first:
            try:
                value = make()
            except Exception as error:
                self._broadcast(_portable(error))
                raise
            self._broadcast(value)
            return value
        found = self._broadcast(None)
        if isinstance(found, SeifError):
            raise found
        return cast(T, found)

    def _broadcast(self, value: Any) -> Any:
        """What the first process gave."""
        import torch.distributed as dist

        box = [value]
        dist.broadcast_object_list(box, src=0, group=self.group)
        return box[0]

    def barrier(self) -> None:
        """Wait until all processes are here."""
        if self.world > 1:
            import torch.distributed as dist

            dist.barrier(group=self.group)


def _portable(error: Exception) -> SeifError:
    """The error as another process can read it: one that seif raises on purpose as it is, any other by its text."""
    if isinstance(error, SeifError):
        return type(error)(str(error))
    return RunError(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")


_current = Ranks()


def current() -> Ranks:
    """This process among those that train together."""
    return _current


def connect(timeout: float) -> Ranks:
    """Find the others of a process group that torch.distributed has initialised. Collective; to be called once.

    `timeout`: seconds that a process waits for another one.
    """
    import torch.distributed as dist

    global _current
    if dist.is_initialized() and dist.get_world_size() > 1:
        group = dist.new_group(backend="gloo", timeout=timedelta(seconds=timeout))
        _current = Ranks(dist.get_rank(), dist.get_world_size(), group)
    return _current
