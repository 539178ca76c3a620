from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support import NANO, ROOT


def pytest_collection_modifyitems(items):
    """Files with slow tests first, so that no core waits for the last of them."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(autouse=True)
def quick_tests_are_quick(request, monkeypatch):
    """A test that starts a process or trains a model belongs into the slow tier."""
    if request.node.get_closest_marker("slow") or request.node.get_closest_marker("vllm"):
        return

    start = subprocess.Popen.__init__

    def start_no_python(self, args, *more, **options):
        # Libraries may ask the system what it is (`uname`); that is no process of the test's own.
        if not isinstance(args, str) and str(args[0]) == sys.executable:
            pytest.fail("this test starts a process: mark it slow")
        start(self, args, *more, **options)

    monkeypatch.setattr(subprocess.Popen, "__init__", start_no_python)


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def model() -> Path:
    return NANO / "model"


@pytest.fixture(scope="session")
def adapter(model, tmp_path_factory) -> Path:
    """An adapter (r 4, alpha 8) of the embedded model that changes it markedly, as `seif train` leaves one."""
    import torch
    from transformers import AutoTokenizer

    from seif.config import Lora
    from seif.training.lora import adapted

    folder = tmp_path_factory.mktemp("adapters") / "adapter"
    tuned = adapted(str(model), Lora(r=4, alpha=8), seed=0, dtype="float32")
    for name, weight in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.02)
    tuned.save_pretrained(folder)
    AutoTokenizer.from_pretrained(model).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def engine(model):
    from seif.engines.local import LocalEngine

    return LocalEngine.load(model)
