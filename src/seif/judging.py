"""Judging replies that are there already, by the judge that a config names."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from seif.activity import doing
from seif.config import Config
from seif.engines.quiet import quiet
from seif.errors import UsageError
from seif.judges import Judgement, judging_kind
from seif.lengths import check_judged
from seif.listener import SILENT, Listener
from seif.preflight import settle
from seif.types import Instruction


@dataclass(frozen=True)
class Response:
    """A reply to an instruction, to be judged."""

    instruction: Instruction
    text: str


def judge_each(
    config: Config,
    responses: Iterable[Response],
    model: str | None = None,
    cache_beside: str | Path | None = None,
    listener: Listener = SILENT,
) -> Iterator[list[Judgement]]:
    """One judgement per constraint of each response, one response after the other, some thousand of them in memory at a
    time: `seif.judge` says the rest."""
    from seif.engines.together import PENDING
    from seif.models import ModelPool, judging
    from seif.scoring import judge_all

    if model is None and (judging_kind(config).uses_model or config.trains_reward_model):
        raise UsageError(f"judge {config.judging_model!r} asks a model: give --model")
    if judging_kind(config).uses_model or config.judging_model == "classifier":
        config, precision = settle(config)
        listener.info(str(precision))
        _check_judge(config, model or config.model)
    with (
        ModelPool(config, Path(cache_beside) if cache_beside else None) as pool,
        judging(pool, model or config.model, model) as judger,
        asyncio.Runner() as runner,
    ):

        async def judge_one(response: Response) -> list[Judgement]:
            found = await judge_all(judger, response.instruction, response.text)
            work.advance()
            return found

        async def judge_together(group: Sequence[Response]) -> list[list[Judgement]]:
            return list(await asyncio.gather(*map(judge_one, group)))

        source = iter(responses)
        with doing("responses", len(responses) if isinstance(responses, Sized) else None) as work:
            while group := list(islice(source, PENDING)):
                yield from runner.run(judge_together(group))


def check_responses(config: Config, responses: Iterable[Response], model: str | None = None, name: str = "") -> None:
    """Raises UsageError, before weights are loaded, where the judge `model` has no room for what it would be asked
    about one of the `responses`: says the first one's number after `name`, by default "response", and how many there
    are. Of a model that is served this is not known. Raises as `judge_each` does for one that can't be used.
    """
    from seif.engines.checkpoint import check_checkpoint
    from seif.models import served

    if model is None or not judging_kind(config).uses_model or served(config, model):
        return
    quiet()
    check_checkpoint(model)
    check_judged(config, ((r.instruction, r.text) for r in responses), model, name or "response")


def _check_judge(config: Config, model: str) -> None:
    from seif.engines.checkpoint import check_checkpoint
    from seif.models import check_engine, served

    quiet()
    if not judging_kind(config).uses_model:
        return  # a classifier is checked as it is loaded
    if not served(config, model):
        check_checkpoint(model)
    if served(config, model) or config.engine.kind == "vllm":
        check_engine(config)
