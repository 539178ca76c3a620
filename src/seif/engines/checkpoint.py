"""Check a checkpoint before models are loaded, so that a wrong one is reported within a second and in one line."""

from __future__ import annotations

from pathlib import Path

from seif.chat import DEFAULT, ChatFormat
from seif.engines.adapter import base_of, is_adapter, need_peft, tokenizer_of
from seif.engines.hub import check_source
from seif.engines.model_files import has_tokenizer
from seif.errors import UsageError

GENERATION = "generation_config.json"


def check_checkpoint(model: str, chat: ChatFormat = DEFAULT, weights: bool = True) -> None:
    """Raises UsageError when `model` is no usable causal LM with a chat template that `chat` can use.

    An adapter is usable when it can be read and its base is usable. `weights`: whether they will be loaded on this
    machine, and so are looked at too.
    """
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoConfig, AutoTokenizer, GenerationConfig

    from seif.engines.weights import UNREADABLE, check_weights

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
        if (path / GENERATION).is_file():
            # transformers goes on without a damaged one, and so without its end tokens.
            GenerationConfig.from_pretrained(base)
    except UNREADABLE as error:
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
    if of_tokenizer.is_dir() and not has_tokenizer(of_tokenizer):
        raise UsageError(f"{of_tokenizer} has no tokenizer; save it there with tokenizer.save_pretrained")
    if not getattr(tokenizer, "chat_template", None):
        raise UsageError(
            f"the tokenizer of {model} has no chat template; set "
            "tokenizer.chat_template and save it, or use an instruct model"
        )
    chat.check(tokenizer)
    size, known = config.get_text_config().vocab_size, tokenizer.vocab_size
    if known > size:
        raise UsageError(
            f"the tokenizer of {model} has {known:,} tokens, and {named} reads {size:,}; give the model its own "
            "tokenizer"
        )
    if weights:
        check_weights(model)
