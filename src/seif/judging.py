"""Judging replies that are there already, by the judge that a config names."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence, Sized
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from seif.activity import doing
from seif.atomic import hold
from seif.beside import Beside
from seif.checksums import sha256_of
from seif.config import Config
from seif.config.changes import ANY_TIME, without_changeable
from seif.engines.quiet import quiet
from seif.engines.together import as_answered
from seif.errors import UsageError
from seif.journal import Journal
from seif.judges import Judgement, judging_kind
from seif.lengths import check_judged
from seif.listener import SILENT, Listener
from seif.preflight import settle
from seif.types import Instruction, Verdict


@dataclass(frozen=True)
class Response:
    """A reply to an instruction, to be judged."""

    instruction: Instruction
    text: str


class Responses(Protocol):
    """Responses that are read anew by every iteration, and how many they are."""

    def __iter__(self) -> Iterator[Response]: ...

    def __len__(self) -> int: ...


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

    out = Path(cache_beside) if cache_beside else None
    with _asking(_settled(config, model, listener), model, out) as judge_one, asyncio.Runner() as runner:

        async def judge_together(group: Sequence[Response]) -> list[list[Judgement]]:
            return list(await asyncio.gather(*map(advancing, group)))

        async def advancing(response: Response) -> list[Judgement]:
            found = await judge_one(response)
            work.advance()
            return found

        source = iter(responses)
        with doing("responses", len(responses) if isinstance(responses, Sized) else None) as work:
            while group := list(islice(source, PENDING)):
                yield from runner.run(judge_together(group))


@contextmanager
def judgements_beside(
    out: Path,
    config: Config,
    file: Path,
    responses: Responses,
    model: str | None = None,
    listener: Listener = SILENT,
) -> Iterator[Callable[[int], list[Judgement]]]:
    """The judgements on the response with a number, from 0, of those in `file`, all of which have been asked for.

    They are kept beside `out` until the block ends without an error, so the same call after a kill asks for those that
    are missing, and again for those that could not be judged. Raises as `seif.judge` does, and UsageError where work
    on another file, or by another judge, is kept there.
    """
    from seif.training.checkpoints import claim

    folder = Beside(out).parts
    with hold(Beside(out).lock, f"another seif judge is writing {out}; wait for it or choose another --out"):
        config = _settled(config, model, listener, folder)
        claim(folder, _identity(config, file, model), config.dtype)
        with Journal(folder / "judgements.jsonl", len(responses)) as journal:
            missing = bytearray(not _judged(journal.get(number)) for number in range(len(responses)))
            try:
                if any(missing):
                    with _asking(config, model, out) as judge_one:
                        asyncio.run(_ask_for(missing, responses, judge_one, journal))
            except BaseException:
                # Where nothing is judged, nothing stands in the way of another judge or other settings.
                if not any(number in journal for number in range(len(responses))):
                    Beside(out).drop_unfinished()
                raise
            yield lambda number: [_parsed(judgement) for judgement in journal.get(number)]
        Beside(out).drop_unfinished()


async def _ask_for(
    missing: bytearray,
    responses: Responses,
    judge_one: Callable[[Response], Awaitable[list[Judgement]]],
    journal: Journal,
) -> None:
    """Ask for the responses whose byte of `missing` is 1."""
    chosen = ((number, response) for number, response in enumerate(responses) if missing[number])
    with doing("responses", sum(missing)) as work:
        async for group in as_answered(lambda pair: judge_one(pair[1]), chosen):
            journal.add((number, [_json(j) for j in judgements]) for (number, _), judgements in group)
            work.advance(len(group))


def _json(judgement: Judgement) -> list[object]:
    model = judgement.model and judgement.model.name
    return [judgement.verdict.name, judgement.probability, judgement.cause, model, judgement.soft_score]


def _parsed(kept: list[Any]) -> Judgement:
    verdict, probability, cause, model, soft_score = kept
    return Judgement(Verdict[verdict], probability, cause, model and Verdict[model], soft_score)


def _judged(kept: list[list[Any]] | None) -> bool:
    """Whether all constraints of a response have a verdict."""
    return kept is not None and all(_parsed(judgement).verdict is not Verdict.UNJUDGED for judgement in kept)


def _identity(config: Config, file: Path, model: str | None) -> list[object]:
    """What two equal judgings of a file have in common, as JSON values."""
    from seif.engines.cache import weights_of_checkpoint
    from seif.models import fingerprint_of

    known = None
    if judging_kind(config).uses_model and model is not None:
        known = fingerprint_of(config, model)
    elif config.judging_model == "classifier" and (path := model or config.self_supervised.reward_model.checkpoint):
        known = weights_of_checkpoint(path)
    return [sha256_of(file), known, model, without_changeable(config, keys=ANY_TIME)]


def _settled(config: Config, model: str | None, listener: Listener, work: Path | None = None) -> Config:
    """The config with its types filled in, those that the work in the directory `work` began with. Raises UsageError
    for a judge that can't be asked."""
    if model is None and (judging_kind(config).uses_model or config.trains_reward_model):
        raise UsageError(f"judge {config.judging_model!r} asks a model: give --model")
    if judging_kind(config).uses_model or config.judging_model == "classifier":
        config, precision = settle(config, work)
        listener.info(str(precision))
        _check_judge(config, model or config.model)
    return config


@contextmanager
def _asking(
    config: Config, model: str | None, out: Path | None
) -> Iterator[Callable[[Response], Awaitable[list[Judgement]]]]:
    """What judges one response; its model is loaded until the block ends."""
    from seif.models import ModelPool, judging
    from seif.scoring import judge_all

    with ModelPool(config, out) as pool, judging(pool, model or config.model, model) as judger:
        yield lambda response: judge_all(judger, response.instruction, response.text)


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
