"""The seed questions of a config, read one after the other, and counted."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from seif.config import Config
from seif.errors import UsageError

if TYPE_CHECKING:
    from seif.tables import StoredTexts

LARGE = 20_000
"""Questions that a plan compares with held-out and benchmark prompts; of more it takes every so many."""
_PATIENCE = 3.0
"""Seconds without a word."""


class Questions:
    """The seed questions of a config, or those of its instructions, less those that overlap with held-out or benchmark
    prompts; one after the other, counted as they are read.

    `note` gets, at the end, a line about each file that they overlap with. With `every` above 1, only one question in
    so many is compared with those files, and their number is an estimate. Reading them raises UsageError for files
    that can't be used.
    """

    def __init__(
        self,
        config: Config,
        note: Callable[[str], None],
        every: int = 1,
        progress: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._config, self._note, self._every, self._progress = config, note, every, progress
        self.count = 0
        self.constraints: float | None = None
        """How many the config's own instructions have on average; None where it has none."""

    def __iter__(self) -> Iterator[str]:
        from seif.evaluation.overlap import LeftOut

        config = self._config
        kept_apart = (config.held_out, config.held_out_types, config.audit, *config.benchmark_prompts)
        overlapping = LeftOut(map(Path, filter(None, kept_apart)), self._every)
        asked = _Counted(self._asked(), self._progress)
        yield from overlapping.filter(asked)
        self.count = round(asked.count * overlapping.kept / overlapping.compared)
        for line in overlapping.lines():
            self._note(line)

    def _asked(self) -> Iterator[str]:
        from seif.seeds import iter_seeds, seed_column
        from seif.text_rows import PROMPT

        file = questions_file(self._config)
        if self._config.instructions is not None:
            yield from self._of_instructions(file)
            return
        column = seed_column(file, self._config.seeds_column)
        if column != PROMPT:
            self._note(f"the seeds of {file} are its column `{column}`")
        yield from iter_seeds(file, column)

    def _of_instructions(self, file: Path) -> Iterator[str]:
        from seif.instructions import iter_seed_questions
        from seif.seeds import distinct

        rows = constraints = 0
        for _, count in iter_seed_questions(file):
            rows, constraints = rows + 1, constraints + count
        self.constraints = constraints / rows
        yield from distinct(lambda: seeds_of(file))


class _Counted:
    """Questions, counted as they go by; `progress` hears every `_PATIENCE` seconds how many they were."""

    def __init__(self, texts: Iterable[str], progress: Callable[[str], None]) -> None:
        self._texts, self._progress = texts, progress
        self.count = 0

    def __iter__(self) -> Iterator[str]:
        said = time.monotonic()
        for text in self._texts:
            self.count += 1
            if time.monotonic() - said > _PATIENCE:
                self._progress(f"{self.count:,} questions checked")
                said = time.monotonic()
            yield text


def iter_questions(config: Config, note: Callable[[str], None]) -> Iterator[str]:
    """The questions of a config, one after the other. Raises UsageError as `Questions` does."""
    return iter(Questions(config, note))


def store_questions(questions: Iterable[str], path: Path) -> StoredTexts:
    """Seed questions as a parquet file, from which they are read as they are needed."""
    from seif.atomic import write_atomically
    from seif.tables import StoredTexts

    write_atomically(path, lambda partial: StoredTexts.write(partial, "prompt", questions))
    return StoredTexts(path)


def seeds_of(instructions: Path) -> Iterator[str]:
    """The seed question of each instruction of a file."""
    from seif.instructions import iter_seed_questions

    return (seed for seed, _ in iter_seed_questions(instructions))


def count_questions(config: Config, note: Callable[[str], None]) -> tuple[int, float | None]:
    """How many seed questions a run would have, and how many constraints the config's own instructions have on
    average; None where it has none.

    The rows of a large file are counted alone, which `note` says. Raises UsageError as `Questions` does.
    """
    from seif.instructions import iter_seed_questions
    from seif.tables import count_rows

    file = questions_file(config)
    count = count_rows(file)
    if count <= LARGE:
        questions = Questions(config, note)
        deque(questions, maxlen=0)
        return questions.count, questions.constraints
    note(f"{file} has {count:,} rows, which are counted and not read, and so are those that a run leaves out")
    lengths = [n for _, n in islice(iter_seed_questions(file), LARGE)] if config.instructions else []
    return count, sum(lengths) / len(lengths) if lengths else None


def questions_file(config: Config) -> Path:
    """Where the questions of a config are. Raises UsageError without one."""
    file = config.instructions or config.seeds
    if file is None:
        raise UsageError("no seeds: give --seeds FILE, or set `seeds` in the config")
    return Path(file)
