"""What the stages share: where they report, and where they keep their work."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Protocol


class StageLog(Protocol):
    """Where a stage reports: metrics and rollouts that a resume can wind back, and progress for people."""

    def begin(self, total: int) -> None: ...

    def resumed(self, step: int) -> None: ...

    def step(self, step: int, metrics: dict[str, Any], records: list[dict[str, Any]]) -> None: ...


def checkpoints_of(out: Path) -> Path:
    """Where a stage keeps its checkpoints while it runs."""
    return out.with_name(f"{out.name}.checkpoints")


def done(out: Path) -> bool:
    """Whether a training stage is done; checkpoints that a kill left behind after that are dropped."""
    if out.exists():
        shutil.rmtree(checkpoints_of(out), ignore_errors=True)
    return out.exists()
