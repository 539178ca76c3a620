"""A sequence-classification checkpoint in this process: probabilities of *satisfied*, in batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

from seif.engines.base import TOO_LONG
from seif.engines.hub import check_source
from seif.engines.local import READING
from seif.engines.memory import release_memory
from seif.engines.precision import choose, device
from seif.engines.shapes import compiles_shapes, filled
from seif.errors import UsageError
from seif.quantities import quantity
from seif.self_supervised.calibration import probability
from seif.self_supervised.inputs import Item, encode

NOT_A_NUMBER = "probability is not a number"


@dataclass(frozen=True)
class Scored:
    """The logit of *satisfied* less that of *violated*; None with an `error`."""

    margin: float | None
    error: str = ""
    shortened: bool = False
    tokens: int = 0
    """Tokens that were read."""

    @property
    def probability(self) -> float | None:
        """P(satisfied)."""
        return None if self.margin is None else probability(self.margin)


class Scorer:
    """One reward model. `token_budget` bounds rows x tokens of a forward as that of an engine does."""

    def __init__(self, model: Any, tokenizer: Any, token_budget: int = 49_152) -> None:
        self.model, self.tokenizer, self.token_budget = model, tokenizer, token_budget
        self.limit = context_of(model.config, tokenizer)

    @classmethod
    def load(
        cls, path: str | Path, dtype: str = "auto", token_budget: int = 49_152, attn_implementation: str | None = None
    ) -> Scorer:
        """Load a checkpoint, on the GPU when there is one. Raises UsageError as `check_classifier` does."""
        check_classifier(path)
        wanted = getattr(torch, choose(dtype).dtype)
        model = AutoModelForSequenceClassification.from_pretrained(
            path, dtype=wanted, attn_implementation=attn_implementation
        ).to(device())
        tokenizer = AutoTokenizer.from_pretrained(path)
        give_padding(model, tokenizer)
        return cls(model.eval(), tokenizer, token_budget)

    @torch.inference_mode()
    def score(self, items: Sequence[Item]) -> list[Scored]:
        """One result per item, in order; what does not fit or is no number carries an error."""
        encoded = encode(self.tokenizer, items, self.limit)
        results = [Scored(None, TOO_LONG) for _ in items]
        fitting = sorted((len(e.ids), i) for i, e in enumerate(encoded) if e is not None)
        few = compiles_shapes(self.model.device, self.model.dtype)
        chunks: list[list[int]] = [[]]
        for length, i in fitting:
            if chunks[-1] and (len(chunks[-1]) + 1) * length > self.token_budget // READING:
                chunks.append([])
            chunks[-1].append(i)
        for chunk in filter(None, chunks):
            rows = [e for i in chunk if (e := encoded[i]) is not None]
            # A row too many is the last one again.
            ids = [e.ids for e in [*rows, *[rows[-1]] * (filled(len(rows), few) - len(rows))]]
            width = min(self.limit, filled(max(map(len, ids)), few))
            batch = self.tokenizer.pad(
                {"input_ids": ids}, padding="max_length", max_length=width, return_tensors="pt"
            ).to(self.model.device)
            logits = self.model(**batch).logits[: len(rows)].float()
            for i, e, margin in zip(chunk, rows, (logits[:, 1] - logits[:, 0]).tolist(), strict=True):
                results[i] = (
                    Scored(margin, shortened=e.shortened, tokens=len(e.ids))
                    if margin == margin
                    else Scored(None, NOT_A_NUMBER, e.shortened, len(e.ids))
                )
        return results

    def close(self) -> None:
        """Give the memory back."""
        self.model = None
        release_memory()


def give_padding(model: Any, tokenizer: Any) -> None:
    """A causal LM may have no padding token, but its classifier must know where a row ends."""
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    model.config.pad_token_id = tokenizer.pad_token_id


def context_of(config: Any, tokenizer: Any) -> int:
    """Tokens that a row may have: the model's positions, or fewer if its tokenizer says so."""
    context = getattr(config.get_text_config(), "max_position_embeddings", None) or 1 << 20
    return int(min(context, tokenizer.model_max_length))


def check_base(path: str, max_length: int | None) -> None:
    """Raises UsageError when a reward model can't be trained from `path`: it can't be loaded, has other than two
    labels, or reads less than `max_length`.
    """
    check_source(path)
    try:
        config, tokenizer = AutoConfig.from_pretrained(path), AutoTokenizer.from_pretrained(path)
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(
            f"{path} can't be loaded to train a reward model from: {' '.join(str(error).split())[:200]}"
        ) from error
    if any("ForSequenceClassification" in kind for kind in config.architectures or []):
        check_classifier(path)
    context = context_of(config, tokenizer)
    if max_length is not None and max_length > context:
        raise UsageError(
            f"self_supervised.reward_model.max_length is {max_length}, "
            f"but {path} reads at most {context} tokens; lower it"
        )


def check_classifier(path: str | Path) -> None:
    """Raises UsageError when `path` is no sequence-classification checkpoint with two labels."""
    check_source(str(path))
    try:
        config = AutoConfig.from_pretrained(path)
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"{path} can't be loaded as a reward model: {' '.join(str(error).split())[:200]}") from error
    kinds = config.architectures or []
    if not any("ForSequenceClassification" in kind for kind in kinds):
        raise UsageError(
            f"{path} is {', '.join(kinds) or 'of an unknown kind'} and no "
            "sequence classifier; make one with `seif train reward-model`"
        )
    if config.num_labels != 2:
        raise UsageError(
            f"{path} has {quantity(config.num_labels, 'label')}; a reward model has two, violated (0) and satisfied (1)"
        )
