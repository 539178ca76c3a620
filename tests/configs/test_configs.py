import re
from pathlib import Path

import pytest

from seif.config_file import PATH_KEYS, load_config
from seif.configs import find, shipped, summary
from seif.footprint import training_footprint

NAMES = [path.stem for path in shipped()]


def value_at(config, key):
    for part in key.split("."):
        config = [getattr(entry, part) for entry in config] if isinstance(config, tuple) else getattr(config, part)
    return config


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_config_loads_by_name_and_finds_its_files(name):
    config = load_config(Path(name))
    for key in PATH_KEYS:
        value = value_at(config, key)
        # An environment with vLLM is made by `make test-vllm`, and a hub id is no path.
        if key != "engine.vllm.python" and isinstance(value, str) and value.startswith(("/", ".")):
            assert Path(value).exists(), f"{key}: {value}"


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_config_says_what_it_is_for(name):
    assert 20 < len(summary(find(Path(name)))) <= 120


@pytest.mark.parametrize("given", ["nano", "nano.yaml", "configs/nano", "configs/nano.yaml"])
def test_a_name_finds_a_shipped_config(given, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find(Path(given)).samefile(Path(find.__code__.co_filename).parent / "nano.yaml")


def test_the_users_own_file_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nano").mkdir()
    (tmp_path / "nano.yaml").write_text("model: mine\n", encoding="utf-8")
    assert load_config(Path("nano.yaml")).model == "mine"
    assert load_config(Path("nano")).model != "mine"


@pytest.mark.parametrize("given", ["nothing", "elsewhere/nano.yaml", "/nano.yaml"])
def test_what_is_no_shipped_config_stays_as_it_is(given):
    assert find(Path(given)) == Path(given)


def test_a_file_without_a_comment_has_no_summary(tmp_path):
    (tmp_path / "own.yaml").write_text("model: mine\n", encoding="utf-8")
    assert summary(tmp_path / "own.yaml") == ""


QWEN = {
    "Qwen/Qwen2.5-0.5B-Instruct": {
        "hidden_size": 896,
        "intermediate_size": 4864,
        "num_hidden_layers": 24,
        "num_attention_heads": 14,
        "num_key_value_heads": 2,
        "vocab_size": 151936,
        "tie_word_embeddings": True,
    },
    "Qwen/Qwen2.5-7B-Instruct": {
        "hidden_size": 3584,
        "intermediate_size": 18944,
        "num_hidden_layers": 28,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
        "vocab_size": 152064,
        "tie_word_embeddings": False,
    },
}
"""The models' published sizes, because a test has no network."""


def architecture(model):
    from transformers import Qwen2Config

    from seif.engines.architecture import architecture_of, describe

    return architecture_of(Qwen2Config(**QWEN[model])) if model in QWEN else describe(model).architecture


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_config_fits_the_device_it_names(name):
    config = load_config(Path(name))
    model = architecture(config.model)
    devices = re.findall(r"([GC]PU) with (\d+) GB", summary(find(Path(name))))
    if name.endswith("multi-gpu"):
        assert not devices
        assert training_footprint(model, config, "bfloat16").total > 80e9, "it would fit one device: change its name"
        return
    assert devices
    for kind, gigabytes in devices:
        # A CPU may have no bf16 units, and then everything is float32. A tenth is left to the device and to fragments.
        needed = training_footprint(model, config, "bfloat16" if kind == "GPU" else "float32").total
        assert needed < 0.9 * int(gigabytes) * 1e9, f"{needed / 1e9:.1f} GB on a {kind} with {gigabytes} GB"
