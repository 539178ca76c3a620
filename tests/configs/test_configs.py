from pathlib import Path

import pytest

from seif.config_file import PATH_KEYS, load_config
from seif.configs import find, shipped, summary

NAMES = [path.stem for path in shipped()]


def value_at(config, key):
    for part in key.split("."):
        config = getattr(config, part)
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
