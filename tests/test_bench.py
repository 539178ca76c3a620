from pathlib import Path

import pytest

from seif import bench
from seif.config_file import load_config
from seif.engines.precision import resolve
from seif.planning.rates import usual_lengths

QUESTIONS = ["Describe a cheese.", "Tell me about the owl."]


@pytest.fixture
def quickly(monkeypatch):
    """Few replies, and no training."""
    monkeypatch.setattr(bench, "_ROWS", 16)
    monkeypatch.setattr(bench, "_MANY", 8)
    monkeypatch.setattr(bench, "_train", lambda config, asked, now: (1e-4, 0.0, 0.5))
    monkeypatch.setattr(bench, "_start_group", lambda say: 12.0)


@pytest.mark.slow
def test_lengths_and_shares_are_measured_on_replies_that_end(quickly):
    config, _ = resolve(load_config(Path("nano-tiny")))
    said = []
    rates = bench.bench(config, QUESTIONS, said.append)
    usual = usual_lengths(config)
    assert rates.lengths.follower_reply != usual.follower_reply
    assert rates.lengths.parsable > 0.5
    assert rates.speed.verdict > 0
    assert [line.split(":")[0] for line in said] == ["writing", "reading", "Filter", "Judger", "training"]


@pytest.mark.slow
def test_starting_several_processes_is_timed():
    said = []
    assert 1 < bench._start_group(said.append) < 300
    assert said[0].startswith("several processes: ")


@pytest.mark.slow
def test_replies_that_are_cut_off_say_nothing_about_form(quickly):
    limits = [f"{role}.grpo.max_new_tokens=4" for role in ("instructor", "follower")]
    config, _ = resolve(load_config(Path("nano-tiny"), limits))
    rates = bench.bench(config, QUESTIONS, lambda line: None)
    usual = usual_lengths(config)
    for name in ("instructor_reply", "follower_reply", "parsable", "answered"):
        assert getattr(rates.lengths, name) == getattr(usual, name)
    assert rates.speed.verdict > 0


@pytest.mark.slow
def test_where_training_does_not_fit_its_rate_is_guessed(quickly, monkeypatch):
    from seif.footprint import Device

    small = Device("a small one", 1000, False, "float32", "a test says so")
    monkeypatch.setattr("seif.engines.devices.this_device", lambda: small)
    config, _ = resolve(load_config(Path("nano-tiny"), ["filter.model=false", "judger.kind=rules"]))
    said = []
    rates = bench.bench(config, QUESTIONS, said.append)
    assert "its rate is a guess" in said[-1]
    assert rates.speed.trained == 4 * rates.speed.read
    assert (rates.speed.verdict, rates.speed.decision) == (None, None)
