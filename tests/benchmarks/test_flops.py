import pytest
from benchmarks.flops import full_training_flops, lora_training_flops, mfu, peak_flops


def test_training_all_weights_takes_six_flops_a_parameter_and_token():
    assert full_training_flops(1_500_000_000, 1000) == 9e12


def test_a_frozen_base_takes_no_gradients_of_its_weights():
    assert lora_training_flops(7_000_000_000, 40_000_000, 1000) == pytest.approx(28.24e12)
    assert lora_training_flops(0, 10, 5) == full_training_flops(10, 5)


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("NVIDIA H200", 989e12),
        ("NVIDIA H100 80GB HBM3", 989e12),
        ("NVIDIA A100-SXM4-80GB", 312e12),
        ("NVIDIA L40S", 362e12),
        ("NVIDIA H100 PCIe", None),
        ("NVIDIA GH200 480GB", None),
        ("NVIDIA L40", None),
        ("the CPU", None),
    ],
)
def test_the_peak_of_a_device_by_its_name(name, peak):
    assert peak_flops(name) == peak


def test_mfu_is_the_share_of_the_peak():
    assert mfu(flops=495e12, seconds=2.0, peak=990e12) == pytest.approx(0.25)
    assert mfu(flops=495e12, seconds=2.0, peak=None) is None
