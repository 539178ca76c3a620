"""Look at a checkpoint before anything heavy starts, so that a user's mistake is told in a second and in one line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from seif.errors import UsageError


def check_checkpoint(model: str, prompts: Sequence[str] = (), new_tokens: int = 0) -> None:
    """Raises UsageError when `model` is no usable causal LM with a chat template, or one of `prompts` can't fit its context."""
    from safetensors import SafetensorError, safe_open
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoConfig, AutoTokenizer

    path = Path(model)
    looks_local = path.is_absolute() or model.startswith(".") or path.exists()
    if looks_local and not path.is_dir():
        raise UsageError(f"no model directory at {model}; give a checkpoint directory or a hub id")
    if looks_local and not (path / "config.json").is_file():
        raise UsageError(f"{model} is not a model directory: it has no config.json; save one with model.save_pretrained")
    if looks_local and not any(path.glob("*.safetensors")) and not any(path.glob("pytorch_model*.bin")):
        raise UsageError(f"{model} holds no weights (*.safetensors); save them with model.save_pretrained")
    try:
        config = AutoConfig.from_pretrained(model)
        tokenizer = AutoTokenizer.from_pretrained(model)
        for weights in path.glob("*.safetensors") if looks_local else ():
            with safe_open(weights, "pt") as file:
                file.keys()
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise UsageError(f"{model} can't be loaded as a transformers checkpoint: {' '.join(str(error).split())[:200]}") from error
    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise UsageError(f"{model} is a {config.model_type} model, which is no causal language model; choose one that AutoModelForCausalLM loads")
    if not getattr(tokenizer, "chat_template", None):
        raise UsageError(f"the tokenizer of {model} has no chat template; set tokenizer.chat_template and save it, or use an instruct model")
    context = getattr(config.get_text_config(), "max_position_embeddings", None)
    if not prompts or context is None:
        return
    texts = tokenizer.apply_chat_template([[{"role": "user", "content": p}] for p in prompts], tokenize=False, add_generation_prompt=True)
    for number, ids in enumerate(tokenizer(list(texts), add_special_tokens=False).input_ids, 1):
        if len(ids) + new_tokens > context:
            fix = "shorten or drop it, or lower max_new_tokens"
            raise UsageError(f"seed {number} has {len(ids)} tokens; with {new_tokens} new ones it exceeds the model's context of {context}: {fix}")
