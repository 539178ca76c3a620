"""Models with random weights in the shapes of Qwen2.5, and instructions of a wanted length, made without a download.

python -m benchmarks.gpu_models qwen-1.5b build/qwen-1.5b
"""

from __future__ import annotations

import argparse
import random
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, Qwen2Config

import seif.nano
from seif.constraints.compiler import compile_text
from seif.engines.precision import device
from seif.instructions import write_instructions
from seif.types import Instruction

TOKENIZER = Path(seif.nano.__file__).parent / "model"
"""The embedded model's: a random model needs no better one. Ids beyond its vocabulary stand for no text."""
CONTEXT = 32_768
_WORDS = ("the", "a", "river", "cat", "train", "clock", "library", "owl", "sea", "sun", "and", "near", "old", "blue")


@dataclass(frozen=True)
class Shape:
    """A Qwen2 architecture."""

    hidden: int
    layers: int
    heads: int
    key_value_heads: int
    intermediate: int
    vocabulary: int
    tied: bool
    """Whether the head is the embedding."""
    ends: int = 0
    """So many tokens end a completion, so that some do; 0: the tokenizer's end token alone, which next to none
    draws."""


SHAPES = {
    "qwen-1.5b": Shape(1536, 28, 12, 2, 8960, 151_936, True),
    "qwen-7b": Shape(3584, 28, 28, 4, 18_944, 152_064, False),
    # Checkpoints of 0.36 billion parameters are small, and with few tokens completions end, so that rewards differ.
    "qwen-0.4b-ends": Shape(896, 24, 14, 2, 4864, 1600, True, ends=16),
    "tiny": Shape(64, 2, 4, 2, 128, 1600, True),
    "tiny-untied": Shape(64, 2, 2, 1, 128, 1600, False),
    "tiny-ends": Shape(64, 2, 4, 2, 128, 1600, True, ends=64),
}


def make_model(shape: Shape, folder: Path, where: str) -> None:
    """Save a model of that shape, with random bf16 weights that are drawn on the device `where`, and a tokenizer."""
    tokenizer = AutoTokenizer.from_pretrained(TOKENIZER)
    tokenizer.model_max_length = CONTEXT
    config = Qwen2Config(
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_value_heads,
        intermediate_size=shape.intermediate,
        vocab_size=shape.vocabulary,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=shape.tied,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(0)
    with torch.device(where):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    last = len(tokenizer) - 1
    model.generation_config.eos_token_id = [tokenizer.eos_token_id, *range(last, last - shape.ends, -1)]
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def make_instructions(path: Path, count: int, lengths: tuple[int, int]) -> None:
    """Write instructions whose prompts have about `lengths` tokens, from the shortest to the longest, and whose
    constraints rules check."""
    tokenizer, draw = AutoTokenizer.from_pretrained(TOKENIZER), random.Random(0)
    constraints = tuple(map(compile_text, ("Use at least 10 words.", "Do not use any commas.")))
    per_word = len(tokenizer(" ".join(_WORDS)).input_ids) / len(_WORDS)
    seeds = [
        " ".join(draw.choice(_WORDS) for _ in range(max(1, round(draw.uniform(*lengths) / per_word))))
        for _ in range(count)
    ]
    write_instructions(path, [Instruction(f"{seed}?", constraints) for seed in seeds])


def main() -> None:
    """Make one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    make_model(SHAPES[options.shape], options.folder, device())


if __name__ == "__main__":
    main()
