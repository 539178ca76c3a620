from dataclasses import replace

import pytest

from seif.config_file import build_config
from seif.footprint import Architecture, training_footprint

MODEL = Architecture(
    parameters=1000,
    layers=2,
    hidden=8,
    intermediate=16,
    key_value_width=4,
    vocabulary=50,
    linear_widths=60,
    context=None,
)
SHORT = {"max_prompt_tokens": 10, "max_new_tokens": 6, "micro_batch": 2}


def footprint(compute="bfloat16", grpo=None, **settings):
    tree = {
        "model": "x",
        "follower": {"grpo": SHORT | (grpo or {})},
        "instructor": {"grpo": SHORT | (grpo or {})},
        **settings,
    }
    return training_footprint(MODEL, build_config(tree, "test"), compute)


def test_all_weights_in_float32_take_weights_gradients_and_two_moments():
    found = footprint("float32")
    assert (found.weights, found.reference, found.rollouts, found.frozen) == (16_000, 4000, 4000, 4000)


def test_mixed_precision_adds_the_copies_that_it_computes_with():
    found = footprint("bfloat16")
    assert (found.weights, found.reference, found.rollouts, found.frozen) == (18_000, 4000, 2000, 2000)


def test_an_adapter_needs_gradients_and_moments_for_itself_alone():
    found = footprint(lora={"r": 2}, grpo={"dtype": "bfloat16"})
    adapter = 4 * 2 * 60
    assert (found.weights, found.reference) == (2000 + 4 * adapter, adapter)


def test_no_reference_without_a_kl_penalty():
    assert footprint(grpo={"kl": 0.0}).reference == 0


@pytest.mark.parametrize(
    ("settings", "models"), [({}, 1), ({"judger": {"weights": "base"}}, 2), ({"engine": {"kind": "vllm"}}, 0)]
)
def test_the_frozen_roles_are_as_many_models_as_differ(settings, models):
    assert footprint(**settings).frozen == models * 2000


def test_keys_and_values_follow_the_token_budget():
    small, large = (footprint(engine={"token_budget": tokens}).generation for tokens in (1024, 2048))
    assert large == 2 * small
    assert small == 2 * 2 * 4 * 2 * 1024 + 16 * 50 * 4


def test_checkpointing_keeps_one_layer():
    kept, whole = (footprint("float32", {"gradient_checkpointing": on}).activations for on in (True, False))
    tokens, layer = 2 * 16, 2 * 16 * (8 * 8 + 4 * 16) * 4
    logits = 12 * tokens * 50
    assert kept == 2 * tokens * 8 * 4 + layer + logits
    assert whole == 2 * layer + logits


def test_the_larger_of_the_roles_counts():
    longer = {"grpo": SHORT | {"max_new_tokens": 60}}
    assert footprint(instructor=longer) == footprint(follower=longer)
    assert footprint(instructor=longer).activations > footprint().activations
    assert footprint(instructor={**longer, "train": False}) == footprint()


def test_the_total_is_the_sum_of_its_parts():
    found = footprint()
    assert replace(found, rollouts=found.rollouts + 7).total == found.total + 7
