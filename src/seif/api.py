"""The functions behind `import seif` and behind the commands. They raise SeifError, print nothing and never exit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from seif.artifacts import Beside, RunDir
from seif.atomic import hold, read_json
from seif.config import Config
from seif.config_file import load_config as read_config
from seif.constraints.compiler import compile_text
from seif.constraints.conflict import Conflict
from seif.constraints.conflicts import explain
from seif.constraints.verifiers import verify as check
from seif.errors import UsageError
from seif.evaluation.results import Evaluation, GenerationNumbers, SuiteResult
from seif.extensions import load_extensions
from seif.judges import Judgement, judging_kind
from seif.judging import Response, judge_each
from seif.lengths import (
    check_instructor_seeds,
    check_prompts,
    check_tasks,
)
from seif.listener import SILENT, Listener
from seif.manifest import describe
from seif.outputs import check_apart, check_new
from seif.pipeline import FileLog
from seif.planning.machine import THIS_MACHINE, Machine
from seif.preflight import (
    check_classifier_is_given,
    check_devices_and_memory,
    check_one_stage,
    check_plan,
    files_of,
    preflight,
    settle,
)
from seif.progress import Progress
from seif.questions import LARGE, iter_questions, seeds_of, store_questions
from seif.repair import set_aside_damage
from seif.results import Estimate, Generation, Plan, Run, read_run
from seif.suite_run import NO_OPTIONS, SuiteOptions, run_each
from seif.tracking import open_tracker
from seif.types import Constraint

ConfigLike = Config | str | Path
"""A config, or where it is: a YAML file, or the name of a shipped one."""


def load_config(path: str | Path | None = None, overrides: Sequence[str] = (), **keys: Any) -> Config:
    """A config: a YAML file, or the paper's settings without one, with its plugins loaded and its names checked.

    `overrides` are `dotted.key=value` with YAML values, `keys` top-level keys such as model or seeds; a path among
    them is relative to the working directory. Raises UsageError, in one line with the fix.
    """
    if isinstance(overrides, str):
        raise UsageError(f"overrides are a list, e.g. [{overrides!r}]")
    if isinstance(overrides, Mapping):
        raise UsageError("overrides are a list of texts, e.g. ['turns=1']; top-level keys may also be given as turns=1")
    return load_extensions(read_config(None if path is None else Path(path), list(overrides), **keys))


def _loaded(config: ConfigLike) -> Config:
    """The config itself, or what `load_config` makes of a file or a shipped name. Raises UsageError."""
    if isinstance(config, Config):
        return config
    if isinstance(config, str | Path):
        return load_config(config)
    raise UsageError(f"a config is a Config, a path or a shipped name, not {type(config).__name__}; see load_config")


def _path(path: str | Path | None) -> Path | None:
    return None if path is None else Path(path)


def plan(config: ConfigLike, listener: Listener = SILENT, machine: Machine = THIS_MACHINE) -> Plan:
    """What a run would do; no model is loaded, and no server is asked. Where `machine` is another than this one, the
    weights of a model need not be here.

    Raises UsageError for what a run would refuse at its start; what it would refuse of this machine's devices is noted.
    """
    from seif import loop

    config = _loaded(config)
    elsewhere = machine.gpu is not None or machine.rates is not None
    questions = check_plan(config, listener.note, listener.progress, elsewhere)
    if questions.count <= LARGE:
        check_prompts(config, lambda: iter_questions(config, lambda line: None))
    if not elsewhere:
        try:
            check_devices_and_memory(config)
        except UsageError as error:
            listener.note(f"this machine would refuse the run: {error}")
    return loop.plan(config, questions.count, questions.constraints)


def estimate(config: ConfigLike, machine: Machine = THIS_MACHINE, listener: Listener = SILENT) -> Estimate | None:
    """Hours and memory of a run, by arithmetic. None where the model's sizes are not known, which is noted.

    Raises UsageError as `plan` does, and for a device, a file of rates or a price that is none.
    """
    from seif.planning.forecast import forecast

    config = _loaded(config)
    return forecast(config, plan(config, listener, machine), machine, listener.note)


def run(config: ConfigLike, run_dir: str | Path, listener: Listener = SILENT) -> Run:
    """Run or resume all turns in `run_dir`.

    With several `nodes` every one makes this call; all but the first take part in the training and wait. Raises
    UsageError for what the user can fix, and when the directory holds a run of another config; RunError for what
    broke, after which the same call resumes.
    """
    from seif import loop
    from seif.distributed.nodes import controlling, join, node_rank
    from seif.engines.precision import resolve

    config = _loaded(config)
    root = RunDir(Path(run_dir))
    node = node_rank(config)
    if node > 0:
        listener.info(f"node {node} of {config.nodes}: node 0 logs")
        join(resolve(config)[0], root, node)
        return load_run(run_dir)
    check_apart([root.seeds, root.report], files_of(config), option="--run-dir")
    with root.locked():
        questions = store_questions(iter_questions(config, listener.note), root.seeds)
        settled, precision = resolve(config, root.manifest().dtype)
        listener.info(str(precision))
        # A first start is checked before the config is written down, so that a mistake does not use up the directory.
        if root.started():
            root.check(config, describe(config, asdict(precision)))
            for line in set_aside_damage(root, config):
                listener.note(line)
        preflight(settled, questions, config.judger.checkpoint, trains=True)
        check_tasks(settled)
        if config.instructions is None:
            check_instructor_seeds(settled, questions)
        root.open(config, describe(config, asdict(precision)))
        progress = Progress(listener.console, config.turns)
        try:
            with controlling(settled, root) as nodes:
                loop.run(settled, root, questions, progress, nodes)
        finally:
            progress.close()
    return load_run(run_dir)


def load_run(path: str | Path) -> Run:
    """Where a run is, and its numbers so far. Raises UsageError when `path` is no run directory."""
    return read_run(RunDir(Path(path)))


def write_report(path: str | Path) -> Path:
    """Write the page `report.html` of the run in `path` anew, and return where it is.

    Raises UsageError when `path` is no run directory, and for a plugin of the run that can't be loaded.
    """
    from seif.report import page

    root = RunDir(Path(path))
    page.write_report(root)
    return root.report


def generate(
    config: ConfigLike, out: str | Path, filter_model: str | None = None, listener: Listener = SILENT
) -> Generation:
    """Let `config.model` write constraints for every seed, and the Filter drop contradictory ones: `filter_model`, by
    default `judger.checkpoint` or else the same model. Where the config wants probes, `config.model` answers them, and
    the Filter's model judges.

    `out` (parquet, the released schema) must not exist; the same call goes on after a kill. Raises UsageError and
    RunError.
    """
    from seif import stages
    from seif.models import JudgeWeights

    config, target = _loaded(config), Path(out)
    stats = Beside(target).stats
    check_new(target, files_of(config), beside=[stats], unfinished=Beside(target).unfinished)
    if config.instructor.probes:
        check_classifier_is_given(config)
    checking = filter_model or config.judger.checkpoint
    with hold(Beside(target).lock, f"another seif generate is writing {target}; wait for it or choose another --out"):
        questions = store_questions(iter_questions(config, listener.note), Beside(target).parts / "seeds.parquet")
        settled, precision = settle(config, Beside(target).parts)
        listener.info(str(precision))
        preflight(settled, questions, checking)
        check_instructor_seeds(settled, questions)
        request = stages.GenerationRequest(
            turn=1,
            writer=config.model,
            filter_model=checking or config.model,
            answerer=config.model,
            judge=JudgeWeights(checking or config.model),
            seeds=questions,
            out=target,
            stats=stats,
        )
        stages.generate(settled, request)
    numbers = GenerationNumbers.from_json(read_json(stats), stats)
    return Generation(target, numbers.pool.instructions, numbers.parsable or 0.0)


def train(
    role: Literal["instructor", "follower"],
    config: ConfigLike,
    instructions: str | Path,
    out: str | Path,
    judge_model: str | None = None,
    listener: Listener = SILENT,
) -> Path:
    """Train one role by GRPO from `config.model`, and return where the model is; the same call resumes after a kill.

    The Instructor trains on the instructions' seed questions. `judge_model` plays the frozen roles, by default
    `judger.checkpoint` or else the model itself. `out` must not exist. Raises UsageError and RunError.
    """
    from seif import stages
    from seif.distributed.launch import Launcher
    from seif.models import JudgeWeights
    from seif.seeds import distinct

    config, file, target = _loaded(config), Path(instructions), Path(out)
    kept = Beside(target)
    check_new(target, (file, *files_of(config)), beside=[kept.metrics], unfinished=kept.unfinished)
    check_one_stage(role, config)
    given = judge_model or config.judger.checkpoint
    settled, precision = settle(config, Beside(target).checkpoints)
    listener.info(str(precision))
    # The weights `judge_model` also answer what an Instructor writes; a Follower is only judged.
    asks = role == "instructor" or judging_kind(settled).uses_model
    preflight(settled, seeds_of(file), given if asks else None, trains=True, asks=asks)
    progress = Progress(listener.console)
    model, frozen = config.model, given or config.model
    with (
        hold(Beside(target).lock, f"another seif train is writing {target}; wait for it or choose another --out"),
        open_tracker(config.report_to, Beside(target).tracking, config.model_dump(mode="json")) as tracker,
    ):
        log = FileLog(target, progress, tracker, f"train_{role}")
        progress.started(1, f"train_{role}")
        training: stages.FollowerTraining | stages.InstructorTraining
        if role == "follower":
            training = stages.FollowerTraining(1, model, JudgeWeights(frozen), file, target)
        else:
            seeds = Beside(target).parts / "seeds.parquet"
            store_questions(distinct(lambda: seeds_of(file)), seeds)
            training = stages.InstructorTraining(1, model, frozen, JudgeWeights(frozen), seeds, target)
        try:
            Launcher(settled)(training, log)
        finally:
            progress.close()
    Beside(target).drop_unfinished()
    return target


def evaluate(config: ConfigLike, judge_model: str | None = None) -> Evaluation:
    """Accuracy of `config.model` on `config.held_out`; with `judge_model`, also of that checkpoint as a judge.

    Raises UsageError where there is nothing to evaluate on, RunError when an engine breaks.
    """
    options = SuiteOptions(judge_model=judge_model)
    return Evaluation.from_json(evaluate_suite(config, "held-out", options).details, "held-out")


def evaluate_suite(
    config: ConfigLike,
    suite: str,
    options: SuiteOptions = NO_OPTIONS,
    listener: Listener = SILENT,
    out: str | Path | None = None,
) -> SuiteResult:
    """Run one evaluation suite on `config.model`: `held-out`, `ifeval`, `ifbench`, `checklist`, `lm-eval:TASK`, or a
    plugin's.

    With `out` the numbers also go to that JSON file, beside those of other suites that it holds, and the same call goes
    on after a kill, item by item, where the suite keeps its answers. Raises UsageError for an unknown suite, for
    options that it does not take and for what it lacks; RunError when an engine or the suite breaks.
    """
    (result,) = evaluate_suites(config, [(suite, options)], listener, out)
    return result


def evaluate_suites(
    config: ConfigLike,
    suites: Sequence[tuple[str, SuiteOptions]],
    listener: Listener = SILENT,
    out: str | Path | None = None,
) -> Iterator[SuiteResult]:
    """Run several suites on `config.model`, which is loaded once, and yield each result as it is there.

    All are checked before anything is loaded. What they ask is kept beside `out` until the last is done. Raises as
    `evaluate_suite` does.
    """
    return run_each(_loaded(config), suites, listener, _path(out))


def judge(
    config: ConfigLike,
    responses: Iterable[Response],
    model: str | None = None,
    cache_beside: str | Path | None = None,
    listener: Listener = SILENT,
) -> list[list[Judgement]]:
    """One judgement per constraint of each response, by the judge that `config.judger` names, with the weights `model`.

    A judge that asks no model needs none. Served verdicts are kept in a file beside `cache_beside`. Raises
    UsageError; what can't be judged is UNJUDGED with its cause.
    """
    return list(judge_each(_loaded(config), responses, model, cache_beside, listener))


def verify(response: str, instruction_id: str, kwargs: Mapping[str, object] | None = None) -> bool:
    """Does `response` satisfy the constraint, strictly? Raises UsageError for an unknown id and for wrong arguments."""
    return check(response, instruction_id, kwargs or {})


def compile_constraints(texts: Iterable[str]) -> list[Constraint]:
    """Each text as a constraint: with id and kwargs of a rule where that is certain, else `soft`.

    Raises UsageError for a single text in place of a list.
    """
    if isinstance(texts, str):
        raise UsageError("compile_constraints takes a list of texts, not one text")
    return [compile_text(text) for text in texts]


def find_conflicts(constraints: Iterable[Constraint]) -> Conflict | None:
    """The constraints that certainly exclude each other, and why; None where rules see no conflict."""
    return explain(tuple(constraints))
