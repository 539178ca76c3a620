import pytest

from seif.config.complaints import odd_values, shown
from seif.config_file import build_config, load_config
from seif.errors import UsageError


def test_what_is_shown_is_one_line_and_short():
    assert shown("a\nb\x1b[31m") == "a\\nb\\x1b[31m"
    assert shown("ö 三") == "ö 三"
    assert len(shown("x" * 1000)) < 70


@pytest.mark.parametrize("key", ["engine.base_urls", "engine.api_key_env", "engine.vllm.env"])
def test_what_may_be_a_secret_is_not_shown(key):
    with pytest.raises(UsageError) as error:
        load_config(None, ["model=x", f"{key}=5secret"])
    assert key in str(error.value)
    assert "secret" not in str(error.value)


def test_odd_values_are_found_wherever_they_are():
    tree = {"a": [1.0, {"b": float("nan")}], "c": {5: 1}, "d": "x\x07", "e": "ok\n\ttoo"}
    found = list(odd_values(tree))
    assert [line.partition(":")[0] for line in found] == ["a.1.b", "c", "d"]


def test_several_mistakes_are_all_named():
    with pytest.raises(UsageError) as error:
        build_config({"model": 5, "turns": 0, "judger": {"sample": 2.0}}, "mine.yaml")
    assert str(error.value) == (
        "mine.yaml: model: must be text, got 5; put it in quotes; turns: must be at least 1, got 0; "
        "judger.sample: must be at most 1, got 2.0"
    )
