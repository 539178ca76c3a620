import shlex
from pathlib import Path

import pytest

from seif.config_file import build_config, load_config
from seif.errors import UsageError
from seif.footprint import ONE, Architecture, Group, training_footprint
from seif.planning.advice import advice, fits
from seif.planning.hardware import hardware
from seif.planning.memory import devices
from seif.planning.placement import placement_of
from seif.planning.rates import rough_rates

SEVEN_B = Architecture(7_615_616_512, 28, 3584, 18_944, 512, 152_064, 2_523_136, 32_768, tied=False)
H100 = hardware("h100")


def config(**tree):
    return build_config({"model": "x", **tree}, "test")


def planned(gpu=H100, **tree):
    settings = config(**tree)
    return devices(SEVEN_B, settings, rough_rates(gpu, SEVEN_B, settings), placement_of(settings))


def lines(gpu=H100, **tree):
    settings = config(**tree)
    return list(advice(SEVEN_B, settings, rough_rates(gpu, SEVEN_B, settings)))


def test_sharding_divides_weights_gradients_and_optimizer():
    whole, shared = (training_footprint(SEVEN_B, config(), "bfloat16", Group(n, "fsdp2")) for n in (1, 8))
    assert shared.weights == 16 * SEVEN_B.parameters // 8
    # Not sharded, autocast keeps a copy of every weight in bf16.
    assert whole.weights == 18 * SEVEN_B.parameters
    assert shared.reference == 4 * SEVEN_B.parameters // 8
    assert shared.exchanged == 2 * 2 * SEVEN_B.largest_unit
    assert whole.exchanged == 0


def test_a_cpu_shards_nothing():
    cpu = hardware("cpu")
    whole, sharded = (planned(cpu, devices=2, sharding=sharding)[0] for sharding in ("none", "fsdp2"))
    assert sharded.parts == whole.parts


def test_memory_of_the_embedded_model_by_data_sheet_is_right_to_a_fifth():
    nano = Architecture(2_078_912, 4, 192, 512, 192, 1600, 9_216, 512)
    for dtype, measured in (("bfloat16", 1.9e9), ("float32", 1.3e9)):
        settings = load_config(Path("nano-tiny"), [f"dtype={dtype}"])
        rates = rough_rates(hardware("cpu"), nano, settings)
        (device,) = devices(nano, settings, rates, placement_of(settings))
        assert device.total == pytest.approx(measured, rel=0.2)


def test_without_sharding_every_device_holds_everything_and_a_buffer_of_gradients():
    one, two = (training_footprint(SEVEN_B, config(), "bfloat16", group) for group in (ONE, Group(2)))
    assert two.weights == one.weights
    assert two.exchanged == 4 * SEVEN_B.parameters


def test_the_largest_unit_is_a_layer_or_the_embedding_with_the_head():
    assert SEVEN_B.largest_unit == 2 * 152_064 * 3584
    small_vocabulary = Architecture(1000, 2, 8, 16, 4, 5, 60, None)
    assert small_vocabulary.largest_unit == (1000 - 40) // 2


def test_devices_that_serve_hold_one_server_each():
    train, serve = planned(devices={"train": 6, "serve": 2}, sharding="fsdp2", engine={"kind": "vllm"})
    assert (train.role, train.devices, serve.role, serve.devices) == ("train", 6, "serve", 2)
    assert serve.total == pytest.approx(0.9 * 80e9)
    assert list(serve.parts) == ["vLLM"]
    assert "vLLM" not in train.parts
    assert "frozen roles" not in train.parts


def test_a_server_beside_training_takes_the_share_it_is_given():
    (train,) = planned(engine={"kind": "vllm", "vllm": {"args": ["--gpu-memory-utilization", "0.5"]}})
    assert train.parts["vLLM"] == 40e9
    (train,) = planned(engine={"kind": "vllm", "vllm": {"args": ["--gpu-memory-utilization=0.01"]}})
    assert train.parts["vLLM"] > 2 * SEVEN_B.parameters, "weights have to fit, whatever the share"


@pytest.mark.parametrize(
    ("tree", "line"),
    [
        (
            {"engine": {"kind": "vllm", "vllm": {"args": ["--gpu-memory-utilization", "0.1"]}}, "lora": {"r": 16}},
            "won't fit: --gpu-memory-utilization 0.1 gives vLLM 8 GB of the device, and it needs 19 GB; set it to 0.25",
        ),
        (
            {"follower": {"grpo": {"sampler": "vllm", "colocate": {"gpu_memory_utilization": 0.1}}}},
            "won't fit: grpo.colocate.gpu_memory_utilization 0.1 gives vLLM 8 GB of the device, and it needs 19 GB; "
            "set it to 0.25",
        ),
    ],
)
def test_a_share_that_is_less_than_vllm_needs_will_not_fit(tree, line):
    assert lines(instructor={"train": False}, **tree)[0] == line


def test_a_share_that_is_too_small_on_a_device_of_its_own_will_not_fit():
    engine = {"kind": "vllm", "vllm": {"args": ["--gpu-memory-utilization=0.1"]}}
    (line,) = lines(devices={"train": 6, "serve": 2}, sharding="fsdp2", engine=engine, lora={"r": 16})
    assert line.endswith("set it to 0.25")


@pytest.mark.parametrize("name", ["qwen2.5-7b-lora", "qwen2.5-7b-full-multi-gpu"])
@pytest.mark.parametrize("gpu", ["24gb", "l40s"])
def test_what_is_advised_fits_and_is_new(name, gpu):
    base = load_config(Path(name))
    rates = rough_rates(hardware(gpu), SEVEN_B, base)
    advised = [line.partition(": ")[2] for line in advice(SEVEN_B, base, rates) if line.startswith("would fit")]
    assert advised or name != "qwen2.5-7b-lora"
    for line in advised:
        settings = [word for word in shlex.split(line) if word != "--set"]
        changed = load_config(Path(name), settings)
        assert list(advice(SEVEN_B, changed, rates)) == []
        for setting in settings:
            assert load_config(Path(name), [setting]) != base, f"{setting} is so already"


def test_a_share_that_is_no_number_is_refused():
    with pytest.raises(UsageError, match="--gpu-memory-utilization takes a number, got 'half'"):
        planned(engine={"kind": "vllm", "vllm": {"args": ["--gpu-memory-utilization", "half"]}})


def test_nodes_multiply_the_devices_that_train():
    placement = placement_of(config(devices={"train": 8, "follower": 4}, nodes=4, sharding="fsdp2"))
    assert (placement.train, placement.group.shards) == (16, 16)
    assert placement_of(config()).train == 1


def test_nothing_is_advised_where_all_fits():
    assert (
        lines(lora={"r": 16}, follower={"grpo": {"dtype": "bfloat16", "micro_batch": 1}}, instructor={"train": False})
        == []
    )


def test_what_will_not_fit_gets_settings_that_do():
    won_t, alone, more = lines(follower={"grpo": {"max_new_tokens": 1024}}, instructor={"train": False})
    assert won_t.startswith("won't fit: a device that trains needs")
    assert "--set lora.r=16" in alone
    assert "--set sharding=fsdp2 --set devices.train=" in more
    overrides = [word for word in alone.split() if "=" in word]
    tree = {"follower": {"grpo": {"max_new_tokens": 1024, "dtype": "bfloat16"}}, "instructor": {"train": False}}
    assert any("dtype=bfloat16" in word for word in overrides)
    assert all(map(fits, planned(**tree, lora={"r": 16})))


def test_a_model_that_fits_nowhere_is_said_to():
    assert lines(hardware("24gb"))[-1].startswith("nothing that seif can set")
