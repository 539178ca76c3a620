"""IFEval and IFBench as suites: one greedy reply per prompt, scored by exact checks alone.

The four numbers are those of Zhou et al. 2023 (arXiv 2311.07911), which IFBench (Pyatkin et al. 2025, arXiv 2507.02833)
reports too; names, greedy decoding and the limit of 1280 new tokens are those of lm-evaluation-harness's task `ifeval`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from seif.atomic import write_atomically
from seif.config import Config
from seif.constraints.rows import Row, follow, parse_row, summarise
from seif.engines.base import Engine, Request
from seif.errors import UsageError
from seif.evaluation.answering import FEWEST_NEW_TOKENS, Reply, answer
from seif.evaluation.results import Result, SuiteResult
from seif.evaluation.suites import SuiteSettings, suite
from seif.outputs import check_new
from seif.quantities import quantity
from seif.tables import read_rows, write_json_lines

MAX_NEW_TOKENS = 1280
ACCURACIES = ("prompt_level_strict_acc", "inst_level_strict_acc", "prompt_level_loose_acc", "inst_level_loose_acc")


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


def requests(rows: Sequence[Row], max_new_tokens: int = MAX_NEW_TOKENS) -> list[Request]:
    """The user's prompts as they are, without a system prompt."""
    return [Request([{"role": "user", "content": row.prompt}], max_new_tokens) for row in rows]


def least_limit(config: Config) -> int:
    """The fewest tokens that `answering.ask` tries to have written."""
    limit = config.evaluation.max_new_tokens or MAX_NEW_TOKENS
    while limit // 2 >= FEWEST_NEW_TOKENS:
        limit //= 2
    return limit


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


def describe(result: IFEvalResult, benchmark: str = "IFEval") -> list[str]:
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
    opening = f"{benchmark}: {quantity(result.n_prompts, 'prompt')}, {quantity(result.n_instructions, 'instruction')}"
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


def check_files(settings: SuiteSettings) -> None:
    """Raises UsageError for prompts that can't be read or checked, and where the responses can't be written."""
    if settings.prompts is not None:
        load_prompts(settings.prompts)
    if settings.responses is not None:
        check_new(settings.responses, [settings.prompts], option="--responses", stream=True)


async def run(engine: Engine, settings: SuiteSettings, benchmark: str) -> SuiteResult:
    """The four accuracies on the prompts of a file, in IFEval's format."""
    assert settings.prompts is not None
    rows = load_prompts(settings.prompts)[: settings.limit]
    length = settings.config.evaluation.max_new_tokens or MAX_NEW_TOKENS
    replies = await answer(engine, requests(rows, length), settings, "prompt")
    if settings.responses is not None:
        write_responses(settings.responses, rows, replies)
    result = score(rows, replies, length)
    found = result.to_json()
    return SuiteResult(
        numbers={name: found[name] for name in ACCURACIES},
        stderr={name: found[f"{name}_stderr"] for name in ACCURACIES},
        n=result.n_prompts,
        lines=tuple(describe(result, benchmark)),
        details=found,
    )


@suite("ifeval", takes=("limit", "responses"), needs=("prompts",), check=check_files)
async def ifeval(engine: Engine, settings: SuiteSettings) -> SuiteResult:
    """IFEval on the prompts of a file."""
    return await run(engine, settings, "IFEval")


@suite("ifbench", takes=("limit", "responses"), needs=("prompts",), check=check_files)
async def ifbench(engine: Engine, settings: SuiteSettings) -> SuiteResult:
    """IFBench on the prompts of a file; its loose variants and its four numbers are IFEval's."""
    return await run(engine, settings, "IFBench")
