"""What the stages share: where they report, and where they keep their work."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from seif.artifacts import Beside


class StageLog(Protocol):
    """Where a stage reports: metrics and rollouts that a resume can wind back, and progress for people."""

    def begin(self, total: int) -> None: ...

    def resumed(self, step: int) -> None: ...

    def step(self, step: int, metrics: dict[str, Any], records: list[dict[str, Any]]) -> None: ...


def done(out: Path) -> bool:
    """Whether a training stage is done; checkpoints that a kill left behind after that are dropped."""
    if out.exists():
        Beside(out).drop_checkpoints()
    return out.exists()
