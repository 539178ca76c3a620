import json

import pytest

from seif.config import Grpo
from seif.config_file import build_config
from seif.errors import UsageError
from seif.footprint import Architecture
from seif.planning.hardware import HARDWARE, KERNELS, hardware
from seif.planning.price import Price
from seif.planning.rates import read_rates, rough_rates, training_flops

MODEL = Architecture(1_000_000_000, 10, 1000, 4000, 200, 50_000, 1_000_000, 4096)
CONFIG = build_config({"model": "x"}, "test")


def test_a_device_is_found_by_name_and_a_slip_is_told():
    assert hardware("H100").memory == 80e9
    with pytest.raises(UsageError, match="did you mean 'h100'\\? Known: h200, h100"):
        hardware("h10")
    with pytest.raises(UsageError, match="no such device; Known: h200, h100"):
        hardware("tpu-v5")


@pytest.mark.parametrize("text", ["", "free", "1,2,3", "-1", "nan", "0.1,inf", "0.1;0.2"])
def test_a_price_that_is_none_is_refused(text):
    with pytest.raises(UsageError, match=r"--price-per-mtok .*: give the price of a million tokens"):
        Price.parse(text)


def test_one_price_is_for_both():
    assert Price.parse("0.5").of(1e6, 1e6) == 1.0
    assert Price.parse("0.15,0.60").of(2e6, 1e6) == pytest.approx(0.9)


def test_rates_are_read_as_they_are_written(tmp_path):
    rates = rough_rates(hardware("a100"), MODEL, CONFIG)
    path = tmp_path / "rates.json"
    path.write_text(rates.model_dump_json(), encoding="utf-8")
    assert read_rates(path) == rates


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "holds no rates"),
        (json.dumps({"format": "seif rates 0"}), "format: Input should be 'seif rates 1'"),
        (json.dumps({"format": "seif rates 1"}), "holds no rates"),
    ],
)
def test_another_file_is_refused_in_one_line(tmp_path, text, message):
    path = tmp_path / "rates.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=message) as caught:
        read_rates(path)
    assert "seif bench --out FILE" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UsageError, match="No such file"):
        read_rates(tmp_path / "nothing.json")


def test_rates_scale_with_the_parameters():
    rates = rough_rates(hardware("h100"), MODEL, CONFIG)
    double = rates.for_model(2 * MODEL.parameters)
    assert double.speed.trained == 2 * rates.speed.trained
    assert double.speed.stage == rates.speed.stage
    assert "scaled from 1,000 million" in double.source
    assert rates.for_model(MODEL.parameters) is rates


def test_an_older_file_of_rates_has_a_usual_time_to_start_processes(tmp_path):
    tree = json.loads(rough_rates(hardware("a100"), MODEL, CONFIG).model_dump_json())
    del tree["speed"]["group"], tree["measured"]
    path = tmp_path / "rates.json"
    path.write_text(json.dumps(tree), encoding="utf-8")
    assert (read_rates(path).speed.group, read_rates(path).measured) == (20.0, True)


def test_compiled_kernels_are_counted_as_the_engine_counts_them():
    from seif.engines.shapes import KERNELS as ENGINES

    assert pytest.approx(ENGINES, rel=0.01) == KERNELS


def test_training_counts_every_pass():
    assert training_flops(MODEL, Grpo(), lora=False) == 12 * MODEL.parameters
    bare = Grpo(gradient_checkpointing=False, kl=0.0, updates_per_step=1)
    assert training_flops(MODEL, bare, lora=False) == 6 * MODEL.parameters
    assert training_flops(MODEL, bare, lora=True) == 4 * MODEL.parameters


@pytest.mark.parametrize("name", HARDWARE)
def test_every_device_has_rates(name):
    speed = rough_rates(HARDWARE[name], MODEL, CONFIG).speed
    assert 0 < speed.read < speed.trained
    assert speed.step > 0
