"""What is checked before models are loaded, so that a mistake shows in seconds and not after hours."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from seif.chat import chat_format
from seif.config import Config
from seif.engines.quiet import quiet
from seif.errors import UsageError
from seif.quantities import quantity

if TYPE_CHECKING:
    from seif.engines.precision import Precision
    from seif.metrics import Role
    from seif.tables import StoredTexts


LARGE = 20_000
"""Rows of a file from which on a plan counts them and does not read them."""


def iter_questions(config: Config, note: Callable[[str], None]) -> Iterator[str]:
    """The seed questions of a config, or those of its instructions, less those that overlap with held-out or benchmark
    prompts.

    `note` gets, at the end, a line about each file that they overlap with. Raises UsageError for files that can't be
    used.
    """
    from seif.evaluation.overlap import LeftOut
    from seif.seeds import distinct, iter_seeds, seed_column
    from seif.text_rows import PROMPT

    file = _questions_file(config)
    if config.instructions is not None:
        asked = distinct(lambda: seeds_of(file))
    else:
        column = seed_column(file, config.seeds_column)
        if column != PROMPT:
            note(f"the seeds of {file} are its column `{column}`")
        asked = iter_seeds(file, column)
    kept_apart = (config.held_out, config.held_out_types, config.audit, *config.benchmark_prompts)
    overlapping = LeftOut(map(Path, filter(None, kept_apart)))
    yield from overlapping.filter(asked)
    for line in overlapping.lines():
        note(line)


def store_questions(questions: Iterable[str], path: Path) -> StoredTexts:
    """Seed questions as a parquet file, from which they are read as they are needed."""
    from seif.atomic import write_atomically
    from seif.tables import StoredTexts

    write_atomically(path, lambda partial: StoredTexts.write(partial, "prompt", questions))
    return StoredTexts(path)


def seeds_of(instructions: Path) -> Iterator[str]:
    """The seed question of each instruction of a file."""
    from seif.instructions import iter_instructions

    return (x.seed for x in iter_instructions(instructions))


def count_questions(config: Config, note: Callable[[str], None]) -> tuple[int, float | None]:
    """How many seed questions a run would have, and how many constraints the config's own instructions have on
    average; None where it has none.

    The rows of a large file are counted alone, which `note` says. Raises UsageError as `iter_questions` does.
    """
    from seif.instructions import iter_instructions
    from seif.tables import count_rows

    file = _questions_file(config)
    count = count_rows(file)
    lengths = [len(x.constraints) for x in islice(iter_instructions(file), LARGE)] if config.instructions else []
    mean = sum(lengths) / len(lengths) if lengths else None
    if count <= LARGE:
        return sum(1 for _ in iter_questions(config, note)), mean
    note(
        f"{file} has {count:,} rows, which are counted and not read: a run refuses repeated seeds, "
        "and leaves out those that overlap with held-out and benchmark prompts"
    )
    return count, mean


def _questions_file(config: Config) -> Path:
    file = config.instructions or config.seeds
    if file is None:
        raise UsageError("no seeds: give --seeds FILE, or set `seeds` in the config")
    return Path(file)


def settle(config: Config, work: Path | None = None) -> tuple[Config, Precision]:
    """The config with every `auto` type filled in, and why; a stage that was begun in the directory `work` keeps its
    type.

    Raises UsageError for a type that this machine can't compute in.
    """
    from seif.engines.precision import resolve
    from seif.training.checkpoints import dtype_of

    return resolve(config, dtype_of(work) if work else None)


def check_names(config: Config) -> None:
    """Raises UsageError for prompts, trackers, suites, constraint types, a chat format and a model directory that are
    not there, and for types that are asked for and held out; loads no model."""
    from seif.engines.adapter import base_of
    from seif.evaluation.suites import check_suites
    from seif.roles.templates import check_prompts
    from seif.tracking import check_trackers

    chat_format(config.chat)
    check_prompts(config.prompts)
    check_trackers(config.report_to)
    check_suites(config)
    check_types(config)
    base = base_of(config.model)
    if (Path(base).is_absolute() or base.startswith(".")) and not Path(base).is_dir():
        raise UsageError(f"no model directory at {base}; give a checkpoint directory or a hub id")


def check_types(config: Config) -> None:
    """Raises UsageError for an id in `instructor.types` that no rule checks, or that is in `held_out_types`."""
    from seif.constraints import TYPES
    from seif.instructions import types_in

    asked = config.instructor.types
    for name in asked:
        if name not in TYPES or not TYPES.get(name).hard:
            raise UsageError(f"instructor.types: {name!r} is no type that a rule checks; docs/types.md lists them")
    held_out = types_in(config.held_out_types) if asked else frozenset()
    for name in asked:
        if name in held_out:
            raise UsageError(f"instructor.types: {name} is in held_out_types; remove it from one of the two")


def check_apart(config: Config) -> None:
    """Raises UsageError where a question of `audit`, which steers the run, is also held out."""
    from seif.instructions import iter_instructions

    if config.audit is None:
        return
    questions = set(seeds_of(Path(config.audit)))
    for key, file in (("held_out", config.held_out), ("held_out_types", config.held_out_types)):
        shared = questions & {x.seed for x in iter_instructions(Path(file))} if file else set()
        if shared:
            raise UsageError(
                f"audit and {key} share {quantity(len(shared), 'question')}; give audit others, because it steers the "
                "run"
            )


def preflight(
    config: Config, prompts: Iterable[str], *others: str | None, trains: bool = False, asks: bool = True
) -> None:
    """Everything that can be checked before hours are spent; `others` are further checkpoints that the command uses.

    `asks`: whether engines are asked anything beside what is trained.
    """
    from seif import models
    from seif.engines.checkpoint import check_checkpoint
    from seif.engines.memory import freeze_libraries
    from seif.evaluation.held_out import load_tasks
    from seif.lengths import check_seeds

    check_names(config)
    quiet()
    check_checkpoint(config.model, chat_format(config.chat), weights=trains or not models.served(config, config.model))
    if trains:
        import seif.training.grpo  # noqa: F401  what training stands on, before it is frozen below
        from seif.distributed.devices import check_devices
        from seif.training.arguments import check_settings
        from seif.training.lora import check_start

        check_settings(config.instructor.grpo)
        check_settings(config.follower.grpo)
        check_devices(config)
        check_start(config.model, config.lora)
        check_frozen_roles_fit(config)
    for other in others:
        if other is not None and not models.served(config, other):
            check_checkpoint(other)
    for file in filter(None, (config.held_out, config.held_out_types, config.audit)):
        load_tasks(Path(file))
    check_apart(config)
    _check_self_supervised(config, trains)
    check_seeds(config, prompts)
    if asks or (trains and config.samples_on_servers):
        models.check_engine(config)
    freeze_libraries()


def check_classifier_is_given(config: Config) -> None:
    """Raises UsageError where a turn of a run would train the classifier that judges, and there is none."""
    if config.trains_reward_model:
        raise UsageError(
            "a classifier judges: name it with --set self_supervised.reward_model.checkpoint=DIR, or url=URL"
        )


def check_one_stage(role: Role, config: Config) -> None:
    """Raises UsageError for what goes by other stages of a run, which there are none of where one role is trained."""
    check_classifier_is_given(config)
    asked = {"judger.weights=base": config.judger.weights == "anchored"}
    if role == "instructor":
        asked["instructor.archive_penalty=0"] = config.instructor.archive_penalty > 0
        asked["instructor.allocation=even"] = config.instructor.allocation == "bandit"
    else:
        asked["follower.replay=0"] = config.follower.replay > 0
        asked["follower.hindsight=false"] = config.follower.hindsight
    for setting, is_set in asked.items():
        if is_set:
            key = setting.partition("=")[0]
            raise UsageError(f"{key} goes by the turns before, and seif train {role} has none; give --set {setting}")


def check_frozen_roles_fit(config: Config) -> None:
    """Raises UsageError where Filter, answerer and Judger run in process and their weights, beside those that are
    trained, are more than the first device's memory.

    Weights alone are counted, so what passes may still need more (`seif plan` estimates all of it).
    """
    from seif.distributed.devices import group_of
    from seif.engines.architecture import sizes
    from seif.engines.devices import this_device
    from seif.footprint import Group, training_footprint
    from seif.judges import judging_kind

    asks = judging_kind(config).uses_model or config.filter.model
    model = sizes(config.model) if asks and config.engine.kind == "local" else None
    if model is None:
        return
    device, group = this_device(), group_of(config, "follower")
    needs = training_footprint(model, config, device.compute, Group(group.world, config.sharding))
    # Processes on GPUs have one each; on a CPU they share its memory.
    sharing = 1 if device.gpu else group.per_node
    trained = sharing * (needs.weights + needs.reference + needs.rollouts)
    if needs.frozen and trained + needs.frozen > device.memory:
        raise UsageError(
            f"the frozen roles need {needs.frozen / 1e9:,.0f} GB on the first device, beside {trained / 1e9:,.0f} GB "
            f"of what is trained, and {device.name} has {device.gigabytes}; set engine.kind: vllm, or train adapters "
            "(lora.r=16)"
        )


def _check_self_supervised(config: Config, trains: bool) -> None:
    """What can be checked early about the reward model, its labels, and the general questions."""
    from seif.self_supervised import curriculum
    from seif.self_supervised.general import load_questions

    settings = config.self_supervised
    for file in filter(None, (settings.general.train, settings.general.held_out)):
        load_questions(Path(file))
    curriculum.check_soft_types(settings.soft_types)
    if config.judging_model != "classifier":
        return
    from seif.self_supervised.classifier import Service
    from seif.self_supervised.scorer import check_base, check_classifier

    model = settings.reward_model
    if model.url:
        Service(model.url).check()
    elif model.checkpoint:
        check_classifier(model.checkpoint)
    elif trains:
        check_base(model.base or config.model, model.max_length)
        if config.instructions is not None:
            from seif.instructions import read_instructions

            curriculum.check_some_are_soft(read_instructions(Path(config.instructions)), curriculum.soft(config))


def files_of(config: Config) -> tuple[str | None, ...]:
    """The files that a config names, which a command reads and must not overwrite."""
    general = config.self_supervised.general
    named = (config.seeds, config.instructions, config.held_out, config.held_out_types, config.audit)
    return (*named, general.train, general.held_out, *config.benchmark_prompts, *config.plugins)
