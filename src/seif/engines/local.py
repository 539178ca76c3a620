"""A transformers model in this process.

Whatever is asked in one tick of the event loop is answered as one job: prompts are sorted so that those with a common
beginning are neighbours, the common part is read once, and its keys and values are shared (a reply judged on five
constraints is read once; so is a prompt that is sampled five times). Rows that are done leave the batch. Where
shapes are compiled, batches and lengths are filled up to one of few sizes, see `shapes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache, PreTrainedModel, PreTrainedTokenizerBase

from seif.chat import DEFAULT, ChatFormat
from seif.engines.adapter import base_of, is_adapter, need_peft, tokenizer_of
from seif.engines.base import TOO_LONG, Completion, Request
from seif.engines.memory import release_memory
from seif.engines.precision import choose, device
from seif.engines.shapes import PreallocatedLayer, compiles_shapes, filled
from seif.engines.together import Together
from seif.engines.weights import check_weights

MIN_SHARED = 16
"""Sharing fewer prompt tokens than this takes more time than it saves."""
SHRINK = 0.85
"""Finished rows leave a batch when at most this share of it is unfinished: keys and values are copied each time."""
RESERVE = 256
"""Slots for keys and values that are added at a time, at most, beyond those that are written."""
READING = 8
"""A token that is only read takes about as much memory as this many of a token budget, whose keys and values are kept
while writing.
"""


@dataclass
class _Group:
    """Requests whose prompts begin with the same `shared` tokens."""

    shared: list[int]
    members: list[int]


@dataclass
class _Batch:
    """Keys and values of a batch of rows, with what the next forward needs. `mask` is (rows, seen tokens)."""

    cache: DynamicCache
    mask: torch.Tensor
    position: torch.Tensor
    logits: torch.Tensor

    def select(self, rows: torch.Tensor) -> None:
        """Keep these rows, in this order; one may occur more than once."""
        self.cache.batch_select_indices(rows)
        self.mask, self.position = self.mask[rows], self.position[rows]


@dataclass
class _Sampler:
    """How the next token is chosen: greedy at temperature 0, else by inverse CDF from each row's own random stream."""

    temperature: torch.Tensor
    """(rows, 1)"""
    uniform: torch.Tensor | None
    """(rows, new tokens), from [0, 1); None where all rows are greedy."""

    @classmethod
    def of(cls, temperatures: list[float], seeds: list[int], tokens: int, device: torch.device) -> _Sampler:
        """One stream of `tokens` random numbers per row, from its seed alone."""
        draws = (
            [torch.rand(tokens, generator=torch.Generator().manual_seed(s)) for s in seeds]
            if any(temperatures)
            else None
        )
        return cls(
            torch.tensor(temperatures, device=device).unsqueeze(1),
            None if draws is None else torch.stack(draws).to(device),
        )

    def choose(self, logits: torch.Tensor, rows: torch.Tensor, step: int) -> torch.Tensor:
        """The token after `step` new ones for `rows`, whose logits are (rows, vocabulary)."""
        greedy = logits.argmax(-1)
        if self.uniform is None:
            return greedy
        temperature = self.temperature[rows]
        cumulative = torch.softmax(logits.float() / temperature.clamp_min(1e-6), -1).cumsum(-1)
        below = cumulative <= self.uniform[rows, step].unsqueeze(1) * cumulative[:, -1:]
        return torch.where(temperature[:, 0] > 0, below.sum(-1).clamp_max(logits.shape[-1] - 1), greedy)


class LocalEngine:
    """One set of weights for all the roles that share it.

    `token_budget` bounds rows x (prompt + new tokens) of one forward, and so the memory. Generation is deterministic:
    greedy at temperature 0, else inverse-CDF sampling from a random stream of the request's own seed.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        token_budget: int = 49_152,
        chat: ChatFormat = DEFAULT,
    ) -> None:
        self.model, self.chat = model.eval(), chat
        self.tokenizer = tokenizer
        self.token_budget = token_budget
        config = model.config.get_text_config()
        self.context: int = getattr(config, "max_position_embeddings", 1 << 20)
        stop = model.generation_config.eos_token_id if model.generation_config else None
        stop = [stop] if isinstance(stop, int) else list(stop or [])
        if tokenizer.eos_token_id is not None:
            stop.append(tokenizer.eos_token_id)
        self.stop_ids = sorted(set(stop))
        # Windows and recurrent states count slots, not positions: there, no padding may come between, no row may leave.
        self._plain = all(kind == "full_attention" for kind in getattr(config, "layer_types", None) or [])
        self._few = compiles_shapes(model.device, model.dtype)
        self._stop = torch.tensor(self.stop_ids, device=model.device)
        self._together = Together(self._answer_batch)

    @classmethod
    def load(
        cls,
        path: str | Path,
        dtype: str = "auto",
        token_budget: int = 49_152,
        attn_implementation: str | None = None,
        chat: ChatFormat = DEFAULT,
    ) -> LocalEngine:
        """Load a checkpoint directory or hub id, on the GPU when there is one; an adapter is merged into its base.

        `dtype`: a torch type by name, or `auto` for what the hardware does best.

        Raises UsageError as `check_weights` does, for an adapter whose base is not there, and for any when peft is
        missing.
        """
        check_weights(path)
        where, wanted = device(), getattr(torch, choose(dtype).dtype)
        # What an adapter adds is small, so it is added to the base as it is stored, and what comes of that is rounded.
        loaded = "auto" if is_adapter(path) and wanted is not torch.float32 else wanted
        model = AutoModelForCausalLM.from_pretrained(
            base_of(path), dtype=loaded, attn_implementation=attn_implementation
        ).to(where)
        if is_adapter(path):
            model = _merge(model, path, wanted)
        return cls(model, AutoTokenizer.from_pretrained(tokenizer_of(path), padding_side="left"), token_budget, chat)

    def close(self) -> None:
        self.model = None
        release_memory()

    # --- asking -------------------------------------------------------------------------------------------------------

    async def complete(self, request: Request) -> Completion:
        return (await self._together.ask(request))[0]

    async def _answer_batch(self, requests: list[Request]) -> list[Completion]:
        return self.answer(requests)

    def answer(self, requests: Sequence[Request]) -> list[Completion]:
        """Answer all requests, in order. A prompt that does not fit the context yields an error completion."""
        if not requests:
            return []
        prompts = self._prompts(requests)
        results: list[Completion | None] = [None] * len(requests)
        fitting: dict[tuple[int, int], list[int]] = {}
        for i, (request, prompt) in enumerate(zip(requests, prompts, strict=True)):
            if len(prompt) + request.max_tokens > self.context:
                results[i] = Completion("", "error", error=TOO_LONG)
            else:
                fitting.setdefault((request.max_tokens, request.top_logprobs), []).append(i)
        for kind in sorted(fitting):
            members = fitting[kind]
            for rows in self._chunks([prompts[i] for i in members], kind[0]):
                chunk = [members[row] for row in rows]
                for i, completion in zip(
                    chunk, self._answer_chunk([requests[i] for i in chunk], [prompts[i] for i in chunk]), strict=True
                ):
                    results[i] = completion
        return [result for result in results if result is not None]

    def _prompts(self, requests: Sequence[Request]) -> list[list[int]]:
        """The prompts as token ids. A template gets one list of tools at a time."""
        if not any(request.tools for request in requests):
            return self.chat.prompt_ids(self.tokenizer, [request.messages for request in requests])
        shared = self.chat.template_kwargs
        return [
            replace(self.chat, template_kwargs={**shared, "tools": list(request.tools) or None}).prompt_ids(
                self.tokenizer, [request.messages]
            )[0]
            for request in requests
        ]

    def sample_tokens(
        self, prompts: list[list[int]], max_tokens: int, temperature: float, seeds: list[int]
    ) -> list[list[int]]:
        """Continue token lists within the token budget; the new tokens of each, in order, the end token included."""
        results: list[list[int]] = [[] for _ in prompts]
        for rows in self._chunks(prompts, max_tokens):
            tokens, _ = self.generate_tokens(
                [prompts[i] for i in rows], max_tokens, [temperature] * len(rows), [seeds[i] for i in rows]
            )
            for i, row in zip(rows, tokens, strict=True):
                results[i] = row
        return results

    def _answer_chunk(self, requests: list[Request], prompts: list[list[int]]) -> list[Completion]:
        first: list[dict[str, float]]
        tokens, first = self.generate_tokens(
            prompts,
            max_tokens=requests[0].max_tokens,
            temperatures=[r.temperature for r in requests],
            seeds=[r.seed for r in requests],
            top_logprobs=requests[0].top_logprobs,
        )
        ended = [bool(row) and row[-1] in self.stop_ids for row in tokens]
        texts = map(self.chat.read, self.tokenizer.batch_decode(tokens, skip_special_tokens=True))
        return [
            Completion(text, "stop" if done else "length", logprobs, prompt_tokens=len(prompt), new_tokens=len(written))
            for text, done, logprobs, prompt, written in zip(texts, ended, first, prompts, tokens, strict=True)
        ]

    def _chunks(self, prompts: list[list[int]], new_tokens: int) -> list[list[int]]:
        """Rows in an order that puts common beginnings side by side, cut to the token budget."""
        order = sorted(range(len(prompts)), key=lambda i: (len(prompts[i]) // 32, prompts[i]))
        budget = self.token_budget
        if new_tokens == 1:
            # Only reading, no writing: activations, not keys and values, fill the memory, and nothing is gained by
            # large batches.
            order = sorted(range(len(prompts)), key=lambda i: prompts[i])
            budget //= READING
        chunks: list[list[int]] = [[]]
        longest = 0
        for i in order:
            longest = max(longest, len(prompts[i]))
            if chunks[-1] and (len(chunks[-1]) + 1) * (longest + new_tokens) > budget:
                chunks.append([])
                longest = len(prompts[i])
            chunks[-1].append(i)
        return chunks

    # --- generating ---------------------------------------------------------------------------------------------------

    @torch.inference_mode()
    def generate_tokens(
        self,
        prompts: list[list[int]],
        max_tokens: int,
        temperatures: list[float],
        seeds: list[int],
        top_logprobs: int = 0,
    ) -> tuple[list[list[int]], list[dict[str, float]]]:
        """Continue each prompt by up to `max_tokens` tokens, the end token included.

        Returns the new tokens per prompt, and per prompt the `top_logprobs` likeliest first tokens as text ->
        log-probability (empty when 0).
        """
        batch, order = self._prefill(prompts, max_tokens)
        first = self._likeliest(batch.logits[: len(order)], top_logprobs)
        device = batch.logits.device
        # Rows beyond the prompts fill the batch up: they repeat the last one and write nothing.
        prompt_of = [*order, *[order[-1]] * (len(batch.logits) - len(order))]
        sampler = _Sampler.of([temperatures[i] for i in prompt_of], [seeds[i] for i in prompt_of], max_tokens, device)
        written = torch.full((len(prompt_of), max_tokens), -1, dtype=torch.long, device=device)
        rows = torch.arange(len(prompt_of), device=device)
        for step in range(max_tokens):
            chosen = sampler.choose(batch.logits, rows, step)
            written[rows, step] = chosen
            unfinished = ~torch.isin(chosen, self._stop) & (rows < len(order))
            count = int(unfinished.sum())
            if count == 0 or step == max_tokens - 1:
                break
            kept = filled(count, self._few)
            if self._plain and kept <= SHRINK * len(rows):
                keep = unfinished.to(torch.int8).argsort(descending=True, stable=True)[:kept]
                rows, chosen, unfinished = rows[keep], chosen[keep], unfinished[keep]
                batch.select(keep)
            self._forward(batch, chosen.unsqueeze(1), unfinished.unsqueeze(1).to(batch.mask.dtype))
            if count < len(rows):
                # Finished rows that are still in the batch only write the end token again.
                batch.logits[~unfinished] = 0
                batch.logits[~unfinished, self._stop[0]] = 1e4
        table = written.tolist()
        tokens: list[list[int]] = [[] for _ in prompts]
        logprobs: list[dict[str, float]] = [{} for _ in prompts]
        for place, i in enumerate(order):
            tokens[i] = self._until_stop(table[place])
            logprobs[i] = first[place]
        return tokens, logprobs

    def _until_stop(self, row: list[int]) -> list[int]:
        for i, token in enumerate(row):
            if token in self.stop_ids:
                return row[: i + 1]
            if token < 0:
                return row[:i]
        return row

    def _likeliest(self, logits: torch.Tensor, count: int) -> list[dict[str, float]]:
        if not count:
            return [{}] * len(logits)
        top = torch.log_softmax(logits.float(), -1).topk(count, dim=-1)
        names = [self.tokenizer.batch_decode([[i] for i in row]) for row in top.indices.tolist()]
        return [
            dict(zip(reversed(n), reversed(v), strict=True)) for n, v in zip(names, top.values.tolist(), strict=True)
        ]

    def _prefill(self, prompts: list[list[int]], new_tokens: int) -> tuple[_Batch, list[int]]:
        """Read every prompt, common beginnings once.

        Returns the batch and the prompt index of each of its rows; rows beyond those only fill it up.
        """
        groups = _group(prompts) if self._plain else [_Group(prompt[:-1], [i]) for i, prompt in enumerate(prompts)]
        order = [i for group in groups for i in group.members]
        device = self.model.device
        shared, mask = _left_pad([g.shared for g in groups], device, self._few)
        cache = DynamicCache(config=self.model.config)
        if self._plain:
            cache.layers = [PreallocatedLayer(self._few) for _ in cache.layers]
        batch = _Batch(cache, mask[:, :0], torch.zeros(len(mask), dtype=torch.long, device=device), shared.new_empty(0))
        self._forward(batch, shared, mask)
        rests, mask = _left_pad([prompts[i][len(g.shared) :] for g in groups for i in g.members], device, self._few)
        owners = [k for k, g in enumerate(groups) for _ in g.members]
        repeat = torch.tensor([*owners, *[owners[-1]] * (len(rests) - len(owners))], device=device)
        if len(owners) > len(groups):
            batch.select(repeat)
        if self._plain:
            for layer in cache.layers:
                layer.reserve = min(new_tokens, RESERVE)
        self._forward(batch, rests, mask)
        return batch, order

    def _forward(self, batch: _Batch, ids: torch.Tensor, mask: torch.Tensor) -> None:
        """Read `ids` (rows, tokens) where `mask` is 1; leaves the logits after the last column in the batch."""
        batch.mask = torch.cat([batch.mask, mask], 1)
        slots, _ = batch.cache.get_mask_sizes(mask.shape[1], 0)
        visible = torch.nn.functional.pad(batch.mask, (0, slots - batch.mask.shape[1]))
        position = (batch.position.unsqueeze(1) + mask.cumsum(1) - 1).clamp_min(0)
        batch.position = batch.position + mask.sum(1)
        out: Any = self.model(
            input_ids=ids,
            attention_mask=visible,
            position_ids=position,
            past_key_values=batch.cache,
            use_cache=True,
            logits_to_keep=1,
        )
        batch.logits = out.logits[:, -1]


def _merge(model: PreTrainedModel, adapter: str | Path, dtype: torch.dtype) -> PreTrainedModel:
    need_peft()
    from peft import PeftModel

    merged = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
    for weight in merged.parameters():
        weight.data = weight.data.to(dtype)
    return merged


def _group(prompts: list[list[int]]) -> list[_Group]:
    """Split prompts into runs that share a beginning; at least one token of each prompt is left unshared."""
    order = sorted(range(len(prompts)), key=lambda i: prompts[i])
    groups: list[_Group] = []
    for i in order:
        prompt = prompts[i]
        if groups:
            head = groups[-1]
            common = _common(head.shared, prompt[:-1])
            # A prompt joins only when most of it is shared, else too much would be read again for every member.
            if common >= MIN_SHARED and common >= 0.6 * len(prompt):
                head.shared = head.shared[:common]
                head.members.append(i)
                continue
        groups.append(_Group(prompt[:-1], [i]))
    return groups


def _common(a: list[int], b: list[int]) -> int:
    n = min(len(a), len(b))
    return next((k for k in range(n) if a[k] != b[k]), n)


def _left_pad(rows: list[list[int]], device: torch.device, few: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and mask, (rows, columns), filled up as `filled` says; a row too many is the last one again."""
    width = filled(max(len(row) for row in rows), few)
    rows = [*rows, *[rows[-1]] * (filled(len(rows), few) - len(rows))]
    ids = torch.tensor([[0] * (width - len(row)) + row for row in rows], dtype=torch.long, device=device)
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows], dtype=torch.long, device=device)
    return ids, mask
