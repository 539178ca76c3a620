"""Small models of the families that the shipped configs name: the real architectures, and chat templates that have
the shape of the public ones in words of our own."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    GenerationConfig,
    PreTrainedTokenizerFast,
)

from seif.chat import chat_format
from seif.config_file import load_config

CHATML = (
    "{% if messages[0].role != 'system' %}<|im_start|>system\nBe of use.<|im_end|>\n{% endif %}"
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""Qwen2.5: a system prompt of its own where the chat has none."""
LLAMA3 = (
    "{{ bos_token }}<|start_header_id|>system<|end_header_id|>\n\nYear: 2024\n\n"
    "{% if messages[0].role == 'system' %}{{ messages[0].content | trim }}{% set messages = messages[1:] %}{% endif %}"
    "<|eot_id|>{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n{{ m.content | trim }}"
    "<|eot_id|>{% endfor %}{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
"""Llama 3: it begins with the token for a text's beginning, and always has a system block."""
QWEN3 = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{{ m.content.split('</think>')[-1].lstrip('\n') if m.role == 'assistant' else m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
"""Qwen3: no system prompt of its own, earlier thoughts are cut, and a switch closes the thought before it begins."""
_DEEPSEEK = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}{{ m.content }}"
    "{% elif m.role == 'user' %}<｜User｜>{{ m.content }}"
    "{% else %}<｜Assistant｜>{{ m.content.split('</think>')[-1] }}<｜end▁of▁sentence｜>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<｜Assistant｜>OPENED{% endif %}"
)
R1 = _DEEPSEEK.replace("OPENED", "<think>\n")
"""The R1 distills: the template opens the thought."""
R1_0528 = _DEEPSEEK.replace("OPENED", "")
"""R1-0528: the model opens it."""


@dataclass(frozen=True)
class Family:
    """One family, the shipped config that names it, and how a model of it replies."""

    config: str
    architecture: str
    template: str
    begin: str | None
    end: str
    reply: str
    """What the model writes before its end token."""
    special: tuple[str, ...] = ()
    thinks: bool = False
    sizes: dict[str, Any] = field(default_factory=dict)

    @property
    def chat(self) -> Any:
        """The format, as the shipped config sets it."""
        return chat_format(load_config(Path(self.config)).chat)

    @property
    def answer_format(self) -> str:
        """`follower.format` of the shipped config."""
        return load_config(Path(self.config)).follower.format

    def tokenizer(self) -> PreTrainedTokenizerFast:
        """Bytes, the family's special tokens, and the two around a thought, which are not special there either."""
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        tokens = Tokenizer(models.BPE(vocab={char: i for i, char in enumerate(alphabet)}, merges=[]))
        tokens.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokens.decoder = decoders.ByteLevel()
        specials = [*self.special, self.end, *([self.begin] if self.begin else []), "<|pad|>"]
        tokens.add_special_tokens(
            [AddedToken(text, special=True, normalized=False) for text in dict.fromkeys(specials)]
        )
        tokens.add_tokens([AddedToken(text, special=False, normalized=False) for text in ("<think>", "</think>")])
        return PreTrainedTokenizerFast(
            tokenizer_object=tokens,
            bos_token=self.begin,
            eos_token=self.end,
            pad_token="<|pad|>",
            padding_side="left",
            chat_template=self.template,
        )

    def build(self, folder: Path, prompts: list[list[dict[str, str]]]) -> Path:
        """A model directory: two layers, 32 wide, random but for having seen `reply` after these prompts."""
        torch.manual_seed(0)
        tokenizer = self.tokenizer()
        sizes = {
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "head_dim": 16,
            "vocab_size": len(tokenizer),
            "max_position_embeddings": 512,
            "tie_word_embeddings": False,
            "pad_token_id": tokenizer.pad_token_id,
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
        }
        net = AutoModelForCausalLM.from_config(AutoConfig.for_model(self.architecture, **sizes), dtype=torch.float32)
        _teach(net, tokenizer, self.chat.prompts(tokenizer, prompts), self.reply + self.end)
        net.generation_config = GenerationConfig(
            eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
        )
        net.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return folder


def _teach(net: Any, tokenizer: Any, prompts: list[str], reply: str) -> None:
    """Until the reply is nearly certain."""
    wanted = tokenizer(reply, add_special_tokens=False).input_ids
    optimizer = torch.optim.AdamW(net.parameters(), 1e-2)
    read = [tokenizer(prompt, add_special_tokens=False).input_ids for prompt in prompts]
    for _ in range(150):
        loss = sum(
            net(input_ids=torch.tensor([ids + wanted]), labels=torch.tensor([[-100] * len(ids) + wanted])).loss
            for ids in read
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss.item() < 0.01 * len(read):
            return
    raise AssertionError(f"the loss is still {loss.item():.2f}")


IM = ("<|im_start|>",)
THOUGHT = "<think>why</think>"
FAMILIES = {
    "qwen2.5": Family("qwen2.5-7b-lora", "qwen2", CHATML, None, "<|im_end|>", "A cat.", IM),
    "llama-3.1": Family(
        "llama-3.1-8b-lora", "llama", LLAMA3, "<|begin_of_text|>", "<|eot_id|>", "A cat.",
        ("<|start_header_id|>", "<|end_header_id|>"),
    ),
    "r1-distill-qwen": Family(
        "r1-distill-qwen-14b-lora", "qwen2", R1, "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>",
        "why</think>A cat.", ("<｜User｜>", "<｜Assistant｜>"), thinks=True,
    ),
    "r1-0528-qwen3": Family(
        "r1-0528-qwen3-8b-lora", "qwen3", R1_0528, "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>",
        THOUGHT + "A cat.", ("<｜User｜>", "<｜Assistant｜>"), thinks=True,
    ),
}  # fmt: skip
