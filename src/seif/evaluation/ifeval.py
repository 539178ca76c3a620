"""IFEval as a suite: one greedy reply per prompt, scored by exact checks alone.

The four numbers are those of Zhou et al. 2023 (arXiv 2311.07911); names, greedy decoding and the limit of 1280
new tokens are those of lm-evaluation-harness's task `ifeval`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from seif.atomic import write_atomically
from seif.chat import THINK_START, split_thought
from seif.constraints.rows import Row, follow, parse_row, summarise
from seif.engines.base import Engine, Request
from seif.engines.together import PENDING
from seif.errors import RunError, UsageError
from seif.evaluation.results import Result, SuiteResult
from seif.evaluation.suites import SuiteSettings, suite
from seif.journal import ask_all
from seif.outputs import check_new
from seif.progress import clock
from seif.quantities import quantity
from seif.tables import read_rows, write_json_lines

MAX_NEW_TOKENS = 1280
FEWEST_NEW_TOKENS = 16
"""A prompt that leaves fewer tokens than this in the model's context is not answered."""
ACCURACIES = ("prompt_level_strict_acc", "inst_level_strict_acc", "prompt_level_loose_acc", "inst_level_loose_acc")
TOGETHER = 128
"""Prompts asked at once of an engine in process, and answered between two lines of progress."""


class InstructionAccuracy(Result):
    """One instruction id's accuracy."""

    strict: float
    loose: float
    n: int


class IFEvalResult(Result):
    """IFEval's four accuracies with standard errors, each instruction id's, and how many replies were not whole."""

    n_prompts: int
    n_instructions: int
    prompt_level_strict_acc: float
    prompt_level_strict_acc_stderr: float
    inst_level_strict_acc: float
    inst_level_strict_acc_stderr: float
    prompt_level_loose_acc: float
    prompt_level_loose_acc_stderr: float
    inst_level_loose_acc: float
    inst_level_loose_acc_stderr: float
    per_instruction: dict[str, InstructionAccuracy]
    max_new_tokens: int
    cut_off: float
    """Share of the prompts whose reply met the limit of tokens."""
    shortened: int
    """Replies for which the context left fewer tokens than `max_new_tokens`."""
    unanswered: int
    """Prompts for which the context left no tokens."""
    unanswered_because: str | None
    """Why, for the first of them."""


@dataclass(frozen=True)
class Reply:
    """What a model said to one prompt. `text` is empty when nothing could be generated; `error` then says why."""

    text: str
    finished: bool
    """Did the model end the reply itself, within `limit` tokens?"""
    limit: int
    error: str = ""

    @property
    def answer(self) -> str:
        """What is scored: all of it, or what follows the thought; a thought that was cut off leaves nothing."""
        thought, answer = split_thought(self.text)
        if thought is not None:
            return answer.lstrip()
        return "" if self.text.lstrip().startswith(THINK_START) else self.text


def load_prompts(path: Path) -> list[Row]:
    """Prompts from the columns `prompt`, `instruction_id_list`, `kwargs` of a parquet, JSONL or JSON file.

    Raises UsageError naming the row when something is missing or can't be checked, and for a file without rows.
    """
    records = read_rows(path)
    if not records:
        raise UsageError(f"{path} holds no prompts")
    rows = [parse_row(number, record, str(path), response=False) for number, record in enumerate(records, 1)]
    for row in rows:
        if not row.prompt.strip():
            raise UsageError(f"{path} row {row.number}: `prompt` is empty; drop the row")
    return rows


async def answer(
    engine: Engine,
    rows: Sequence[Row],
    max_new_tokens: int = MAX_NEW_TOKENS,
    report: Callable[[str], None] = lambda line: None,
    parts: Path | None = None,
    pending: int = TOGETHER,
) -> list[Reply]:
    """One greedy reply per prompt; `report` gets a line now and then. At most `pending` prompts are under way.

    Replies are kept in the file `parts`, and not asked for again where that holds them. Raises RunError when no prompt
    can be answered.
    """
    began, done, failed = time.time(), 0, dict[int, Reply]()

    async def answer_one(place: int) -> tuple[str, bool, int] | None:
        nonlocal done
        reply = await ask(engine, rows[place].prompt, max_new_tokens)
        done += 1
        if done % TOGETHER == 0 or done == len(rows):
            left = (time.time() - began) / done * (len(rows) - done)
            report(f"{done:,} of {quantity(len(rows), 'prompt')} answered, left {clock(left)}")
        if reply.error:
            failed[place] = reply
            return None
        return reply.text, reply.finished, reply.limit

    found = await ask_all(answer_one, len(rows), parts, pending)
    replies = [Reply(*known) if known else failed[place] for place, known in enumerate(found)]
    if all(r.error for r in replies):
        raise RunError(f"the model answered none of {quantity(len(replies), 'prompt')}: {replies[0].error}")
    return replies


async def ask(engine: Engine, prompt: str, max_new_tokens: int) -> Reply:
    """One greedy reply to the user's prompt as it is, without a system prompt.

    The limit is halved for as long as prompt and limit don't fit the model's context.
    """
    limit = max_new_tokens
    while True:
        completion = await engine.complete(Request([{"role": "user", "content": prompt}], limit))
        if not completion.error or limit // 2 < FEWEST_NEW_TOKENS:
            return Reply(completion.text, completion.finish_reason == "stop", limit, completion.error)
        limit //= 2


def score(rows: Sequence[Row], replies: Sequence[Reply], max_new_tokens: int) -> IFEvalResult:
    """IFEval's accuracies of the replies to `rows`, one reply per row.

    A reply that was cut off is scored as it stands, as in IFEval; a prompt without a reply follows nothing.
    """
    answered = [replace(row, response=reply.answer) for row, reply in zip(rows, replies, strict=True)]
    strict, loose = (summarise(answered, [follow(row, loose=way) for row in answered]) for way in (False, True))
    unanswered = [r.error for r in replies if r.error]
    return IFEvalResult(
        n_prompts=strict.n_prompts,
        n_instructions=strict.n_instructions,
        prompt_level_strict_acc=strict.prompt_level.accuracy,
        prompt_level_strict_acc_stderr=strict.prompt_level.stderr,
        inst_level_strict_acc=strict.instruction_level.accuracy,
        inst_level_strict_acc_stderr=strict.instruction_level.stderr,
        prompt_level_loose_acc=loose.prompt_level.accuracy,
        prompt_level_loose_acc_stderr=loose.prompt_level.stderr,
        inst_level_loose_acc=loose.instruction_level.accuracy,
        inst_level_loose_acc_stderr=loose.instruction_level.stderr,
        per_instruction={
            kind: InstructionAccuracy(strict=found.accuracy, loose=loose.per_type[kind].accuracy, n=found.n)
            for kind, found in strict.per_type.items()
        },
        max_new_tokens=max_new_tokens,
        cut_off=sum(not r.finished and not r.error for r in replies) / len(replies),
        shortened=sum(r.limit < max_new_tokens and not r.error for r in replies),
        unanswered=len(unanswered),
        unanswered_because=unanswered[0] if unanswered else None,
    )


def write_responses(path: Path, rows: Sequence[Row], replies: Sequence[Reply]) -> None:
    """One JSON line per prompt: what was scored (`response`), the whole reply after a thought, the verdicts."""
    records = []
    for row, reply in zip(rows, replies, strict=True):
        answered = replace(row, response=reply.answer)
        record = {
            "prompt": row.prompt,
            "response": reply.answer,
            "instruction_id_list": row.instruction_ids,
            "kwargs": row.kwargs,
            "follow_instruction_list": follow(answered, loose=False),
            "follow_instruction_list_loose": follow(answered, loose=True),
            "finished": reply.finished,
            "max_new_tokens": reply.limit,
        }
        if reply.text != reply.answer:
            record["reply"] = reply.text
        if reply.error:
            record["error"] = reply.error
        records.append(record)
    write_atomically(path, lambda partial: write_json_lines(partial, records))


def describe(result: IFEvalResult) -> list[str]:
    """The result in lines for a terminal: the four accuracies in percent, then what was not whole."""

    def accuracies(*levels: tuple[str, float, float]) -> str:
        return "  ".join(f"{level} {value:.1%} ± {error:.1%}" for level, value, error in levels)

    strict = accuracies(
        ("prompt", result.prompt_level_strict_acc, result.prompt_level_strict_acc_stderr),
        ("instruction", result.inst_level_strict_acc, result.inst_level_strict_acc_stderr),
    )
    loose = accuracies(
        ("prompt", result.prompt_level_loose_acc, result.prompt_level_loose_acc_stderr),
        ("instruction", result.inst_level_loose_acc, result.inst_level_loose_acc_stderr),
    )
    opening = f"IFEval: {quantity(result.n_prompts, 'prompt')}, {quantity(result.n_instructions, 'instruction')}"
    lines = [opening, f"strict  {strict}", f"loose   {loose}"]
    if result.cut_off:
        lines.append(
            f"{result.cut_off:.1%} of the replies were cut off by the limit of tokens; they are scored as they stand"
        )
    if result.shortened:
        lines.append(
            f"{quantity(result.shortened, 'prompt')} got less than {result.max_new_tokens:,} new tokens, because the "
            "model's context is too short"
        )
    if result.unanswered:
        found = quantity(result.unanswered, "prompt")
        lines.append(f"{found} without a reply, counted as following nothing: {result.unanswered_because}")
    return lines


def _check(settings: SuiteSettings) -> None:
    if settings.prompts is not None:
        load_prompts(settings.prompts)
    if settings.responses is not None:
        check_new(settings.responses, [settings.prompts], option="--responses", stream=True)


@suite("ifeval", takes=("limit", "responses"), needs=("prompts",), check=_check)
async def ifeval(engine: Engine, settings: SuiteSettings) -> SuiteResult:
    """IFEval on the prompts of a file."""
    assert settings.prompts is not None
    rows = load_prompts(settings.prompts)[: settings.limit]
    length = settings.config.evaluation.max_new_tokens or MAX_NEW_TOKENS
    in_process = settings.config.engine.kind == "local"
    parts = settings.parts and settings.parts / "replies.jsonl"
    replies = await answer(engine, rows, length, settings.report, parts, TOGETHER if in_process else PENDING)
    if settings.responses is not None:
        write_responses(settings.responses, rows, replies)
    result = score(rows, replies, length)
    found = result.to_json()
    return SuiteResult(
        numbers={name: found[name] for name in ACCURACIES},
        stderr={name: found[f"{name}_stderr"] for name in ACCURACIES},
        n=result.n_prompts,
        lines=tuple(describe(result)),
        details=found,
    )
