"""The type that models compute in: the one place that knows which hardware computes in bf16."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch

from seif.config import Config
from seif.errors import UsageError

_CAPPED = ("SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX512_CORE", "AVX512_CORE_VNNI")
"""Values of ONEDNN_MAX_CPU_ISA below the first that has bf16 units."""


@dataclass(frozen=True)
class Precision:
    """What a run computes in, and why: both are shown to the user and kept in the manifest."""

    dtype: str
    """A torch type by name: bfloat16, float16 or float32."""
    reason: str

    def __str__(self) -> str:
        return f"computing in {self.dtype}: {self.reason}"


def device() -> str:
    """Where models in this process run: `cuda` when there is a GPU, else `cpu`."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def hardware_precision() -> Precision:
    """bf16 where this machine has units for it, else float32: emulated bf16 is several times slower than float32."""
    if torch.cuda.is_available():
        name = torch.cuda.get_device_name()
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return Precision("bfloat16", f"{name} computes in bf16")
        return Precision("float32", f"{name} has no bf16 units")
    if not hasattr(torch.cpu, "get_capabilities"):
        return Precision("float32", f"torch {torch.__version__} does not report what the CPU supports")
    found = torch.cpu.get_capabilities()
    units = [name for name in ("amx_bf16", "avx512_bf16", "sve_bf16", "bf16") if found.get(name)]
    cap = os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper()
    if units and cap in _CAPPED:
        return Precision("float32", f"ONEDNN_MAX_CPU_ISA={cap} hides the CPU's bf16 units")
    if units:
        return Precision("bfloat16", f"the CPU has {units[0].upper().replace('_', '-')}")
    return Precision("float32", "the CPU has no bf16 units")


def choose(wanted: str, began_with: str | None = None) -> Precision:
    """The type for `wanted`, a type's name or `auto`.

    `began_with` is what an interrupted run computed in, which `auto` keeps.

    Raises UsageError for a type that this machine can't compute in at all.
    """
    here = hardware_precision()
    if wanted != "auto":
        chosen = Precision(wanted, "set in the config")
    elif began_with is None or began_with == here.dtype:
        chosen = here
    else:
        slow = ", slowly, without units for it" if began_with == "bfloat16" else ""
        chosen = Precision(began_with, f"the run began with it and continues in it{slow} ({here.reason})")
    check(chosen.dtype)
    return chosen


def check(dtype: str) -> None:
    """Raises UsageError, with the alternatives, for a type in which this machine can't compute at all."""
    if not _computes(dtype):
        others = [name for name in ("bfloat16", "float32", "float16") if name != dtype and _computes(name)]
        raise UsageError(
            f"this machine ({device()}) can't compute in {dtype}; use dtype: auto, or {' or '.join(others)}"
        )


def resolve(config: Config, began_with: str | None = None) -> tuple[Config, Precision]:
    """The config with every `auto` type filled in. Raises UsageError for a type that this machine can't compute in."""
    chosen = choose(config.dtype, began_with)
    engine = chosen.dtype if config.engine.dtype == "auto" else config.engine.dtype
    for dtype in {
        engine,
        config.instructor.grpo.dtype,
        config.follower.grpo.dtype,
        config.self_supervised.reward_model.dtype,
    } - {"auto"}:
        check(dtype)
    return config.model_copy(
        update={"dtype": chosen.dtype, "engine": config.engine.model_copy(update={"dtype": engine})}
    ), chosen


@dataclass(frozen=True)
class TrainingTypes:
    """How a stage trains: the type of the weights, and the type of forward and backward. Types by name."""

    weights: str
    compute: str

    @property
    def mixed_bf16(self) -> bool:
        """Whether autocast is needed."""
        return self.compute == "bfloat16"


def training_types(section: str, run: str) -> TrainingTypes:
    """For a section's `dtype` in a run that computes in `run`: `auto` is float32 weights and the run's type."""
    if section == "auto":
        return TrainingTypes("float32", run)
    return TrainingTypes(section, section)


def _computes(dtype: str) -> bool:
    """Whether a product and a norm of small matrices work."""
    try:
        x = torch.ones(2, 2, dtype=getattr(torch, dtype), device=device())
        torch.nn.functional.layer_norm(x @ x, (2,)).sum().item()
    except (RuntimeError, NotImplementedError):
        return False
    return True
