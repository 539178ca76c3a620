"""Labels that are easy to learn, and a reward model trained on them."""

from __future__ import annotations

import random
from pathlib import Path

from seif.config import RewardModel
from seif.constraints.compiler import compile_text
from seif.self_supervised.pseudo_labels import Pair
from seif.self_supervised.reward_model import ClassifierJob, train
from support import RecordingLog

THINGS = ("river", "cat", "train", "clock", "library", "owl", "lamp", "boat", "bee", "bridge", "castle", "garden")
SETTINGS = RewardModel(
    learning_rate=1e-3, epochs=3, batch_size=8, micro_batch=8, eval_share=0.25, gradient_checkpointing=False
)


def easy_pairs(count: int = 96) -> list[Pair]:
    """Labels that are always right: capitals where they were asked for, none where not."""
    rng = random.Random(0)
    capital = compile_text("Use only uppercase.")
    pairs = []
    for i in range(count):
        thing, label = THINGS[i % len(THINGS)], int(rng.random() < 0.5)
        text = f"The {thing} is {rng.choice(('old', 'new', 'calm', 'red'))}. It rests by the {rng.choice(THINGS)}."
        place = (i % len(THINGS), 1, label, 0, "none", 1.0, i, False)
        question = f"Tell me about the {thing}."
        pairs.append(
            Pair(
                question,
                (capital.text,),
                capital.text,
                text.upper() if label else text,
                label,
                *place,
                capital.instruction_id,
                "{}",
            )
        )
    return pairs


def fit(
    folder: Path, base: Path, pairs: list[Pair], settings: RewardModel = SETTINGS, log: RecordingLog | None = None
) -> Path:
    """Train a reward model for real; returns its directory."""
    files = {"work": folder / "work", "out": folder / "out", "numbers": folder / "out.json"}
    train(
        ClassifierJob(model=str(base), pairs=pairs, settings=settings, seed=3, attn_implementation="eager", **files),
        log or RecordingLog(),
    )
    return folder / "out"
