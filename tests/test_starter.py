from dataclasses import replace
from pathlib import Path

import pytest

from seif.config_file import load_config
from seif.errors import UsageError
from seif.footprint import Architecture, Device, training_footprint
from seif.starter import Model, starter_config

SEVEN_B = Architecture(7_615_616_512, 28, 3584, 18944, 512, 152_064, 2_523_136, 32_768)
HALF_B = Architecture(494_032_768, 24, 896, 4864, 128, 151_936, 549_888, 32_768)
TINY = Architecture(2_000_000, 4, 192, 512, 192, 1600, 14_592, 512)
SEEDS = Path("/data/my seeds.parquet")


def gpu(gigabytes):
    return Device("one GPU", round(gigabytes * 1e9), True, "bfloat16", "it computes in bf16")


def cpu(gigabytes):
    return Device("the CPU", round(gigabytes * 1e9), False, "float32", "the CPU has no bf16 units")


def written(tmp_path, architecture, device, thinks=False, count=1000):
    """The config as the commands read it."""
    path = tmp_path / "config.yaml"
    path.write_text(starter_config(Model("Org/Model", architecture, thinks), SEEDS, count, device), encoding="utf-8")
    return load_config(path)


@pytest.mark.parametrize(
    ("architecture", "device", "lora"),
    [
        (HALF_B, gpu(24), False),
        (HALF_B, cpu(64), False),
        (HALF_B, gpu(8), True),
        (SEVEN_B, gpu(80), True),
        (SEVEN_B, gpu(280), False),
        (TINY, cpu(4), False),
    ],
)
def test_what_is_chosen_fits_the_device(tmp_path, architecture, device, lora):
    config = written(tmp_path, architecture, device)
    assert (config.lora is not None) is lora
    assert training_footprint(architecture, config, device.compute).total <= 0.9 * device.memory


def test_a_smaller_device_gets_smaller_batches(tmp_path):
    large, small = (written(tmp_path, SEVEN_B, gpu(gigabytes)) for gigabytes in (80, 64))
    assert large.follower.grpo.micro_batch > small.follower.grpo.micro_batch


def test_a_device_that_is_too_small_is_refused_with_what_is_needed(tmp_path):
    with pytest.raises(
        UsageError, match=r"needs about \d\d GB to train LoRA adapters, and one GPU has 24 GB; choose .* --gpu-memory"
    ):
        written(tmp_path, SEVEN_B, gpu(24))


def test_a_model_that_reasons_gets_the_reasoning_format_and_longer_limits(tmp_path):
    config = written(tmp_path, HALF_B, gpu(80), thinks=True)
    assert config.follower.format == "reasoning"
    assert config.follower.grpo.max_new_tokens == 4096
    assert config.judging_model == "generative"
    assert min(config.judger.max_new_tokens, config.filter.max_new_tokens) == 4096


def test_a_model_that_reasons_leaves_half_of_a_short_context_to_prompts(tmp_path):
    config = written(tmp_path, replace(HALF_B, context=4096), gpu(80), thinks=True)
    assert max(config.judger.max_new_tokens, config.filter.max_new_tokens, config.follower.grpo.max_new_tokens) <= 2048


def test_a_very_small_model_gets_the_short_prompts(tmp_path):
    config = written(tmp_path, TINY, cpu(4))
    assert (config.prompts, config.judger.kind) == ("compact", "logprob")


@pytest.mark.parametrize("architecture", [TINY, HALF_B])
def test_prompts_and_answers_fit_the_context(tmp_path, architecture):
    config = written(tmp_path, architecture, gpu(80))
    for role in (config.instructor, config.follower):
        assert role.grpo.max_prompt_tokens + role.grpo.max_new_tokens < architecture.context


@pytest.mark.parametrize(("count", "prompts"), [(1000, 64), (20, 16), (3, 4)])
def test_a_step_takes_no_more_prompts_than_there_are_seeds(tmp_path, count, prompts):
    assert written(tmp_path, HALF_B, gpu(80), count=count).follower.grpo.prompts_per_step == prompts


def test_every_setting_says_why(tmp_path):
    text = starter_config(Model("Org/Model", SEVEN_B, False), SEEDS, 10, gpu(80))
    for key in (
        "token_budget",
        "learning_rate",
        "prompts_per_step",
        "micro_batch",
        "max_new_tokens",
        "lora",
        "dtype",
        "format",
    ):
        assert all("  # " in line for line in text.splitlines() if line.strip().startswith(f"{key}:")), key
    assert "@" not in text


@pytest.mark.parametrize("name", ["plain/name", "with space", "it's", "a: b", "# c", "- d"])
def test_any_path_survives_the_yaml(tmp_path, name):
    path = tmp_path / "config.yaml"
    path.write_text(starter_config(Model(f"/models/{name}", HALF_B, False), SEEDS, 10, gpu(80)), encoding="utf-8")
    assert load_config(path).model == f"/models/{name}"
    assert load_config(path).seeds == str(SEEDS)
