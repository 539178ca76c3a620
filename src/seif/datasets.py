"""What each role trains on: the tasks that its steps read, their prompts, their order, and how many steps that makes.

Files may hold more than memory does: they are read one instruction after the other, and of each only its place is kept
until the order says which are read.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path

from seif.allocation import Allocation, Ask
from seif.config import Config
from seif.engines.base import Messages
from seif.errors import UsageError
from seif.instructions import iter_instructions
from seif.metrics import Role
from seif.replay import EarlierTurn, returned, substituted
from seif.roles import follower, instructor
from seif.scoring import item_seed
from seif.self_supervised import curriculum
from seif.self_supervised.general import Question, load_questions
from seif.training.data import data_order
from seif.types import Instruction

Task = Instruction | Question
Fitting = Callable[[Iterable[Messages]], Iterable[bool]]
"""Of each prompt, in order, whether it is short enough."""


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


def training_seed(config: Config, turn: int, role: Role) -> int:
    """The seed of a role's training in a turn: of its updates, and of the order in which it reads."""
    return item_seed(config.seed, turn, role) % (1 << 31)


@dataclass(frozen=True)
class InstructorData:
    """The seed questions that the Instructor's steps read, one prompt each."""

    seeds: Sequence[str]
    asks: list[Ask]
    prompts: list[Messages]
    steps: int
    order: tuple[int, ...]
    """The rows of all steps."""


def instructor_data(config: Config, turn: int, seeds: Sequence[str], outcomes: Sequence[Path] = ()) -> InstructorData:
    """The seed questions that are read, each with what this turn asks for it; `outcomes` are the files of the turns
    before."""
    steps = instructor_steps(config, len(seeds))
    seed = training_seed(config, turn, "instructor")
    places, order = _read(data_order(len(seeds), config.instructor.grpo.prompts_per_step, steps, seed))
    allocation = Allocation.after(config, turn, outcomes)
    asks = [allocation.ask(i) for i in places]
    read = [seeds[i] for i in places]
    prompts = [instructor.messages(config.prompts, a.template, s, a.types) for a, s in zip(asks, read, strict=True)]
    return InstructorData(read, asks, prompts, steps, order)


@dataclass(frozen=True)
class FollowerData:
    """The instructions that the Follower's steps read, level after level where there is a curriculum, then general
    questions."""

    tasks: list[Task]
    prompts: list[Messages]
    steps: int
    order: tuple[int, ...]
    """The rows of all steps."""
    in_levels: bool
    """Whether the curriculum goes from level to level."""
    too_long: int
    """Tasks of the whole file that were left out."""
    replayed: frozenset[int] = frozenset()
    """Rows of instructions of earlier pools."""
    relabelled: frozenset[int] = frozenset()
    """Rows of instructions that lost the constraints in which they had failed."""


def follower_data(
    config: Config, turn: int, instructions: Path, fitting: Fitting, earlier: Sequence[EarlierTurn] = ()
) -> FollowerData:
    """The Follower's tasks of a turn after the `earlier` ones, oldest first, of those whose prompts are `fitting`.

    Raises UsageError when no instruction or no question is left.
    """
    grpo, share = config.follower.grpo, config.self_supervised.general.share
    pool = _Pool(config, instructions, fitting)
    if not pool.own or (pool.asks and not pool.questions):
        what = "question of self_supervised.general" if pool.own else f"instruction of {instructions}"
        raise UsageError(f"every {what} is longer than max_prompt_tokens={grpo.max_prompt_tokens}")
    steps = follower_steps(config, turn, round(pool.own / (1 - share)) if pool.asks else pool.own)
    if pool.in_levels or pool.asks:
        seed = item_seed(config.seed, turn, "curriculum")
        general = range(pool.own, pool.own + len(pool.questions))
        rows = curriculum.data_order(pool.groups(), general, share, grpo.prompts_per_step, steps, seed)
    else:
        rows = data_order(pool.own, grpo.prompts_per_step, steps, training_seed(config, turn, "follower"))

    def fits(again: Sequence[Instruction]) -> Iterable[bool]:
        return fitting(_prompt(config, x) for x in again)

    places = sum(row < pool.own for row in rows)
    back = returned(config.follower, earlier, places, item_seed(config.seed, turn, "returned"), fits)
    # Instructions that come back are numbered after the pool's tasks.
    first = pool.own + len(pool.questions)
    second = first + len(back.replayed)
    rows = substituted(rows, pool.own, range(first, second))
    rows = substituted(rows, pool.own, range(second, second + len(back.relabelled)))
    read, order = _read(rows)
    start, middle = bisect_left(read, first), bisect_left(read, second)
    tasks = [*pool.tasks(instructions, read[:start]), *back.replayed, *back.relabelled]
    return FollowerData(
        tasks,
        [_prompt(config, t) for t in tasks],
        steps,
        order,
        pool.in_levels,
        pool.too_long,
        frozenset(range(start, middle)),
        frozenset(range(middle, len(tasks))),
    )


def _read(rows: Sequence[int]) -> tuple[list[int], tuple[int, ...]]:
    """The rows that are read at all, from first to last, and `rows` as places among them."""
    read = sorted(set(rows))
    place = {row: i for i, row in enumerate(read)}
    return read, tuple(place[row] for row in rows)


def _prompt(config: Config, task: Task) -> Messages:
    asked = task if isinstance(task, Instruction) else task.instruction
    return follower.messages(config.prompts, asked, config.follower.format)


class _Pool:
    """The tasks that are short enough, by number: the instructions of each level, then general questions.

    Of an instruction it keeps the place in its file alone; without a curriculum all are whole and of level 0.
    """

    def __init__(self, config: Config, instructions: Path, fitting: Fitting) -> None:
        general = config.self_supervised.general.train
        self._curriculum = config.self_supervised.curriculum
        self._levels: dict[int, array[int]] = {}
        self.questions: list[Question] = []
        self.too_long = 0
        everything = load_questions(Path(general)) if general else []
        self.asks = bool(everything)
        """Whether there are general questions, short enough or not."""
        waiting: deque[tuple[int, int]] = deque()

        def prompts() -> Iterator[Messages]:
            for place, instruction in enumerate(iter_instructions(instructions)):
                for level in self._levels_of(instruction):
                    self._levels.setdefault(level, array("q"))
                    waiting.append((level, place))
                    yield _prompt(config, _cut(instruction, level))
            if not self._levels:
                raise curriculum.empty_level(place + 1, 0)
            for place, question in enumerate(everything):
                waiting.append((_QUESTION, place))
                yield _prompt(config, question)

        for fits in fitting(prompts()):
            level, place = waiting.popleft()
            if not fits:
                self.too_long += 1
            elif level == _QUESTION:
                self.questions.append(everything[place])
            else:
                self._levels[level].append(place)
        self.in_levels = self._curriculum == "in_order" and len(self._levels) > 1

    @property
    def own(self) -> int:
        """How many tasks are instructions."""
        return sum(map(len, self._levels.values()))

    def groups(self) -> list[range]:
        """The numbers of the instructions that are fed one group after the other."""
        if not self.in_levels:
            return [range(self.own)]
        ends = [0, *accumulate(len(places) for _, places in sorted(self._levels.items()))]
        return [range(start, end) for start, end in pairwise(ends) if start < end]

    def tasks(self, instructions: Path, numbers: Sequence[int]) -> list[Task]:
        """The tasks of these numbers, which are in order."""
        wanted: dict[int, list[tuple[int, int]]] = {}
        found: dict[int, Task] = {}
        start = 0
        for level, places in sorted(self._levels.items()):
            for number in numbers[bisect_left(numbers, start) : bisect_left(numbers, start + len(places))]:
                wanted.setdefault(places[number - start], []).append((number, level))
            start += len(places)
        for place, instruction in zip(sorted(wanted), iter_instructions(instructions, wanted), strict=True):
            found.update((number, _cut(instruction, level)) for number, level in wanted[place])
        found.update((number, self.questions[number - start]) for number in numbers if number >= start)
        return [found[number] for number in numbers]

    def _levels_of(self, instruction: Instruction) -> Iterable[int]:
        return (_WHOLE,) if self._curriculum == "none" else range(1, len(instruction.constraints) + 1)


_WHOLE, _QUESTION = 0, -1


def _cut(instruction: Instruction, level: int) -> Instruction:
    return instruction if level == _WHOLE else curriculum.cut(instruction, level)
