import json
import shutil

import pytest

from seif.engines import model_files
from seif.engines.model_files import fingerprint, weight_files


@pytest.fixture
def copy(model, tmp_path):
    return shutil.copytree(model, tmp_path / "model")


def test_every_file_that_decides_a_result_is_known(copy):
    before = fingerprint(copy)
    assert {"config.json", "tokenizer.json", "chat_template.jinja", "model.safetensors"} <= before.keys()
    (copy / "README.md").write_text("other words")
    assert fingerprint(copy) == before
    (copy / "chat_template.jinja").write_text("other words")
    after = fingerprint(copy)
    assert [name for name in before if before[name] != after[name]] == ["chat_template.jinja"]


def test_a_large_file_is_known_by_blocks_of_each_tensor(copy, monkeypatch):
    monkeypatch.setattr(model_files, "WHOLE", 1000)
    before = fingerprint(copy)["model.safetensors"]
    weights = copy / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert fingerprint(copy)["model.safetensors"] != before
    weights.write_bytes(content)
    assert fingerprint(copy)["model.safetensors"] == before


def test_the_files_of_an_index_are_those_that_are_loaded(tmp_path):
    index = {"weight_map": {"a": "part-2.safetensors", "b": "part-1.safetensors", "c": "part-2.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    assert [path.name for path in weight_files(tmp_path)] == ["part-1.safetensors", "part-2.safetensors"]


def test_what_is_not_here_has_no_fingerprint():
    assert fingerprint("nobody/has-this-model") == {}
