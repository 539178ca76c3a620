import json
import socket

import pytest
from huggingface_hub import constants

from seif.engines import hub
from seif.engines.hub import check_source
from seif.errors import UsageError


@pytest.fixture
def online(monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


def test_a_hub_that_does_not_answer_is_one_line(online, monkeypatch):
    monkeypatch.setattr(hub, "_reachable", lambda endpoint: False)
    with pytest.raises(UsageError, match=r"hf download nobody/nothing$"):
        check_source("nobody/nothing")
    assert constants.HF_HUB_OFFLINE


def test_a_hub_that_answers_is_asked_by_its_own_client(online, monkeypatch):
    monkeypatch.setattr(hub, "_reachable", lambda endpoint: True)
    check_source("nobody/nothing")
    assert not constants.HF_HUB_OFFLINE


def test_nothing_listens_there():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        assert not hub._reachable(f"http://127.0.0.1:{probe.getsockname()[1]}")


def test_a_checkpoint_with_code_of_its_own_is_refused(tmp_path, model):
    config = json.loads((model / "config.json").read_text())
    mapped = {"auto_map": {"AutoModelForCausalLM": "modeling_own.Own"}}
    (tmp_path / "config.json").write_text(json.dumps({**config, **mapped}))
    check_source(str(tmp_path))  # transformers knows the model, and runs its own code
    (tmp_path / "config.json").write_text(json.dumps({**config, **mapped, "model_type": "own"}))
    with pytest.raises(UsageError, match="code of its own"):
        check_source(str(tmp_path))


def test_what_is_no_hub_id_is_anothers_to_check(tmp_path):
    check_source(str(tmp_path / "nowhere"))
    (tmp_path / "config.json").write_text("{")
    check_source(str(tmp_path))
