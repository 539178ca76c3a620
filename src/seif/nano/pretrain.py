"""Train the embedded model from nothing: four roles in one supervised mixture, on the CPU in minutes.

Forward and backward in the type the hardware computes in, float32 master weights. Rows are packed with documents; a
document is one prompt with one or more branches, and an attention mask keeps documents and branches apart, so a
reply is read once for all its verdicts.
"""

from __future__ import annotations

import math
import random
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from seif.chat import DEFAULT
from seif.engines.precision import choose
from seif.nano.examples import Example

ROW = 256
IGNORED = -1


@dataclass(frozen=True)
class Recipe:
    """How the embedded model is trained; the defaults made the shipped weights."""

    steps: int = 2300
    rows: int = 32
    lr: float = 2.5e-3
    warmup: int = 50
    decay_share: float = 0.3
    """Share of the steps over which the learning rate falls to zero, after a constant stretch."""
    prompt_weight: float = 0.1
    verdict_weight: float = 6.0
    """Weight of an answer that is right or wrong as a whole: a verdict, a sum."""
    listen_at: tuple[float, ...] = (0.5, 0.65, 0.8, 0.9)
    """Shares of the steps after which the model's own replies are collected, for the Judger to learn from."""
    seed: int = 0


def new_model(tokenizer: PreTrainedTokenizerFast) -> Qwen3ForCausalLM:
    """A Qwen3 of about 2M parameters with random weights."""
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=192,
        intermediate_size=512,
        num_hidden_layers=4,
        num_attention_heads=3,
        num_key_value_heads=3,
        head_dim=64,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        initializer_range=0.03,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        rope_theta=10000.0,
    )
    return Qwen3ForCausalLM(config)


@dataclass
class Document:
    """Token ids with, per token: its branch (0 is the shared prompt), its position, and the weight of predicting it."""

    ids: list[int]
    branch: list[int]
    position: list[int]
    weight: list[float]
    parent: list[int]
    """Index (within the document) of the token that predicts this one; -1 for the first."""


def encode(example: Example, tokenizer: PreTrainedTokenizerFast, recipe: Recipe) -> Document:
    """Lay one example out as shared prompt tokens followed by its branches."""
    mark = "\x00"
    messages = [{**example.messages[0], "content": example.messages[0]["content"] + mark}]
    (text,) = DEFAULT.prompts(tokenizer, [messages])
    head, _, tail = text.partition(mark)
    pieces = [head]
    for continuation, answer in example.branches:
        pieces += [continuation + tail, answer + tokenizer.eos_token]
    if len(example.branches) == 1 and not example.branches[0][0]:
        pieces = [head + tail, "", pieces[2]]
    encoded = tokenizer(pieces, add_special_tokens=False).input_ids
    shared = encoded[0]
    n = len(shared)
    doc = Document(
        list(shared), [0] * n, list(range(n)), [0.0] + [recipe.prompt_weight] * (n - 1), list(range(-1, n - 1))
    )
    exact = example.role in ("judger", "filter", "sum")
    answer_weight = recipe.verdict_weight if exact else 1.0
    for number, (rest, answer) in enumerate(zip(encoded[1::2], encoded[2::2], strict=True), 1):
        weights = [0.0] * len(rest) + [answer_weight] * len(answer)
        if exact:
            weights[-1] = 0.1
        for offset, (token, weight) in enumerate(zip(rest + answer, weights, strict=True)):
            doc.parent.append(n - 1 if offset == 0 else len(doc.ids) - 1)
            doc.ids.append(token)
            doc.branch.append(number)
            doc.position.append(n + offset)
            doc.weight.append(weight)
    return doc


def pack(documents: Iterator[Document], rows: int, pad: int, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """Fill `rows` rows of ROW tokens.

    Returns ids, positions, mask (rows, 1, ROW, ROW), targets' parents and weights.
    """
    ids = torch.full((rows, ROW), pad)
    position = torch.zeros((rows, ROW), dtype=torch.long)
    owner = torch.full((rows, ROW), -1)
    branch = torch.zeros((rows, ROW), dtype=torch.long)
    weight = torch.zeros((rows, ROW))
    parent = torch.zeros((rows, ROW), dtype=torch.long)
    waiting: Document | None = None
    for row in range(rows):
        start = number = 0
        while True:
            doc = waiting or next(documents)
            if start + len(doc.ids) > ROW:
                waiting = doc if len(doc.ids) <= ROW else None
                break
            waiting = None
            stop = start + len(doc.ids)
            ids[row, start:stop] = torch.tensor(doc.ids)
            position[row, start:stop] = torch.tensor(doc.position)
            owner[row, start:stop] = number
            branch[row, start:stop] = torch.tensor(doc.branch)
            weight[row, start:stop] = torch.tensor(doc.weight)
            parent[row, start:stop] = torch.tensor(doc.parent).clamp_min(0) + start
            start, number = stop, number + 1
    same = owner[:, :, None] == owner[:, None, :]
    visible = (branch[:, None, :] == 0) | (branch[:, :, None] == branch[:, None, :])
    causal = torch.ones(ROW, ROW, dtype=torch.bool).tril()
    mask = torch.zeros(rows, 1, ROW, ROW, dtype=dtype).masked_fill_(~(same & visible & causal).unsqueeze(1), -1e9)
    return {"ids": ids, "position": position, "mask": mask, "weight": weight, "parent": parent}


def learning_rate(step: int, recipe: Recipe) -> float:
    """Warm up, hold, then fall linearly to zero."""
    decay = max(1, int(recipe.steps * recipe.decay_share))
    return recipe.lr * min(1.0, (step + 1) / recipe.warmup, (recipe.steps - step) / decay)


def pretrain(
    model: Qwen3ForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    draw: Callable[[random.Random], Example],
    recipe: Recipe,
    progress: Callable[[int, float, float], None],
    listen: Callable[[Qwen3ForCausalLM], None],
) -> Qwen3ForCausalLM:
    """Minimise the weighted cross-entropy of examples from `draw`; returns the model in the type it computed in.

    `progress(step, loss, seconds)` is called every 50 steps, and `listen(model)` at the shares of the steps that the
    recipe names, so that later examples can be about what the model itself writes. Raises FloatingPointError when
    the loss stops being finite.
    """
    rng = random.Random(recipe.seed)
    dtype = getattr(torch, choose("auto").dtype)
    model = model.to(dtype).train()
    weights = list(model.parameters())
    master = [w.detach().float().requires_grad_() for w in weights]
    optimizer = torch.optim.AdamW(
        [
            {"params": [m for m in master if m.ndim > 1], "weight_decay": 0.05},
            {"params": [m for m in master if m.ndim < 2], "weight_decay": 0.0},
        ],
        betas=(0.9, 0.97),
        fused=True,
    )

    def documents() -> Iterator[Document]:
        while True:
            yield encode(draw(rng), tokenizer, recipe)

    # Rows have one shape, so compiling saves time where there is a compiler; it changes no result.
    read = torch.compile(model.model, dynamic=False) if shutil.which("g++") else model.model
    stream, began, running = documents(), time.time(), math.nan
    milestones = {int(share * recipe.steps) for share in recipe.listen_at}
    for step in range(recipe.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, recipe)
        batch = pack(stream, recipe.rows, tokenizer.pad_token_id, dtype)
        hidden = read(
            input_ids=batch["ids"], position_ids=batch["position"], attention_mask=batch["mask"]
        ).last_hidden_state
        learnt = batch["weight"] > 0
        source = hidden.gather(1, batch["parent"].unsqueeze(-1).expand(-1, -1, hidden.shape[-1]))[learnt]
        losses = torch.nn.functional.cross_entropy(
            model.lm_head(source).float(), batch["ids"][learnt], reduction="none"
        )
        weight = batch["weight"][learnt]
        loss = (losses * weight).sum() / weight.sum()
        loss.backward()
        value = loss.item()
        if not math.isfinite(value):
            raise FloatingPointError(f"the loss became {value} at step {step}")
        for m, w in zip(master, weights, strict=True):
            m.grad = w.grad.float()
            w.grad = None
        torch.nn.utils.clip_grad_norm_(master, 1.0)
        optimizer.step()
        torch._foreach_copy_([w.data for w in weights], [m.data for m in master])
        if step in milestones:
            listen(model.eval())
            model.train()
        running = value if math.isnan(running) else 0.98 * running + 0.02 * value
        if step % 50 == 49:
            progress(step + 1, running, time.time() - began)
    return model.eval()
