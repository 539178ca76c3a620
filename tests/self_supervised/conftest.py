from __future__ import annotations

from pathlib import Path

import pytest
from easy_pairs import easy_pairs, fit


@pytest.fixture(scope="session")
def reward_model(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reward model for one constraint that knows it well; its numbers lie beside it in out.json."""
    return fit(tmp_path_factory.mktemp("reward"), model, easy_pairs())


@pytest.fixture(scope="session")
def untrained(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier that knows nothing: the embedded model with a fresh head."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = tmp_path_factory.mktemp("untrained")
    torch.manual_seed(0)
    fresh = AutoModelForSequenceClassification.from_pretrained(model, num_labels=2)
    tokenizer = AutoTokenizer.from_pretrained(model)
    fresh.config.pad_token_id = tokenizer.pad_token_id
    for part in (fresh, tokenizer):
        part.save_pretrained(folder)
    return folder
