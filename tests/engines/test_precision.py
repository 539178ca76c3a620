import pytest
import torch

from seif.config import Config
from seif.engines import precision
from seif.engines.precision import Precision, choose, hardware_precision, resolve, training_types
from seif.errors import UsageError


@pytest.fixture
def cpu(monkeypatch):
    """A CPU that can what the test says."""

    def has(**capabilities):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, **capabilities})
        monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)

    return has


@pytest.mark.parametrize(
    ("capabilities", "dtype", "reason"),
    [
        ({}, "float32", "the CPU has no bf16 units"),
        ({"avx512_f": True, "avx512_bf16": False}, "float32", "the CPU has no bf16 units"),
        ({"avx512_bf16": True}, "bfloat16", "the CPU has AVX512-BF16"),
        ({"avx512_bf16": True, "amx_bf16": True}, "bfloat16", "the CPU has AMX-BF16"),
        ({"bf16": True}, "bfloat16", "the CPU has BF16"),
    ],
)
def test_bf16_is_chosen_where_the_cpu_computes_in_it(cpu, capabilities, dtype, reason):
    cpu(**capabilities)
    assert hardware_precision() == Precision(dtype, reason)


def test_units_that_onednn_may_not_use_do_not_count(cpu, monkeypatch):
    cpu(avx512_bf16=True)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "avx2")
    assert hardware_precision().dtype == "float32"
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16")
    assert hardware_precision().dtype == "bfloat16"


@pytest.mark.parametrize(("supported", "dtype"), [(True, "bfloat16"), (False, "float32")])
def test_a_gpu_is_asked_without_emulation(monkeypatch, supported, dtype):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "T4")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: supported or including_emulation)
    assert hardware_precision().dtype == dtype


def test_a_run_keeps_the_type_it_began_with_and_what_is_set_by_hand_is_obeyed(cpu):
    cpu()
    assert choose("auto").dtype == "float32"
    line = (
        "computing in bfloat16: the run began with it and continues in "
        "it, slowly, without units for it (the CPU has no bf16 units)"
    )
    assert str(choose("auto", "bfloat16")) == line
    assert choose("bfloat16") == Precision("bfloat16", "set in the config")
    cpu(avx512_bf16=True)
    assert choose("auto", "float32").dtype == "float32"
    assert "slowly" not in str(choose("auto", "float32"))


def test_every_auto_is_filled_in(cpu):
    cpu()
    config, chosen = resolve(Config(model="m"))
    assert (config.dtype, config.engine.dtype, chosen.dtype) == ("float32",) * 3
    config, _ = resolve(Config.model_validate({"model": "m", "dtype": "bfloat16", "engine": {"dtype": "float32"}}))
    assert (config.dtype, config.engine.dtype) == ("bfloat16", "float32")


def test_a_type_that_the_machine_cannot_compute_in_is_told_with_the_alternatives(monkeypatch):
    monkeypatch.setattr(precision, "_computes", lambda dtype: dtype == "float32")
    with pytest.raises(UsageError, match=r"can't compute in bfloat16; use dtype: auto, or float32"):
        choose("bfloat16")
    with pytest.raises(UsageError, match="float16"):
        resolve(Config.model_validate({"model": "m", "dtype": "float32", "engine": {"dtype": "float16"}}))


def test_how_a_stage_trains():
    assert vars(training_types("auto", "bfloat16")) == {"weights": "float32", "compute": "bfloat16"}
    assert vars(training_types("bfloat16", "float32")) == {"weights": "bfloat16", "compute": "bfloat16"}
    assert training_types("auto", "bfloat16").mixed_bf16
    assert not training_types("float32", "bfloat16").mixed_bf16
