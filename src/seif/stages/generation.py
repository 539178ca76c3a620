"""[2] Generate: the Instructor writes instructions, and the Filter drops contradictory ones.

Memory holds what is under way, and about 30 bytes per seed: whatever is written or decided goes to disk, item by item.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import compress
from pathlib import Path
from typing import Self

from seif.artifacts import Beside
from seif.atomic import write_json
from seif.config import Config
from seif.constraints.compiler import compile_text
from seif.constraints.conflicts import find_conflict
from seif.engines.base import Engine, Request
from seif.engines.metered import Metered, counting
from seif.errors import RunError, UsageError
from seif.evaluation.held_out import Pool, describe_instructions
from seif.evaluation.results import GenerationNumbers, PoolNumbers
from seif.instructions import iter_instructions, write_instructions
from seif.journal import Journal, ask_missing
from seif.models import ModelPool, filtering
from seif.roles import instructor
from seif.roles.filter import Filter
from seif.scoring import item_seed, within_limit
from seif.seeds import Fingerprints
from seif.training.checkpoints import claim
from seif.types import Instruction, Json, Verdict


def generate(
    config: Config, turn: int, writer: str, filter_model: str, seeds: Sequence[str], out: Path, stats: Path
) -> None:
    """The Instructor writes constraints for every seed; what can't be parsed or the Filter rejects is drawn again or
    dropped.

    Writes `stats` (JSON, what was written, in numbers) and then `out` (the released schema). The same call after a
    kill asks for the rest alone. Raises UsageError when what lies beside `out` belongs to another generation, and
    RunError when no seed gets an instruction or the Filter decides too little.
    """
    folder = Beside(out).parts
    claim(folder, _identity(config, turn, writer, filter_model, seeds), config.dtype)
    with ModelPool(config, out) as models, _Generation(config, turn, seeds, folder) as generation:
        asyncio.run(generation.run(models, writer, filter_model))
        raw, pool = generation.raw.numbers(), generation.pool()
        parsable, drawn = raw.instructions, generation.drawn
        if not pool.instructions:
            shutil.rmtree(folder)
            raise RunError(
                f"none of {len(seeds)} seeds got a usable instruction ({parsable} "
                f"of {drawn} replies could be parsed); the Instructor has collapsed"
            )
        numbers = _numbers(parsable / drawn, raw.conflict_share, drawn, pool)
        write_json(stats, numbers.model_copy(update={"tokens": dict(sorted(generation.tokens.items()))}).to_json())
        write_instructions(out, generation)
    shutil.rmtree(folder)


def _identity(config: Config, turn: int, writer: str, filter_model: str, seeds: Sequence[str]) -> list[object]:
    """What two equal generations have in common, as JSON values."""
    digest = hashlib.blake2b(digest_size=16)
    for seed in seeds:
        digest.update(f"{seed}\0".encode(errors="surrogatepass"))
    settings = config.model_dump(mode="json", include={"seed", "prompts", "chat", "instructor", "filter", "plugins"})
    return [turn, writer, filter_model, len(seeds), digest.hexdigest(), settings]


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


class _Generation:
    """The instructions that are written for `seeds`, attempt after attempt; iterating gives the accepted ones in the
    order of the seeds."""

    def __init__(self, config: Config, turn: int, seeds: Sequence[str], folder: Path) -> None:
        self.config, self.turn, self.seeds, self.folder = config, turn, seeds, folder
        self.raw = Pool()
        """Everything that could be parsed."""
        self.drawn = 0
        self.tokens: Counter[str] = Counter()
        """By role, the tokens that it read and wrote."""
        self._written: list[Journal] = []
        """By attempt, of each seed the constraints' `texts`, none where the reply could not be parsed, and `tokens`."""
        self._accepted = bytearray(len(seeds))
        """By seed, the attempt, from 1, whose instruction was accepted; 0 for none."""
        self._contradictory = bytearray(len(seeds))
        """By seed, whether rules prove the accepted instruction contradictory."""
        self._open_files = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open_files.close()

    def __iter__(self) -> Iterator[Instruction]:
        return (self._instruction(i, attempt - 1) for i, attempt in enumerate(self._accepted) if attempt)

    async def run(self, models: ModelPool, writer: str, filter_model: str) -> None:
        """Write and filter until every seed has an instruction or the attempts are used up. Raises RunError when too
        many of the Filter's decisions are missing."""
        asked, unread = 0, Counter[str]()
        for attempt in range(self.config.instructor.attempts):
            await self._write(models, writer, attempt)
            if self.config.filter.generation:
                with self._journal("checked", attempt) as checked:
                    unread += await self._check(models, filter_model, attempt, checked)
                    asked += self._settle(attempt, checked)
            else:
                asked += self._settle(attempt)
            if all(self._accepted):
                break
        within_limit(unread, asked, self.config.judger.max_unjudged)

    def pool(self) -> PoolNumbers:
        """What the accepted instructions are made of."""
        pool = Pool()
        for x, contradictory in zip(self, compress(self._contradictory, self._accepted), strict=True):
            pool.add(x, bool(contradictory))
        return pool.numbers()

    async def _write(self, models: ModelPool, writer: str, attempt: int) -> None:
        settings = self.config.instructor
        journal = self._open_files.enter_context(self._journal("written", attempt))
        self._written.append(journal)

        async def write(engine: Engine, i: int) -> Json | None:
            template = instructor.choose_template(settings.templates, self.config.seed, self.turn, i)
            request = Request(
                instructor.messages(self.config.prompts, template, self.seeds[i]),
                settings.grpo.max_new_tokens,
                settings.generation_temperature,
                item_seed("generate", self.config.seed, self.turn, i, attempt),
            )
            with counting() as tokens:
                completion = await Metered(engine, "instructor").complete(request)
            if completion.error:
                return None
            constraints = instructor.parse(completion.text, completion.finish_reason == "stop", template.constraints)
            return {"texts": [c.text for c in constraints or ()], "tokens": tokens.totals()}

        if any(i not in journal for i in self._open()):
            with models.use(writer) as engine:
                await ask_missing(journal, partial(write, engine), self._open())
        self._count(journal)

    async def _check(self, models: ModelPool, model: str, attempt: int, checked: Journal) -> Counter[str]:
        """Let the Filter decide on what was written; why decisions are missing, with counts."""
        unread = Counter[str]()

        async def check(checking: Filter, i: int) -> Json | None:
            with counting() as tokens:
                decision = await checking.check(self._instruction(i, attempt))
            if decision.verdict is Verdict.UNJUDGED:
                unread[decision.reason] += 1
                # A resume asks again, and counts them then.
                self.tokens.update(tokens.totals())
                return None
            return {"passed": decision.verdict is Verdict.SATISFIED, "tokens": tokens.totals()}

        if any(i not in checked for i in self._candidates(attempt)):
            # The journal has every decision, and a cache would hold them all in memory.
            with filtering(models, model, cached=False) as checking:
                await ask_missing(checked, partial(check, checking), self._candidates(attempt))
        self._count(checked)
        return unread

    def _count(self, finished: Journal) -> None:
        """Count the tokens of a journal's items, also of those that were asked for before a kill."""
        for entry in finished.values():
            self.tokens.update(entry["tokens"])

    def _settle(self, attempt: int, checked: Journal | None = None) -> int:
        """Count what was written, and accept the candidates that were `checked`, by default all; how many candidates
        there were."""
        candidates = 0
        for i in self._open():
            self.drawn += 1
            if not self._texts(i, attempt):
                continue
            x = self._instruction(i, attempt)
            candidate = self._valid(x)
            accepted = candidate and (checked is None or _passed(checked, i))
            # What the Filter's rules have let pass, they need not look at again.
            looked_at = accepted and checked is not None and self.config.filter.rules
            contradictory = not looked_at and find_conflict(x.constraints) is not None
            self.raw.add(x, contradictory)
            candidates += candidate
            if accepted:
                self._accepted[i], self._contradictory[i] = attempt + 1, contradictory
        return candidates

    def _open(self) -> Iterator[int]:
        return (i for i, attempt in enumerate(self._accepted) if not attempt)

    def _candidates(self, attempt: int) -> Iterator[int]:
        return (i for i in self._open() if self._texts(i, attempt) and self._valid(self._instruction(i, attempt)))

    def _valid(self, instruction: Instruction) -> bool:
        return instructor.invalid(instruction.constraints, self.config.instructor.known_types) is None

    def _texts(self, i: int, attempt: int) -> list[str]:
        entry = self._written[attempt].get(i)
        return entry["texts"] if entry else []

    def _instruction(self, i: int, attempt: int) -> Instruction:
        return Instruction(self.seeds[i], tuple(map(compile_text, self._texts(i, attempt))))

    def _journal(self, what: str, attempt: int) -> Journal:
        return Journal(self.folder / f"{what}_{attempt + 1}.jsonl", len(self.seeds))


def _passed(checked: Journal, item: int) -> bool:
    decision = checked.get(item)
    return decision is not None and decision["passed"]


def take(instructions: Path, seeds: Sequence[str], out: Path, stats: Path) -> None:
    """The user's instructions in place of generated ones, less those whose question is not among `seeds`; `stats` and
    `out` as `generate` writes them.

    Raises UsageError when none is left.
    """
    taken = _Taken(instructions, Fingerprints(seeds))
    numbers = describe_instructions(taken)
    if not numbers.instructions:
        raise UsageError(
            f"no instruction of {instructions} is left to train on; give "
            "it questions that the held-out and benchmark files don't have"
        )
    write_json(stats, _numbers(None, numbers.conflict_share, numbers.instructions, numbers).to_json())
    write_instructions(out, taken)


@dataclass(frozen=True)
class _Taken:
    """The instructions of a file whose question is wanted."""

    file: Path
    wanted: Fingerprints

    def __iter__(self) -> Iterator[Instruction]:
        return (x for x in iter_instructions(self.file) if x.seed in self.wanted)
