from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from support import NANO, ROOT


@pytest.fixture(autouse=True)
def quick_tests_are_quick(request, monkeypatch):
    """A test that starts a process or trains a model belongs into the slow tier."""
    if request.node.get_closest_marker("slow") or request.node.get_closest_marker("vllm"):
        return

    def refuse(*args, **kwargs):
        pytest.fail("this test starts a process: mark it slow")

    monkeypatch.setattr(subprocess.Popen, "__init__", refuse)


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
