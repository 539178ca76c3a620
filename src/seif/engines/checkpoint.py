"""Check a checkpoint before models are loaded, so that a wrong one is reported within a second and in one line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from seif.chat import DEFAULT, ChatFormat
from seif.engines.adapter import base_of, is_adapter, need_peft, tokenizer_of
from seif.engines.hub import check_source
from seif.errors import UsageError

_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "vocab.json", "vocab.txt")
"""A model directory with a tokenizer holds one of them."""


def check_checkpoint(model: str, prompts: Iterable[str] = (), new_tokens: int = 0, chat: ChatFormat = DEFAULT) -> None:
    """Raises UsageError when `model` is no usable causal LM with a chat template, or one of `prompts` can't fit its
    context.

    An adapter is usable when it can be read and its base is usable.
    """
    from safetensors import SafetensorError, safe_open
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoConfig, AutoTokenizer

    if is_adapter(model):
        need_peft()
    base = base_of(model)
    check_source(base)
    path, named = Path(base), base if base == model else f"{base} (the base of {model})"
    looks_local = path.is_absolute() or base.startswith(".") or path.exists()
    if looks_local and not path.is_dir():
        raise UsageError(f"no model directory at {named}; give a checkpoint directory or a hub id")
    if looks_local and not (path / "config.json").is_file():
        raise UsageError(
            f"{named} is not a model directory: it has no config.json; save one with model.save_pretrained"
        )
    local = [folder for folder in dict.fromkeys((Path(model), path)) if folder.is_dir()]
    for folder in local:
        if not any(folder.glob("*.safetensors")) and not any(folder.glob("*_model*.bin")):
            raise UsageError(f"{folder} holds no weights (*.safetensors); save them with model.save_pretrained")
    try:
        config = AutoConfig.from_pretrained(base)
        tokenizer = AutoTokenizer.from_pretrained(tokenizer_of(model))
        for weights in (file for folder in local for file in folder.glob("*.safetensors")):
            with safe_open(weights, "pt") as file:
                file.keys()
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        if isinstance(error, OSError) and not looks_local:
            raise UsageError(
                f"{named} is not on this machine, and it can't be had from the hub; check its name, or get it first "
                f"with: hf download {base}"
            ) from error
        raise UsageError(
            f"{named} can't be loaded as a transformers checkpoint: {' '.join(str(error).split())[:200]}"
        ) from error
    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise UsageError(
            f"{named} is a {config.model_type} model, which is not a causal "
            "language model; choose one that AutoModelForCausalLM loads"
        )
    of_tokenizer = Path(tokenizer_of(model))
    if of_tokenizer.is_dir() and not any((of_tokenizer / name).is_file() for name in _TOKENIZER_FILES):
        raise UsageError(f"{of_tokenizer} has no tokenizer; save it there with tokenizer.save_pretrained")
    if not getattr(tokenizer, "chat_template", None):
        raise UsageError(
            f"the tokenizer of {model} has no chat template; set "
            "tokenizer.chat_template and save it, or use an instruct model"
        )
    chat.check(tokenizer)
    context = getattr(config.get_text_config(), "max_position_embeddings", None)
    if context is None:
        return
    chats = ([{"role": "user", "content": prompt}] for prompt in prompts)
    for number, tokens in enumerate(chat.lengths(tokenizer, chats), 1):
        if tokens + new_tokens > context:
            fix = "shorten or drop it, or lower max_new_tokens"
            raise UsageError(
                f"seed {number} has {tokens} tokens; with {new_tokens} "
                f"new ones it exceeds the model's context of {context}: {fix}"
            )
