"""[2] Generate: the Instructor writes instructions, and the Filter drops contradictory ones."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from seif.artifacts import write_json
from seif.config import Config
from seif.engines.base import Request
from seif.errors import RunError, UsageError
from seif.evaluation import held_out
from seif.evaluation.results import GenerationNumbers, PoolNumbers
from seif.instructions import read_instructions, write_instructions
from seif.models import ModelPool, filtering
from seif.roles import instructor
from seif.roles.filter import Decision
from seif.scoring import item_seed, within_limit
from seif.types import Instruction, Verdict


def generate(
    config: Config, turn: int, writer: str, filter_model: str, seeds: Sequence[str], out: Path, stats: Path
) -> None:
    """The Instructor writes constraints for every seed; what can't be parsed or the Filter rejects is drawn again or
    dropped.

    Writes `stats` (JSON, what was written, in numbers) and then `out` (the released schema).
    """
    with ModelPool(config, out) as models:
        raw, pool, parsable, drawn = asyncio.run(_generate(config, turn, models, writer, filter_model, seeds))
    if not pool:
        raise RunError(
            f"none of {len(seeds)} seeds got a usable instruction ({parsable} "
            f"of {drawn} replies could be parsed); the Instructor has collapsed"
        )
    everything = held_out.describe_instructions(raw)
    accepted = held_out.describe_instructions(pool)
    write_json(stats, _numbers(parsable / drawn, everything.conflict_share, drawn, accepted).to_json())
    write_instructions(out, pool)


def _numbers(parsable: float | None, conflict_share: float, drawn: int, pool: PoolNumbers) -> GenerationNumbers:
    return GenerationNumbers(
        parsable=parsable,
        conflict_share=conflict_share,
        pool_conflict_share=pool.conflict_share,
        top_type_share=pool.top_type_share,
        type_entropy=pool.type_entropy,
        drawn=drawn,
        pool=pool,
    )


async def _generate(
    config: Config, turn: int, models: ModelPool, writer: str, filter_model: str, seeds: Sequence[str]
) -> tuple[list[Instruction], list[Instruction], int, int]:
    """All parsed instructions, the accepted ones in seed order, and how many replies were parsable and drawn."""
    settings = config.instructor
    raw: list[Instruction] = []
    accepted: dict[int, Instruction] = {}
    parsable = drawn = asked = 0
    unread: Counter[str] = Counter()
    open_seeds = list(range(len(seeds)))
    for attempt in range(settings.attempts):
        requests = []
        templates = {i: instructor.choose_template(settings.templates, config.seed, turn, i) for i in open_seeds}
        for i, template in templates.items():
            seed = item_seed("generate", config.seed, turn, i, attempt)
            requests.append(
                Request(
                    instructor.messages(config.prompts, template, seeds[i]),
                    settings.grpo.max_new_tokens,
                    settings.generation_temperature,
                    seed,
                )
            )
        with models.use(writer) as engine:
            completions = await asyncio.gather(*(engine.complete(r) for r in requests))
        drawn += len(completions)
        written: dict[int, Instruction] = {}
        for i, completion in zip(open_seeds, completions, strict=True):
            constraints = instructor.parse(
                completion.text, completion.finish_reason == "stop", templates[i].constraints
            )
            if constraints is not None:
                written[i] = Instruction(seeds[i], constraints)
        parsable += len(written)
        raw += written.values()
        candidates = {i: x for i, x in written.items() if not instructor.invalid(x.constraints, settings.known_types)}
        if config.filter.generation:
            with filtering(models, filter_model) as checking:
                decisions = await asyncio.gather(*(checking.check(x) for x in candidates.values()))
        else:
            decisions = [Decision(Verdict.SATISFIED)] * len(candidates)
        asked += len(decisions)
        unread.update(d.reason for d in decisions if d.verdict is Verdict.UNJUDGED)
        accepted |= {
            i: x for (i, x), d in zip(candidates.items(), decisions, strict=True) if d.verdict is Verdict.SATISFIED
        }
        open_seeds = [i for i in open_seeds if i not in accepted]
        if not open_seeds:
            break
    within_limit(unread, asked, config.judger.max_unjudged)
    return raw, [accepted[i] for i in sorted(accepted)], parsable, drawn


def take(instructions: Path, seeds: Sequence[str], out: Path, stats: Path) -> None:
    """The user's instructions in place of generated ones, less those whose question is not among `seeds`; `stats` and
    `out` as `generate` writes them.

    Raises UsageError when none is left.
    """
    wanted = set(seeds)
    pool = [x for x in read_instructions(instructions) if x.seed in wanted]
    if not pool:
        raise UsageError(
            f"no instruction of {instructions} is left to train on; give "
            "it questions that the held-out and benchmark files don't have"
        )
    numbers = held_out.describe_instructions(pool)
    write_json(stats, _numbers(None, numbers.conflict_share, len(pool), numbers).to_json())
    write_instructions(out, pool)
