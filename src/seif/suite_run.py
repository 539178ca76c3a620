"""Evaluation suites outside a run: what is answered is kept beside the output until all numbers are written."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from seif.artifacts import Beside
from seif.atomic import destination, hold, is_special, write_json
from seif.checksums import sha256_of
from seif.config import Config
from seif.config.changes import ANY_TIME, without_changeable
from seif.errors import UsageError, named
from seif.evaluation import files
from seif.evaluation.results import SuiteResult
from seif.judges import Judge, judging_kind
from seif.lengths import check_held_out, check_ifeval
from seif.listener import Listener
from seif.preflight import preflight, settle

if TYPE_CHECKING:
    from seif.evaluation.suites import SuiteSettings
    from seif.models import ModelPool


@dataclass(frozen=True)
class SuiteOptions:
    """What an evaluation suite is given beside the config; each suite takes some of these."""

    held_out: str | Path | None = None
    """held-out: tasks in the released schema with ids and kwargs, in place of the config's."""
    judge_model: str | None = None
    """held-out: a checkpoint that is measured as a Judger too; checklist: the checkpoint that judges."""
    prompts: str | Path | None = None
    """ifeval, ifbench, checklist: a file of prompts."""
    responses: str | Path | None = None
    """ifeval, ifbench, checklist: where every response goes, as JSON lines."""
    include_path: str | Path | None = None
    """lm-eval: a folder with tasks."""
    limit: int | None = None
    """All but held-out: only the first so many prompts."""


NO_OPTIONS = SuiteOptions()


def run_each(
    config: Config, suites: Sequence[tuple[str, SuiteOptions]], listener: Listener, out: Path | None
) -> Iterator[SuiteResult]:
    """As `seif.evaluate_suites`."""
    from seif.engines.base import NoEngine
    from seif.evaluation.suites import check_options, find_suite
    from seif.models import JudgeWeights, ModelPool
    from seif.stages import judger_measure

    names = [name for name, _ in suites]
    for name, options in suites:
        check_options(name, [key for key, value in vars(options).items() if value is not None])
        if names.count(name) > 1:
            raise UsageError(f"--suite {name} is given twice; each suite is run once")
    files.read_sections(out, config.model)
    settled, precision = settle(config)
    listener.info(str(precision))
    with ExitStack() as keeping, ModelPool(settled) as pool:
        ready = [(name, options, _ready(pool, name, options, listener)) for name, options in suites]
        kept = None if out is None or is_special(destination(out)) else out
        if kept is not None:
            message = f"another seif evaluate is writing {out}; wait for it or choose another --out"
            keeping.enter_context(hold(Beside(kept).lock, message))
        for name, options, settings in ready:
            part, _ = find_suite(name)
            if kept is not None:
                given = {key: value for key, value in vars(options).items() if value is not None}
                folder = keeping.enter_context(_kept(kept, name, settings.config, given))
                settings = replace(settings, parts=folder)
            with ExitStack() as asking:
                judge = JudgeWeights(options.judge_model) if options.judge_model else None
                settings = replace(
                    settings,
                    measure_judger=judger_measure(settings.config, pool, judge, asking.close, settings.parts),
                    judge=_judge(pool, options.judge_model, asking.close),
                )
                engine = NoEngine() if part.loads_model else asking.enter_context(pool.use(settled.model))
                with named(f"the evaluation suite {part.name!r}"):
                    result = asyncio.run(part.run(engine, settings))
            if out is not None:
                # Another suite may have written its numbers meanwhile.
                held = files.read_sections(out, config.model)
                write_json(out, files.merged(held, config.model, files.sections(part.name, result)))
            yield result


def _ready(pool: ModelPool, name: str, options: SuiteOptions, listener: Listener) -> SuiteSettings:
    """The settings of one suite, with which it can be run. Raises UsageError for any other."""
    from seif.evaluation.suites import SuiteSettings, find_suite

    part, task = find_suite(name)
    config = pool.config
    if options.held_out is not None:
        config = config.model_copy(update={"held_out": str(Path(options.held_out).resolve())})
    settings = SuiteSettings(
        config,
        config.model,
        task,
        prompts=_path(options.prompts),
        limit=options.limit,
        responses=_path(options.responses),
        include_path=_path(options.include_path),
        judge=_judge(pool, options.judge_model),
        report=listener.progress,
    )
    part.check(settings)
    preflight(config, [], options.judge_model)
    if part.name == "held-out":
        check_held_out(config)
    elif part.name in ("ifeval", "ifbench"):
        check_ifeval(settings)
    return settings


def _judge(
    pool: ModelPool, model: str | None, answered: Callable[[], object] = lambda: None
) -> Callable[[], AbstractContextManager[Judge]] | None:
    """What loads the judge beside rules: the checkpoint `model`, or the config's; None where a model must be named.

    `answered` is called first: it gives back the weights that answered.
    """
    from seif.models import judging

    config = pool.config
    weights = model or config.judger.checkpoint
    if weights is None and judging_kind(config).uses_model:
        return None

    @contextmanager
    def judge() -> Iterator[Judge]:
        answered()
        with judging(pool, weights or config.model, model, alone=True) as found:
            yield found

    return judge


def _path(path: str | Path | None) -> Path | None:
    return None if path is None else Path(path)


@contextmanager
def _kept(out: Path, suite: str, config: Config, options: Mapping[str, object]) -> Iterator[Path]:
    """A folder for the answers to `suite`, which goes once the block has ended without an error.

    `options`: all that they depend on beside the config and the model. Raises UsageError where other answers are kept
    beside `out`.
    """
    from seif.training.checkpoints import claim

    folder = Beside(out).parts / re.sub(r"\W+", "_", suite)
    claim(folder, _identity(suite, config, options), config.dtype)
    yield folder
    shutil.rmtree(folder)
    if not any(Beside(out).parts.iterdir()):
        Beside(out).parts.rmdir()


def _identity(suite: str, config: Config, options: Mapping[str, object]) -> list[object]:
    """What two equal evaluations have in common, as JSON values."""
    from seif.models import fingerprint_of

    data = {"held_out": config.held_out, "held_out_types": config.held_out_types, **options}
    files = {name: sha256_of(Path(str(file))) for name, file in data.items() if file and Path(str(file)).is_file()}
    chosen = {name: str(value) for name, value in options.items() if name not in files}
    return [suite, fingerprint_of(config, config.model), files, chosen, without_changeable(config, keys=ANY_TIME)]
