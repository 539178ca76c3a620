"""A model's sizes and chat format, read without its weights and without the network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.pytorch_utils import Conv1D

from seif.engines.adapter import base_of, is_adapter
from seif.errors import UsageError
from seif.footprint import Architecture


@dataclass(frozen=True)
class Description:
    """What can be said about a model before it is loaded."""

    architecture: Architecture
    thinks: bool
    """Whether the chat template knows `</think>`: the model reasons before it answers, by default or always."""


def describe(model: str) -> Description:
    """Describe a checkpoint directory, or a hub id in the local cache.

    Raises UsageError for a hub id that is not in the cache, for an adapter, for what is no causal language model,
    and for a tokenizer without a chat template.
    """
    if is_adapter(model):
        raise UsageError(f"{model} is an adapter; give the model it was trained on")
    if not Path(model).is_dir() and (Path(model).is_absolute() or model.startswith(".")):
        raise UsageError(f"no model directory at {model}; give a checkpoint directory or a hub id")
    if Path(model).is_dir() and not (Path(model) / "config.json").is_file():
        raise UsageError(
            f"{model} is not a model directory: it has no config.json; save one with model.save_pretrained"
        )
    try:
        config = AutoConfig.from_pretrained(model, local_files_only=True)
        template = AutoTokenizer.from_pretrained(model, local_files_only=True).chat_template
        architecture = architecture_of(config)
    except OSError as error:
        if Path(model).is_dir():
            raise UsageError(
                f"{model} can't be read: {' '.join(str(error).split())[:200]}; save it anew with save_pretrained"
            ) from error
        raise UsageError(
            f"{model} is not on this machine, and its config.json is "
            f"not read over the network; get it with: hf download {model}"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{model} can't be loaded as a causal language model: {' '.join(str(error).split())[:200]}"
        ) from error
    if not template:
        raise UsageError(
            f"the tokenizer of {model} has no chat template; set "
            "tokenizer.chat_template and save it, or use an instruct model"
        )
    return Description(architecture, thinks="</think>" in str(template))


def sizes(model: str) -> Architecture | None:
    """The sizes of a checkpoint directory or adapter, or of a hub id in the local cache; None where there is no
    config.json. Raises UsageError for one that describes no causal language model."""
    base = base_of(model)
    if Path(base).is_dir() and not (Path(base) / "config.json").is_file():
        return None
    try:
        return architecture_of(AutoConfig.from_pretrained(base, local_files_only=True))
    except OSError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{model} can't be loaded as a causal language model: {' '.join(str(error).split())[:200]}"
        ) from error


def architecture_of(config: Any) -> Architecture:
    """The sizes of the causal language model that a transformers config describes; its weights are shapes alone."""
    with torch.device("meta"):
        net = AutoModelForCausalLM.from_config(config)
    head = net.get_output_embeddings()
    linear = [
        layer.weight for layer in net.modules() if isinstance(layer, torch.nn.Linear | Conv1D) and layer is not head
    ]
    text = config.get_text_config()
    heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
    return Architecture(
        parameters=net.num_parameters(),
        layers=text.num_hidden_layers,
        hidden=text.hidden_size,
        intermediate=getattr(text, "intermediate_size", None) or 4 * text.hidden_size,
        key_value_width=heads * _head_width(text),
        vocabulary=text.vocab_size,
        linear_widths=sum(sum(weight.shape) for weight in linear),
        context=getattr(text, "max_position_embeddings", None),
        tied=bool(getattr(config, "tie_word_embeddings", False)),
    )


def _head_width(text: Any) -> int:
    return int(getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads)
