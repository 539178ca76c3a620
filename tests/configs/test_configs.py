import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from benchmarks.placement import PUBLISHED

from seif.config_file import PATH_KEYS, load_config
from seif.configs import find, shipped, summary
from seif.footprint import training_footprint
from seif.planning.hardware import hardware
from seif.planning.memory import devices
from seif.planning.placement import placement_of
from seif.planning.rates import rough_rates

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


@cache
def architecture(model):
    from transformers import AutoConfig

    from seif.engines.architecture import architecture_of, describe

    if model not in PUBLISHED:
        return describe(model).architecture
    kind, published = PUBLISHED[model]
    return architecture_of(AutoConfig.for_model(kind, **published))


def test_published_sizes_give_published_parameters():
    assert architecture("Qwen/Qwen2.5-7B-Instruct").parameters == 7_615_616_512
    assert architecture("meta-llama/Llama-3.1-8B-Instruct").parameters == 8_030_261_248


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_config_fits_the_devices_it_names(name):
    config = load_config(Path(name))
    model = architecture(config.model)
    named = re.findall(r"([GC]PU)s? with (\d+) GB", summary(find(Path(name))))
    assert named
    for kind, gigabytes in named:
        # A CPU may have no bf16 units, and then everything is float32.
        device = replace(hardware("h100" if kind == "GPU" else "cpu"), memory=int(gigabytes) * 1e9)
        if kind == "CPU" and model.parameters > 1e8:
            # What a data sheet's CPU takes for itself counts for little beside such a model.
            device = replace(device, process=0)
        for needed in devices(model, config, rough_rates(device, model, config), placement_of(config)):
            usable = 1 if needed.role == "serve" else 0.9
            assert needed.total <= usable * device.memory, f"{needed.total / 1e9:.1f} GB on a {kind} of {gigabytes} GB"


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("multi-gpu")])
def test_a_config_for_several_devices_would_not_fit_one(name):
    config = load_config(Path(name), ["devices=1", "sharding=none"])
    model = architecture(config.model)
    if model.parameters > 2e9:
        assert training_footprint(model, config, "bfloat16").total > 80e9, "it would fit one device: change its name"
