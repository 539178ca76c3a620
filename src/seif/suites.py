"""Evaluation suites by themselves, outside a run: several on one model, one after the other."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seif.config import MOVABLE_KEYS, Config
from seif.engines.base import NoEngine
from seif.errors import named
from seif.evaluation.results import SuiteResult
from seif.judges import Judge, judging_kind
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
    """ifeval, ifbench, checklist, lm-eval: only the first so many prompts."""


NO_OPTIONS = SuiteOptions()


def evaluate_each(
    config: Config, suites: Sequence[tuple[str, SuiteOptions]], parts: Path | None, listener: Listener
) -> Iterator[SuiteResult]:
    """Run the named suites on `config.model`, and yield each result as it is there. Raises as `api.evaluate_suites`."""
    from seif.evaluation.suites import check_options, find_suite
    from seif.models import ModelPool

    for name, options in suites:
        check_options(name, [key for key, value in vars(options).items() if value is not None])
    config, precision = settle(config)
    listener.info(str(precision))
    with ModelPool(config) as pool:
        ready = []
        for place, (name, options) in enumerate(suites):
            asking = ExitStack()
            kept = parts and parts / f"{place}_{name.partition(':')[0]}"
            settings = _settings(pool, name, options, kept, asking.close, listener)
            part, _ = find_suite(name)
            part.check(settings)
            preflight(settings.config, [], options.judge_model)
            ready.append((part, settings, asking))
        for part, settings, asking in ready:
            with asking, named(f"the evaluation suite {part.name!r}"):
                _claim(settings)
                engine = NoEngine() if part.loads_model else asking.enter_context(pool.use(config.model))
                result = asyncio.run(part.run(engine, settings))
            if settings.parts is not None:
                shutil.rmtree(settings.parts)
            yield result
    if parts is not None and parts.is_dir() and not any(parts.iterdir()):
        parts.rmdir()


def _settings(
    pool: ModelPool,
    name: str,
    options: SuiteOptions,
    parts: Path | None,
    answered: Callable[[], object],
    listener: Listener,
) -> SuiteSettings:
    """What one suite is run with; `answered` gives back the weights that answered."""
    from seif import stages
    from seif.evaluation.suites import SuiteSettings, find_suite
    from seif.models import JudgeWeights

    config = pool.config
    if options.held_out is not None:
        config = config.model_copy(update={"held_out": str(Path(options.held_out).resolve())})
    measured = JudgeWeights(options.judge_model) if options.judge_model else None
    return SuiteSettings(
        config,
        config.model,
        find_suite(name)[1],
        prompts=_path(options.prompts),
        limit=options.limit,
        responses=_path(options.responses),
        include_path=_path(options.include_path),
        parts=parts,
        measure_judger=stages.judger_measure(config, pool, measured, answered),
        judge=_judge(pool, options.judge_model, answered),
        report=listener.progress,
    )


def _path(path: str | Path | None) -> Path | None:
    return None if path is None else Path(path)


def _judge(
    pool: ModelPool, model: str | None, answered: Callable[[], object]
) -> Callable[[], AbstractContextManager[Judge]] | None:
    """What loads the judge beside rules: the checkpoint `model`, or the config's; None where a model must be named."""
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


def _claim(settings: SuiteSettings) -> None:
    """Note the folder of parts as this suite's. Raises UsageError where it holds those of another model, config or file
    of prompts."""
    from seif.training.checkpoints import claim

    if settings.parts is None:
        return
    settings.parts.mkdir(parents=True, exist_ok=True)
    prompts = settings.prompts and hashlib.sha256(settings.prompts.read_bytes()).hexdigest()
    tree = settings.config.model_dump(mode="json", exclude={key.partition(".")[0] for key in MOVABLE_KEYS})
    claim(settings.parts, [settings.model, settings.task, prompts, settings.limit, tree], settings.config.dtype)
