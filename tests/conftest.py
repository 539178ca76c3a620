from __future__ import annotations

from pathlib import Path

import pytest

from support import NANO, ROOT


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def model() -> Path:
    return NANO / "model"


@pytest.fixture(scope="session")
def engine(model):
    from seif.engines.local import LocalEngine

    return LocalEngine.load(model)
