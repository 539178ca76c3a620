"""What is checked before models are loaded, so that a mistake shows in seconds and not after hours."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from seif.chat import chat_format
from seif.config import Config
from seif.engines.quiet import quiet
from seif.errors import UsageError
from seif.quantities import quantity
from seif.questions import LARGE, Questions, questions_file, seeds_of

if TYPE_CHECKING:
    from seif.engines.precision import Precision
    from seif.metrics import Role


class _Place(Enum):
    """Where what is checked will run."""

    HERE = "here"
    """On this machine, which may ask the hub for a model."""
    OFFLINE = "offline"
    """On this machine, but now nothing is asked of the hub."""
    ANY = "any"
    """Perhaps on another machine, where the weights are."""

    def has(self, model: str) -> bool:
        """Whether a checkpoint is to be checked now."""
        if self is _Place.HERE:
            return True
        weights_are_elsewhere = (
            self is _Place.ANY and Path(model).is_dir() and not any(Path(model).glob("*.safetensors"))
        )
        return not on_the_hub(model) and not weights_are_elsewhere


def check_plan(
    config: Config, note: Callable[[str], None], progress: Callable[[str], None], elsewhere: bool = False
) -> Questions:
    """What a run checks at its start, less what needs the network, and less the machine's devices and memory. Returns
    the config's questions, counted.

    Of a large file only some questions are compared with held-out and benchmark prompts, which `note` says; all else
    is checked for every row. `progress` hears now and then how far that is. `elsewhere`: the plan is for another
    machine, where the weights are that are missing here. Raises UsageError as a run does.
    """
    from seif.tables import count_rows

    rows = count_rows(questions_file(config))
    every = max(1, rows // LARGE)
    if every > 1:
        note(
            f"{questions_file(config)} has {rows:,} rows, of which one in {every} is compared with held-out and "
            "benchmark prompts; so the number of questions is an estimate"
        )
    questions = Questions(config, note, every, progress)
    read = iter(questions)
    where = _Place.ANY if elsewhere else _Place.OFFLINE
    check_inputs(config, read, config.judger.checkpoint, trains=True, place=where)
    # Where no tokenizer is here to count them, they are still to be read.
    deque(read, maxlen=0)
    return questions


def settle(config: Config, work: Path | None = None) -> tuple[Config, Precision]:
    """The config with every `auto` type filled in, and why; a stage that was begun in the directory `work` keeps its
    type.

    Raises UsageError for a type that this machine can't compute in.
    """
    from seif.engines.precision import resolve
    from seif.training.checkpoints import dtype_of

    return resolve(config, dtype_of(work) if work else None)


def check_names(config: Config) -> None:
    """Raises UsageError for prompts, trackers, suites, constraint types, an attention, a chat format and a model
    directory that are not there, and for types that are asked for and held out; loads no model."""
    from seif.engines.adapter import base_of
    from seif.engines.attention import check_attention
    from seif.evaluation.suites import check_suites
    from seif.roles.templates import check_prompts
    from seif.tracking import check_trackers

    chat_format(config.chat)
    check_attention(config.attn_implementation)
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
        if TYPES.get(name).benchmark:
            raise UsageError(f"instructor.types: {name} is a type of {TYPES.get(name).benchmark}; remove it")
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
    from seif.engines.memory import freeze_libraries

    check_inputs(config, prompts, *others, trains=trains)
    check_machine(config, trains, asks)
    freeze_libraries()


def check_inputs(
    config: Config,
    prompts: Iterable[str],
    *others: str | None,
    trains: bool = False,
    place: _Place = _Place.HERE,
) -> None:
    """What `preflight` checks of the config, of the checkpoints and of the files that it names."""
    from seif import models
    from seif.distributed.devices import check_batches
    from seif.engines.checkpoint import check_checkpoint
    from seif.evaluation.held_out import load_tasks
    from seif.lengths import check_seeds
    from seif.training.lora import check_start

    check_names(config)
    if trains:
        check_batches(config)
    quiet()
    model_is_here = place.has(config.model)
    if model_is_here:
        loaded = trains or not models.served(config, config.model)
        check_checkpoint(config.model, chat_format(config.chat), weights=loaded)
    if trains:
        _check_training_settings(config)
        if model_is_here:
            check_start(config.model, config.lora)
    for other in others:
        if other is not None and not models.served(config, other) and place.has(other):
            check_checkpoint(other)
    for file in filter(None, (config.held_out, config.held_out_types, config.audit)):
        load_tasks(Path(file))
    check_apart(config)
    _check_self_supervised(config, trains, place)
    if model_is_here:
        check_seeds(config, prompts)


def check_machine(config: Config, trains: bool, asks: bool = True) -> None:
    """What `preflight` checks of this machine, and of the servers that it can reach."""
    from seif import models

    if trains:
        import seif.training.grpo  # noqa: F401  what training stands on, before libraries are frozen

        check_devices_and_memory(config)
    if config.judging_model == "classifier" and config.self_supervised.reward_model.url:
        from seif.self_supervised.classifier import Service

        Service(config.self_supervised.reward_model.url).check()
    if asks or (trains and config.samples_on_servers):
        models.check_engine(config)


def check_devices_and_memory(config: Config) -> None:
    """Raises UsageError where this machine lacks the devices, the launcher or the memory for what is trained."""
    from seif.distributed.devices import check_devices

    check_devices(config)
    check_frozen_roles_fit(config)


def on_the_hub(model: str) -> bool:
    """Whether `model` is no folder here but may be the id of a model of the hub: a name, or OWNER/NAME."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    from seif.engines.adapter import base_of

    base = base_of(model)
    if Path(base).exists() or Path(base).is_absolute() or base.startswith("."):
        return False
    try:
        validate_repo_id(base)
    except HFValidationError:
        return False
    return True


def _check_training_settings(config: Config) -> None:
    """Raises UsageError for settings of TRL's that can't be set."""
    for grpo in (config.instructor.grpo, config.follower.grpo):
        # TRL takes seconds to be imported, and has nothing to say of what seif itself sets.
        if grpo.extra:
            from seif.training.arguments import check_settings

            check_settings(grpo)


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


def _check_self_supervised(config: Config, trains: bool, place: _Place) -> None:
    """What can be checked early about the reward model, its labels, and the general questions."""
    from seif.self_supervised import curriculum
    from seif.self_supervised.general import load_questions

    settings = config.self_supervised
    for file in filter(None, (settings.general.train, settings.general.held_out)):
        load_questions(Path(file))
    curriculum.check_soft_types(settings.soft_types)
    if config.judging_model != "classifier":
        return
    from seif.self_supervised.scorer import check_base, check_classifier

    model = settings.reward_model
    start = model.checkpoint or model.base or config.model
    here = place.has(start)
    if model.checkpoint and here:
        check_classifier(start)
    elif trains and not model.given:
        if here:
            check_base(start, model.max_length)
        if config.instructions is not None:
            from seif.instructions import read_instructions

            curriculum.check_some_are_soft(read_instructions(Path(config.instructions)), curriculum.soft(config))


def files_of(config: Config) -> tuple[str | None, ...]:
    """The files that a config names, which a command reads and must not overwrite."""
    general = config.self_supervised.general
    named = (config.seeds, config.instructions, config.held_out, config.held_out_types, config.audit)
    return (*named, general.train, general.held_out, *config.benchmark_prompts, *config.plugins)
