"""Which texts that a command was given are longer than the model's context: told before any model is loaded, because
what does not fit is not answered.

What models write themselves can't be known beforehand: of a training file, instructions that are too long are left out
and counted (`too_long`), and what does not fit a judge is unjudged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from seif.chat import chat_format
from seif.config import Config
from seif.engines.adapter import base_of
from seif.engines.base import TOO_LONG, Completion, Messages, NoEngine, Request
from seif.engines.context import ContextLimit
from seif.engines.model_files import has_tokenizer, model_folder
from seif.engines.together import PENDING, Together
from seif.errors import UsageError
from seif.evaluation import ifeval, suites
from seif.evaluation.held_out import load_tasks
from seif.evaluation.suites import SuiteSettings
from seif.judges import JUDGES, Judge, JudgeContext, Judgement, options_of
from seif.quantities import quantity
from seif.roles import follower, instructor
from seif.scoring import judge_all
from seif.self_supervised.general import load_questions
from seif.types import Instruction

_NEAR = 64
"""A seed that leaves fewer tokens than this in an Instructor's prompt is counted there, with the whole prompt."""


def check_seeds(config: Config, seeds: Iterable[str]) -> None:
    """Raises UsageError where an answer of the Follower's full length does not fit behind a seed."""
    limit, longest = _limit(config), config.follower.grpo.max_new_tokens
    limit.check(limit.lengths(map(_alone, seeds)), longest, "seed", _fix("follower.grpo.max_new_tokens"))


def check_instructor_seeds(config: Config, seeds: Sequence[str]) -> None:
    """Raises UsageError where what the Instructor writes does not fit behind its prompt with a seed."""
    limit, templates = _limit(config), set(config.instructor.templates)
    if limit.size is None:
        return
    new_tokens = config.instructor.grpo.max_new_tokens

    def longest(seed: str) -> int:
        return max(limit.lengths(instructor.messages(config.prompts, template, seed) for template in templates))

    around = longest("")

    size = limit.size

    def lengths() -> Iterator[int]:
        for seed, tokens in zip(seeds, limit.lengths(map(_alone, seeds)), strict=True):
            near = tokens + around + new_tokens + _NEAR > size
            yield longest(seed) if near else tokens

    limit.check(lengths(), new_tokens, "the Instructor's prompt for seed", _fix("instructor.grpo.max_new_tokens"))


def check_prompts(config: Config, seeds: Callable[[], Iterable[str]]) -> None:
    """All that a run checks but for its seeds as questions, where the model's config and tokenizer are on this machine;
    `seeds` gives them."""
    folder = model_folder(base_of(config.model))
    if folder is None or not (folder / "config.json").is_file() or not has_tokenizer(folder):
        return
    if config.instructions is None:
        check_instructor_seeds(config, list(seeds()))
    check_tasks(config)


def check_tasks(config: Config) -> None:
    """Raises UsageError for the files that every turn answers, the audit's among them: names the first row behind
    which an answer of full length does not fit, and how many there are."""
    check_held_out(config)
    if config.audit is not None:
        _check_instructions(config, config.audit, load_tasks(Path(config.audit)), "follower.grpo.max_new_tokens")
    for _, part, settings in suites.configured(config, config.model):
        if part.name in ("ifeval", "ifbench"):
            check_ifeval(settings)


def check_held_out(config: Config) -> None:
    """As `check_tasks`, for what `seif evaluate` answers by default."""
    for file in filter(None, (config.held_out, config.held_out_types)):
        _check_instructions(config, file, load_tasks(Path(file))[: config.evaluation.tasks], _ANSWERS)
    general = config.self_supervised.general.held_out
    if general is not None:
        _check_instructions(config, general, [q.instruction for q in load_questions(Path(general))], _ANSWERS)


def check_ifeval(settings: SuiteSettings) -> None:
    """As `check_tasks`, for a file of IFEval prompts, which are answered in fewer tokens where all do not fit."""
    assert settings.prompts is not None
    limit, prompts = _limit(settings.config), ifeval.load_prompts(settings.prompts)[: settings.limit]
    least = ifeval.least_limit(settings.config)
    limit.check(limit.lengths(_alone(row.prompt) for row in prompts), least, f"{settings.prompts} row", "drop it")


_ANSWERS = "evaluation.max_new_tokens"


def _check_instructions(config: Config, file: str, instructions: Iterable[Instruction], key: str) -> None:
    limit = _limit(config)
    new_tokens = config.answer_tokens if key == _ANSWERS else config.follower.grpo.max_new_tokens
    prompts = (follower.messages(config.prompts, x, config.follower.format) for x in instructions)
    limit.check(limit.lengths(prompts), new_tokens, f"{file} row", _fix(key))


def _fix(key: str) -> str:
    return f"shorten or drop it, or lower {key}"


def _limit(config: Config) -> ContextLimit:
    return ContextLimit(config.model, chat_format(config.chat))


def _alone(text: str) -> Messages:
    return [{"role": "user", "content": text}]


def check_judged(config: Config, responses: Iterable[tuple[Instruction, str]], model: str, name: str) -> None:
    """Raises UsageError where what the language model `model` would be asked about a response does not fit its
    context: says the first one's number, from 1, after `name`, and how many there are.

    A classifier is no language model, and reads a long response in part.
    """
    context = JudgeContext(
        config, _Measuring(ContextLimit(model, chat_format(config.chat))), options=options_of(config)
    )
    judge = JUDGES.get(config.judger.kind).make(context)
    first, count = 0, 0
    source = enumerate(responses, 1)
    while group := list(islice(source, PENDING)):
        found = asyncio.run(_judge(judge, [pair for _, pair in group]))
        long = [number for (number, _), judgements in zip(group, found, strict=True) if _too_long(judgements)]
        first, count = first or (long[0] if long else 0), count + len(long)
    if count:
        others = f" (so do {quantity(count - 1, 'other')})" if count > 1 else ""
        raise UsageError(f"{name} {first} does not fit the context of the judge {model}{others}: shorten or drop it")


async def _judge(judge: Judge, pairs: Sequence[tuple[Instruction, str]]) -> list[list[Judgement]]:
    return list(await asyncio.gather(*(judge_all(judge, instruction, text) for instruction, text in pairs)))


def _too_long(judgements: Sequence[Judgement]) -> bool:
    return any(judgement.cause == TOO_LONG for judgement in judgements)


class _Measuring(NoEngine):
    """Answers nothing, but says what would not fit."""

    def __init__(self, limit: ContextLimit) -> None:
        self.limit = limit
        self._together = Together(self._measure)

    async def complete(self, request: Request) -> Completion:
        return (await self._together.ask(request))[0]

    async def _measure(self, requests: Sequence[Request]) -> list[Completion]:
        size = self.limit.size
        lengths = self.limit.lengths(request.messages for request in requests)
        return [
            Completion("", "error", error=TOO_LONG if size and tokens + request.max_tokens > size else "not asked")
            for tokens, request in zip(lengths, requests, strict=True)
        ]
