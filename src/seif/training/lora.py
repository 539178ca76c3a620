"""LoRA: a stage trains an adapter on a base that stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from seif.config import ALL_LINEAR, Lora
from seif.engines.adapter import adapter_settings, base_of, is_adapter, need_peft
from seif.errors import UsageError

ADAPTER = "default"
"""peft's name of the adapter that is trained."""
REFERENCE = "ref"
"""TRL's name of its frozen copy of that adapter as the stage found it, from which the KL penalty is measured."""
_FREE = {
    "base_model_name_or_path",
    "inference_mode",
    "lora_dropout",
    "revision",
    "task_type",
    "auto_mapping",
    "peft_version",
}
"""Settings in which an adapter may differ from the config and still be continued."""


def check_start(model: str, lora: Lora | None) -> None:
    """Whether training can start from `model` with these settings, checked before any weights are loaded.

    Raises UsageError for an adapter without `lora` in the config, one of another kind or made with other settings, a
    base that is not there, target modules that the base does not have, and when peft is missing.
    """
    if lora is None:
        if is_adapter(model):
            found = adapter_settings(model)
            fix = f"lora: {{r: {found.get('r')}, alpha: {found.get('lora_alpha')}}}"
            raise UsageError(f"{model} is an adapter, and the config has no `lora` section to train it with; add {fix}")
        return
    need_peft()
    from transformers import AutoConfig, AutoModelForCausalLM

    base = base_of(model)
    with torch.device("meta"):
        net = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(base))
    _check_targets(net, base, lora)
    if is_adapter(model):
        _check_settings(model, _adapt(net, lora).peft_config[ADAPTER].to_dict())


def adapted(model: str, lora: Lora, seed: int, **loading: Any) -> Any:
    """The base of `model` with an adapter to be trained: a fresh one, or that of `model` if it is an adapter itself.

    `loading`: what transformers gets to load the base with. `check_start` reports beforehand what can't work.
    """
    from transformers import AutoModelForCausalLM

    net = AutoModelForCausalLM.from_pretrained(base_of(model), **loading)
    torch.manual_seed(seed)
    tuned = _adapt(net, lora)
    if is_adapter(model):
        tuned.load_adapter(model, ADAPTER, is_trainable=True)
    return tuned


def plain_weights(tuned: Any) -> Iterator[torch.Tensor]:
    """The weights of the model without adapters that equals `tuned`, in the order of that model's parameters."""
    from peft.tuners.lora import LoraLayer

    layers = {id(layer.base_layer.weight): layer for layer in tuned.modules() if isinstance(layer, LoraLayer)}
    for name, weight in tuned.named_parameters():
        if "lora_" not in name:
            layer = layers.get(id(weight))
            yield weight if layer is None else weight + layer.get_delta_weight(ADAPTER)


def _adapt(net: Any, lora: Lora) -> Any:
    from peft import LoraConfig, get_peft_model

    targets = ALL_LINEAR if ALL_LINEAR in lora.target_modules else list(lora.target_modules)
    settings = LoraConfig(
        r=lora.r, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=targets, task_type="CAUSAL_LM"
    )
    tuned = get_peft_model(net, settings)
    # peft resolves them to a set, whose order on disk would differ from process to process.
    settings.target_modules = sorted(settings.target_modules)
    return tuned


def _check_targets(net: Any, base: str, lora: Lora) -> None:
    from transformers.pytorch_utils import Conv1D

    head = net.get_output_embeddings()
    layers = [
        name for name, layer in net.named_modules() if isinstance(layer, torch.nn.Linear | Conv1D) and layer is not head
    ]
    for target in lora.target_modules:
        if target != ALL_LINEAR and not any(f".{name}".endswith(f".{target}") for name in layers):
            known = ", ".join(sorted({name.rpartition(".")[2] for name in layers}))
            raise UsageError(
                f"lora.target_modules: {target!r} names no layer of {base} that can be adapted; it has {known}"
            )


def _check_settings(model: str, wanted: dict[str, Any]) -> None:
    from peft import LoraConfig

    found = LoraConfig.from_pretrained(model).to_dict()
    found["target_modules"] = sorted(found["target_modules"] or ())
    differing = sorted(key for key in (found.keys() | wanted.keys()) - _FREE if found.get(key) != wanted.get(key))
    if differing:
        listed = ", ".join(f"{key} {found.get(key)} and not {wanted.get(key)}" for key in differing[:4])
        raise UsageError(
            f"the adapter {Path(model)} was made with other settings than "
            f"the config's `lora`: {listed}; use those, or start from its base"
        )
