"""Embeddings of texts from a causal language model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import AutoModel, AutoTokenizer

from seif.engines.adapter import base_of
from seif.engines.precision import choose, device

BATCH = 32
LONGEST = 1024
"""Tokens of a text; what is behind them is left out."""


@torch.inference_mode()
def embed(model: str, texts: Sequence[str], dtype: str = "auto") -> Any:
    """The mean of the last layer's hidden states over each text's tokens; padding is left out.

    Returns a float32 numpy array of shape (texts, hidden size).
    """
    where, base = device(), base_of(model)
    network = AutoModel.from_pretrained(base, dtype=getattr(torch, choose(dtype).dtype)).to(where).eval()
    tokenizer = AutoTokenizer.from_pretrained(base, padding_side="right")
    rows = []
    for start in range(0, len(texts), BATCH):
        batch = tokenizer(
            list(texts[start : start + BATCH]), return_tensors="pt", padding=True, truncation=True, max_length=LONGEST
        ).to(where)
        hidden = network(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).last_hidden_state.float()
        mask = batch["attention_mask"].unsqueeze(-1).float()
        rows.append(((hidden * mask).sum(1) / mask.sum(1)).cpu())
    return torch.cat(rows).numpy()
