"""What each role trains on: tasks, their prompts, the order in which they are read, and how many steps that makes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from seif.config import Config, Template
from seif.engines.base import Messages
from seif.errors import UsageError
from seif.instructions import read_instructions
from seif.roles import follower, instructor
from seif.scoring import item_seed
from seif.self_supervised import curriculum
from seif.self_supervised.general import Question, load_questions
from seif.types import Instruction

Task = Instruction | Question
Fitting = Callable[[list[Messages]], list[int]]
"""Numbers of the prompts that are short enough."""


def instructor_steps(config: Config, seeds: int) -> int:
    """Steps of one Instructor turn: whole batches of seeds, times epochs; at least one."""
    if config.instructor.steps is not None:
        return config.instructor.steps
    return max(1, seeds // config.instructor.grpo.prompts_per_step) * config.instructor.epochs


def follower_epochs(config: Config, turn: int) -> int:
    """Epochs of the Follower in `turn`; the last one given repeats."""
    return config.follower.epochs[min(turn, len(config.follower.epochs)) - 1]


def follower_steps(config: Config, turn: int, instructions: int) -> int:
    """Steps of one Follower turn."""
    if config.follower.steps is not None:
        return config.follower.steps
    return max(1, instructions // config.follower.grpo.prompts_per_step) * follower_epochs(config, turn)


@dataclass(frozen=True)
class InstructorData:
    """One prompt per seed question."""

    seeds: Sequence[str]
    templates: list[Template]
    prompts: list[Messages]
    steps: int


def instructor_data(config: Config, turn: int, seeds: Sequence[str]) -> InstructorData:
    """Every seed question with the template that this turn draws for it."""
    templates = [
        instructor.choose_template(config.instructor.templates, config.seed, turn, i) for i in range(len(seeds))
    ]
    prompts = [instructor.messages(config.prompts, t, s) for t, s in zip(templates, seeds, strict=True)]
    return InstructorData(seeds, templates, prompts, instructor_steps(config, len(seeds)))


@dataclass(frozen=True)
class FollowerData:
    """Instructions, level after level where there is a curriculum, then general questions."""

    tasks: list[Task]
    prompts: list[Messages]
    steps: int
    order: tuple[int, ...]
    """The rows of all steps, where they are not plainly shuffled; empty where they are."""
    in_levels: bool
    """Whether the curriculum goes from level to level."""
    too_long: int
    """Tasks that were left out."""


@dataclass(frozen=True)
class _Row:
    """A task with its prompt; `level` counts the curriculum's groups from 0, None for a general question."""

    task: Task
    prompt: Messages
    level: int | None


def follower_data(config: Config, turn: int, instructions: Path, fitting: Fitting) -> FollowerData:
    """The Follower's tasks of a turn, those whose prompts are `fitting`.

    Raises UsageError when no instruction or no question is left.
    """
    settings = config.self_supervised
    groups = curriculum.groups(read_instructions(instructions), settings.curriculum)
    questions = load_questions(Path(settings.general.train)) if settings.general.train else []
    everything = [
        *(_row(config, task, level) for level, group in enumerate(groups) for task in group),
        *(_row(config, question, None) for question in questions),
    ]
    rows = [everything[i] for i in fitting([row.prompt for row in everything])]
    own = sum(row.level is not None for row in rows)
    if not own or (questions and own == len(rows)):
        what = "question of self_supervised.general" if own else f"instruction of {instructions}"
        raise UsageError(f"every {what} is longer than max_prompt_tokens={config.follower.grpo.max_prompt_tokens}")
    steps = follower_steps(config, turn, round(own / (1 - settings.general.share)) if questions else own)
    order = _order(config, turn, rows, steps) if len(groups) > 1 or questions else ()
    return FollowerData(
        [r.task for r in rows], [r.prompt for r in rows], steps, order, len(groups) > 1, len(everything) - len(rows)
    )


def _row(config: Config, task: Task, level: int | None) -> _Row:
    asked = task if isinstance(task, Instruction) else task.instruction
    return _Row(task, follower.messages(config.prompts, asked, config.follower.format), level)


def _order(config: Config, turn: int, rows: Sequence[_Row], steps: int) -> tuple[int, ...]:
    """Levels one after another, and general questions in every batch."""
    levels: dict[int, list[int]] = {}
    general = []
    for number, row in enumerate(rows):
        if row.level is None:
            general.append(number)
        else:
            levels.setdefault(row.level, []).append(number)
    seed = item_seed(config.seed, turn, "curriculum")
    share, per_step = config.self_supervised.general.share, config.follower.grpo.prompts_per_step
    return tuple(curriculum.data_order(list(levels.values()), general, share, per_step, steps, seed))
