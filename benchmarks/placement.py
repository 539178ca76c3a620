"""The table of docs/scale.md: what `seif plan` says of the shipped configs on several kinds of machines.

.venv/bin/python -m benchmarks.placement

The models' published sizes stand in for their config.json, so nothing is downloaded; 5,119 seeds are the paper's.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seif.api import estimate, load_config
from seif.planning.advice import fits
from seif.planning.machine import Machine
from seif.results import DeviceEstimate

SEEDS = 5119
TEXTS = ["Write exactly 3 sentences.", "Use no commas.", "Mention Paris.", "End with a question."]
"""Constraints of an instruction."""
Sizes = dict[str, Any]


def sizes(
    hidden: int, intermediate: int, layers: int, heads: tuple[int, int], vocabulary: int, tied: bool = False
) -> Sizes:
    """Keys of config.json; `heads` are those of queries and of keys."""
    return {
        "hidden_size": hidden,
        "intermediate_size": intermediate,
        "num_hidden_layers": layers,
        "num_attention_heads": heads[0],
        "num_key_value_heads": heads[1],
        "head_dim": hidden // heads[0],
        "vocab_size": vocabulary,
        "tie_word_embeddings": tied,
        "max_position_embeddings": 32_768,
    }


PUBLISHED: dict[str, tuple[str, Sizes]] = {
    "Qwen/Qwen2.5-0.5B-Instruct": ("qwen2", sizes(896, 4864, 24, (14, 2), 151_936, tied=True)),
    "Qwen/Qwen2.5-1.5B-Instruct": ("qwen2", sizes(1536, 8960, 28, (12, 2), 151_936, tied=True)),
    "Qwen/Qwen2.5-7B-Instruct": ("qwen2", sizes(3584, 18_944, 28, (28, 4), 152_064)),
    "meta-llama/Llama-3.1-8B-Instruct": ("llama", sizes(4096, 14_336, 32, (32, 8), 128_256)),
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-14B": ("qwen2", sizes(5120, 13_824, 48, (40, 8), 152_064)),
    "deepseek-ai/DeepSeek-R1-0528-Qwen3-8B": ("qwen3", sizes(4096, 12_288, 36, (32, 8), 151_936)),
}


@dataclass(frozen=True)
class Row:
    """One config on one kind of machine."""

    machine: str
    config: str
    gpu: str
    overrides: tuple[str, ...] = ()


ROWS = (
    Row("1 x 24 GB", "qwen2.5-0.5b", "24gb"),
    Row("1 x 24 GB", "qwen2.5-1.5b-lora", "24gb", ("instructor.grpo.micro_batch=1", "follower.grpo.micro_batch=1")),
    Row("1 x 80 GB", "qwen2.5-0.5b", "h100"),
    Row("1 x 80 GB", "qwen2.5-1.5b-lora", "h100"),
    Row("1 x 80 GB", "qwen2.5-7b-lora", "h100"),
    Row("1 x 80 GB", "llama-3.1-8b-lora", "h100"),
    Row("1 x 80 GB", "r1-0528-qwen3-8b-lora", "h100"),
    Row("1 x 80 GB", "r1-distill-qwen-14b-lora", "h100"),
    Row("8 x 80 GB", "qwen2.5-1.5b-full-multi-gpu", "h100"),
    Row("8 x 80 GB", "qwen2.5-7b-full-multi-gpu", "h100"),
    Row("8 x 80 GB", "llama-3.1-8b-full-multi-gpu", "h100"),
    Row("8 x 80 GB", "r1-0528-qwen3-8b-full-multi-gpu", "h100"),
    Row("8 x 80 GB", "qwen2.5-7b-self-supervised-multi-gpu", "h100"),
    Row("2 x 8 x 80 GB", "r1-distill-qwen-14b-full-multi-gpu", "h100"),
    Row("4 x 8 x 80 GB", "qwen2.5-7b-full-multi-gpu", "h100", ("nodes=4",)),
    Row("4 x 8 x 80 GB", "r1-0528-qwen3-8b-full-multi-gpu", "h100", ("nodes=4",)),
    Row("4 x 8 x 80 GB", "r1-distill-qwen-14b-full-multi-gpu", "h100", ("nodes=4",)),
)
HEAD = ("machine", "config", "trained on", "a device that trains", "a device that serves", "hours")


def described(row: Row, folder: Path) -> tuple[str, ...]:
    """The cells of a row."""
    model = load_config(row.config).model
    kind, published = PUBLISHED[model]
    directory = folder / model.replace("/", "-")
    directory.mkdir(exist_ok=True)
    (directory / "config.json").write_text(json.dumps({"model_type": kind, **published}), encoding="utf-8")
    # The second system learns from instructions alone; the others write theirs from seeds.
    questions = {"instructions" if "self-supervised" in row.config else "seeds": str(folder / "questions.jsonl")}
    config = load_config(row.config, row.overrides, model=str(directory), **questions)
    needs = estimate(config, Machine(gpu=row.gpu))
    assert needs is not None
    by_role = {device.role: device for device in needs.devices}
    shown = " ".join([f"`{row.config}`", *(f"`--set {override}`" for override in row.overrides)])
    return (
        row.machine,
        shown,
        str(by_role["train"].devices),
        cell(by_role["train"]),
        cell(by_role["serve"]) if "serve" in by_role else "–",
        f"{needs.seconds / 3600:,.0f}",
    )


def cell(device: DeviceEstimate) -> str:
    """Its memory, and whether that is too much."""
    return f"{device.total / 1e9:.0f} GB" + ("" if fits(device) else ", won't fit")


def main() -> None:
    """Print the table as Markdown."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = (
            {"prompt": f"question {i}", "seed_question": f"question {i}", "constraint": TEXTS} for i in range(SEEDS)
        )
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / "questions.jsonl").write_text(text, encoding="utf-8")
        cells = [described(row, folder) for row in ROWS]
    print(f"| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}")
    for row in cells:
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
