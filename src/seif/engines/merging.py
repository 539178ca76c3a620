"""A checkpoint as a folder that stands on its own: an adapter merged into its base, with tokenizer and settings."""

from __future__ import annotations

import shutil
from pathlib import Path

from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig

from seif.engines.adapter import base_of, is_adapter, need_peft
from seif.engines.tokens import tokenizer_to_save

_WEIGHTS = ("*.safetensors", "*.safetensors.index.json")
_SETTINGS = ("config.json", "generation_config.json", "adapter_config.json")


def write_merged(model: str | Path, out: Path) -> None:
    """Write `model`, a checkpoint directory, to the existing folder `out`; an adapter is merged into its base, in the
    type in which the base is stored.

    Raises UsageError for an adapter whose base is not there, and when peft is missing.
    """
    if is_adapter(model):
        need_peft()
        from peft import PeftModel

        base = AutoModelForCausalLM.from_pretrained(base_of(model), dtype="auto")
        PeftModel.from_pretrained(base, str(model)).merge_and_unload().save_pretrained(out)
    else:
        _copy(Path(model), out)
    _write_tokenizer(model, out)
    if not (out / "generation_config.json").is_file():
        _generation_config(base_of(model)).save_pretrained(out)


def write_adapter(model: str | Path, out: Path) -> None:
    """Write the adapter alone, with its tokenizer, to the existing folder `out`; its base is named in it."""
    _copy(Path(model), out)
    _write_tokenizer(model, out)
    _generation_config(base_of(model)).save_pretrained(out)


def _copy(model: Path, out: Path) -> None:
    for pattern in (*_WEIGHTS, *_SETTINGS):
        for file in model.glob(pattern):
            shutil.copy2(file, out / file.name)


def _write_tokenizer(model: str | Path, out: Path) -> None:
    """With its chat template."""
    tokenizer_to_save(str(model)).save_pretrained(out)


def _generation_config(model: str) -> GenerationConfig:
    try:
        return GenerationConfig.from_pretrained(model)
    except OSError:
        # Not every checkpoint has the file; the config knows the end token.
        return GenerationConfig.from_model_config(AutoConfig.from_pretrained(model))
