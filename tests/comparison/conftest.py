from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fake_run import MakeRun
from fake_run import make_run as make_run_at

from seif.artifacts import RunDir


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    def make(name: str = "night-run", **settings: Any) -> RunDir:
        return make_run_at(tmp_path / name, **settings)

    return make
