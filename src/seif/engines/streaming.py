"""Replies piece by piece as they are written, by a model in this process or behind a server."""

from __future__ import annotations

import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from seif.engines.base import TOO_LONG, Engine, Request
from seif.errors import RunError, UsageError

if TYPE_CHECKING:
    from seif.engines.local import LocalEngine
    from seif.engines.openai import OpenAIEngine


def stream(engine: Engine, request: Request) -> Generator[str]:
    """The reply to `request` as the model writes it, its thought included; closing the iterator stops the model.

    Raises RunError for a prompt that does not fit the context and when a server fails, UsageError for an engine that
    can't stream.
    """
    from seif.engines.local import LocalEngine
    from seif.engines.openai import OpenAIEngine

    match engine:
        case LocalEngine():
            return _local(engine, request)
        case OpenAIEngine():
            return _served(engine, request)
    raise UsageError(f"{type(engine).__name__} can't stream")


def _local(engine: LocalEngine, request: Request) -> Generator[str]:
    """Generation runs in a thread, which ends before the iterator does."""
    import torch
    from transformers import GenerationConfig, StoppingCriteriaList, TextIteratorStreamer

    (prompt,) = engine.chat.prompt_ids(engine.tokenizer, [request.messages])
    space = engine.context - len(prompt)
    if space < 1:
        raise RunError(TOO_LONG)
    sampled = {"do_sample": True, "temperature": request.temperature} if request.temperature else {"do_sample": False}
    # All that a model's own generation_config might set is set here, so that sampling is as in the rest of seif.
    settings = GenerationConfig(
        max_new_tokens=min(request.max_tokens, space),
        top_k=0,
        top_p=1.0,
        repetition_penalty=1.0,
        eos_token_id=engine.stop_ids,
        pad_token_id=engine.stop_ids[0],
        **sampled,
    )
    streamer = TextIteratorStreamer(engine.tokenizer, skip_prompt=True, skip_special_tokens=True)
    stopped = threading.Event()
    ids = torch.tensor([prompt], device=engine.model.device)

    def stop(written: torch.Tensor, scores: object, **_: object) -> torch.Tensor:
        return torch.full((len(written),), stopped.is_set(), device=written.device)

    def write() -> None:
        try:
            torch.manual_seed(request.seed)
            engine.model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                generation_config=settings,
                streamer=streamer,
                stopping_criteria=StoppingCriteriaList([stop]),
            )
        finally:
            # The reader waits for the end, also of what failed.
            streamer.end()

    with ThreadPoolExecutor(max_workers=1) as thread:
        writing = thread.submit(write)
        try:
            yield from streamer
            writing.result()
        finally:
            stopped.set()


def _served(engine: OpenAIEngine, request: Request) -> Generator[str]:
    """By server-sent events. A thought that the server sends apart stands between the marks of the chat format."""
    import httpx2
    import openai

    from seif.engines.failures import LOST, MALFORMED, failure_of
    from seif.engines.openai import request_body

    thinking = False
    with openai.OpenAI(
        base_url=engine.base_urls[0], api_key=engine.api_key, timeout=engine.limits.timeout, max_retries=2
    ) as client:
        try:
            body = {**request_body(engine.model, request, engine.chat), "stream": True}
            events = client.post(
                "/chat/completions",
                cast_to=openai.types.chat.ChatCompletionChunk,
                body=body,
                stream=True,
                stream_cls=openai.Stream[openai.types.chat.ChatCompletionChunk],
            )
            with events:
                for event in events:
                    delta: Any = event.choices[0].delta if event.choices else None
                    thought = getattr(delta, "reasoning_content", None) or getattr(delta, "reasoning", None)
                    text = getattr(delta, "content", None)
                    if isinstance(thought, str) and thought:
                        yield thought if thinking else engine.chat.think_start + thought
                        thinking = True
                    if isinstance(text, str) and text:
                        yield engine.chat.think_end + text if thinking else text
                        thinking = False
        except openai.OpenAIError as error:
            raise RunError(f"the server at {engine.base_urls[0]}: {failure_of(error).cause}") from error
        except httpx2.HTTPError as error:
            raise RunError(f"the server at {engine.base_urls[0]}: {LOST}") from error
        except (ValueError, LookupError, AttributeError) as error:
            raise RunError(f"the server at {engine.base_urls[0]}: {MALFORMED}") from error
