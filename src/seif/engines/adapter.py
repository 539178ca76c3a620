"""LoRA adapters on disk: a model directory that holds an adapter needs a base, which is elsewhere."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

from seif.errors import UsageError

CONFIG = "adapter_config.json"


def is_adapter(model: str | Path) -> bool:
    """Whether `model` is a directory that holds an adapter."""
    return (Path(model) / CONFIG).is_file()


def base_of(model: str | Path) -> str:
    """The checkpoint on which an adapter stands; any other model stands on itself.

    Raises UsageError for an adapter that is no LoRA adapter, and when its base is unknown, is an adapter itself, or
    is a directory that is not there.
    """
    if not is_adapter(model):
        return str(model)
    settings = adapter_settings(model)
    kind = settings.get("peft_type", "LORA")
    if kind != "LORA":
        raise UsageError(f"the adapter {model} is of the kind {kind}; only LoRA adapters can be used")
    base = settings.get("base_model_name_or_path")
    key = f"base_model_name_or_path in {Path(model) / CONFIG}"
    if not isinstance(base, str) or not base:
        raise UsageError(f"the adapter {model} does not name its base; set {key}")
    if (Path(base).is_absolute() or base.startswith(".")) and not Path(base).is_dir():
        raise UsageError(
            f"the adapter {model} needs its base, and there is no model directory at {base}; correct {key}"
        )
    if is_adapter(base):
        raise UsageError(
            f"the adapter {model} stands on {base}, which is an "
            f"adapter too; merge that one into its base and correct {key}"
        )
    return base


def adapter_settings(model: str | Path) -> dict[str, object]:
    """What `adapter_config.json` says. Raises UsageError when it is no JSON object."""
    path = Path(model) / CONFIG
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(settings, dict):
        raise UsageError(f"{path} holds no JSON object; save the adapter with model.save_pretrained")
    return settings


def tokenizer_of(model: str | Path) -> str:
    """Where the tokenizer of `model` is: beside the adapter, or else with the base."""
    return str(model) if not is_adapter(model) or (Path(model) / "tokenizer_config.json").is_file() else base_of(model)


def need_peft() -> None:
    """Raises UsageError when peft is not installed."""
    if importlib.util.find_spec("peft") is None:
        raise UsageError("LoRA adapters need peft: pip install 'seif[lora]'")
