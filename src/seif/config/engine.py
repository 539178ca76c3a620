"""Where models run, and how they are spoken to."""

from __future__ import annotations

import re
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from seif.config.section import YEAR, Section


class Vllm(Section):
    """The vLLM servers that `kind: vllm` starts (docs/engines.md)."""

    python: str | None = Field(
        default=None,
        min_length=1,
        description="The Python of an environment with vLLM; by default the one that runs seif.",
    )
    args: tuple[str, ...] = Field(
        default=(), strict=False, description="Further flags of the server, e.g. [--gpu-memory-utilization, '0.4']."
    )
    env: dict[str, str] = Field(
        default={},
        description="Further environment of the server, e.g. {CUDA_VISIBLE_DEVICES: '1'}; it inherits yours.",
    )
    startup: float = Field(default=900.0, gt=0, le=YEAR, description="Seconds in which a server must be up.")
    restarts: int = Field(
        default=3, ge=0, le=10_000, description="How often per stage a server that crashed is started again."
    )

    @model_validator(mode="after")
    def _leaves_the_rest_to_us(self) -> Vllm:
        for flag in (arg.partition("=")[0].replace("_", "-") for arg in self.args):
            if flag in (
                "--model",
                "--host",
                "--port",
                "--served-model-name",
                "--api-key",
                "--enable-lora",
                "--max-lora-rank",
                "--logprobs-mode",
            ):
                raise ValueError(f"args: {flag} is set by seif itself; leave it out")
        for name in self.env:
            if re.search(r"(KEY|TOKEN|SECRET|PASSWORD)$", name.upper()):
                raise ValueError(
                    f"env is written into the run directory; export {name} "
                    "in your own environment, which the server inherits"
                )
        return self


class EngineSettings(Section):
    """Where the frozen roles (Filter, answerer, Judger) run, and what is evaluated.

    What a run trains runs in the training processes.
    """

    kind: Literal["local", "openai", "vllm"] = Field(
        default="local",
        description="`local`: in process; `openai`: the weights of `model` are served "
        "by an OpenAI-compatible server, the checkpoints that a run "
        "makes run in process; `vllm`: vLLM servers that seif starts and stops serve all of them.",
    )
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = Field(
        default="auto", description="Type of the weights, in process and with `vllm`; `auto`: the run's `dtype`."
    )
    token_budget: int = Field(
        default=49_152,
        ge=512,
        le=10**9,
        description="In process: rows x tokens of one forward; less needs less memory.",
    )
    base_urls: tuple[str, ...] = Field(
        default=(),
        strict=False,
        description="`openai`: the server, e.g. http://127.0.0.1:8000/v1; several are replicas.",
    )
    api_key_env: str = Field(
        default="OPENAI_API_KEY",
        description="Name of the environment variable with the key; the key itself is never written down.",
    )
    served_model: str | None = Field(
        default=None, min_length=1, description="The model's name on the server; `model` by default."
    )
    concurrency: int = Field(
        default=128, ge=1, le=100_000, description="Requests under way at once, over all replicas."
    )
    requests_per_minute: float | None = Field(
        default=None, gt=0, le=10**9, description="Requests are spaced to keep below this; no limit by default."
    )
    timeout: float = Field(default=600.0, gt=0, le=YEAR, description="Seconds for one attempt of a request.")
    retries: int = Field(
        default=10, ge=0, le=10_000, description="Further attempts of a failed request, with growing waits."
    )
    cache: bool | None = Field(
        default=None,
        description="Keep verdicts in the run directory, so that a repeated "
        "scoring asks nothing. By default only where they are served: "
        "in process a verdict's batch can tip one that is on the edge.",
    )
    vllm: Vllm = Vllm()

    @model_validator(mode="after")
    def _knows_whom_to_ask(self) -> EngineSettings:
        if self.kind == "openai" and not self.base_urls:
            raise ValueError("kind: openai needs base_urls, e.g. base_urls: [http://127.0.0.1:8000/v1]")
        if self.kind != "openai" and (self.base_urls or self.served_model):
            raise ValueError("base_urls and served_model go with kind: openai")
        for url in self.base_urls:
            _check_base_url(url)
        if not (self.api_key_env.isidentifier() and self.api_key_env.isascii()):
            raise ValueError(
                "api_key_env is the name of an environment variable, such as OPENAI_API_KEY, and not the key"
            )
        return self


def _check_base_url(url: str) -> None:
    """Raises ValueError, without the URL where it may hold a secret."""
    try:
        parts = urlsplit(url)
        port_is_a_number = parts.port != 0
    except ValueError:
        port_is_a_number = False
    if not port_is_a_number or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"base_urls: {url!r} is no URL; it looks like http://127.0.0.1:8000/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(
            "base_urls hold scheme, host, port and path alone; a key "
            "belongs into the environment variable that api_key_env names"
        )


class Chat(Section):
    """How the model's family writes chats (src/seif/chat.py). Only what differs from `format` is given."""

    format: str = Field(
        default="default",
        min_length=1,
        description="`default`: thoughts in <think>..</think>; `deepseek-r1`: the template opens them; or a plugin's.",
    )
    template_kwargs: dict[str, Any] = Field(
        default={}, description="Variables of the chat template, e.g. {enable_thinking: false}."
    )
    think_start: str | None = Field(
        default=None, min_length=1, description="What the model writes before a thought; the format's by default."
    )
    think_end: str | None = Field(
        default=None, min_length=1, description="What it writes after a thought; the format's by default."
    )
    opens_thought: bool | None = Field(
        default=None, description="Whether the template itself writes `think_start` before the reply."
    )
