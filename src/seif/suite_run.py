"""An evaluation suite outside a run: what is answered is kept beside the output until the numbers are written."""

from __future__ import annotations

import asyncio
import hashlib
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from seif.artifacts import Beside
from seif.atomic import destination, hold, is_special, write_json
from seif.config import MOVABLE_KEYS, Config
from seif.errors import named
from seif.evaluation import files
from seif.evaluation.results import SuiteResult
from seif.listener import Listener
from seif.preflight import preflight, settle


@dataclass(frozen=True)
class SuiteOptions:
    """What an evaluation suite is given beside the config; each suite takes some of these."""

    held_out: str | Path | None = None
    """held-out: tasks in the released schema with ids and kwargs, in place of the config's."""
    judge_model: str | None = None
    """held-out: a checkpoint that is measured as a Judger too."""
    prompts: str | Path | None = None
    """ifeval: a file of prompts."""
    responses: str | Path | None = None
    """ifeval: where every response goes, as JSON lines."""
    include_path: str | Path | None = None
    """lm-eval: a folder with tasks."""
    limit: int | None = None
    """ifeval, lm-eval: only the first so many prompts."""


NO_OPTIONS = SuiteOptions()


def run_suite(config: Config, suite: str, options: SuiteOptions, listener: Listener, out: Path | None) -> SuiteResult:
    """As `seif.evaluate_suite`."""
    from seif.engines.base import NoEngine
    from seif.evaluation.suites import SuiteSettings, check_options, find_suite
    from seif.models import JudgeWeights, ModelPool
    from seif.stages import judger_measure

    check_options(suite, [key for key, value in vars(options).items() if value is not None])
    part, task = find_suite(suite)
    files.read_sections(out, config.model)
    if options.held_out is not None:
        config = config.model_copy(update={"held_out": str(Path(options.held_out).resolve())})
    settled, precision = settle(config)
    listener.info(str(precision))
    judge = JudgeWeights(options.judge_model) if options.judge_model else None
    with ExitStack() as keeping, ModelPool(settled) as pool, ExitStack() as asking:
        settings = SuiteSettings(
            settled,
            settled.model,
            task,
            prompts=_path(options.prompts),
            limit=options.limit,
            responses=_path(options.responses),
            include_path=_path(options.include_path),
            report=listener.progress,
        )
        part.check(settings)
        preflight(settled, [], options.judge_model)
        if out is not None and not is_special(destination(out)):
            given = {key: value for key, value in vars(options).items() if value is not None}
            settings = replace(settings, parts=keeping.enter_context(_kept(out, suite, settled, given)))
        measure = judger_measure(settled, pool, judge, asking.close, settings.parts)
        settings = replace(settings, measure_judger=measure)
        engine = NoEngine() if part.loads_model else asking.enter_context(pool.use(settled.model))
        with named(f"the evaluation suite {part.name!r}"):
            result = asyncio.run(part.run(engine, settings))
        if out is not None:
            # Another suite may have written its numbers meanwhile.
            held = files.read_sections(out, config.model)
            write_json(out, files.merged(held, config.model, files.sections(part.name, result)))
        return result


def _path(path: str | Path | None) -> Path | None:
    return None if path is None else Path(path)


@contextmanager
def _kept(out: Path, suite: str, config: Config, options: Mapping[str, object]) -> Iterator[Path]:
    """A folder for the answers to `suite`, which goes once the block has ended without an error.

    `options`: all that they depend on beside the config and the model. Raises UsageError where another command is
    writing `out`, and where other answers are kept beside it.
    """
    from seif.training.checkpoints import claim

    folder = Beside(out).parts / re.sub(r"\W+", "_", suite)
    with hold(Beside(out).lock, f"another seif evaluate is writing {out}; wait for it or choose another --out"):
        claim(folder, _identity(suite, config, options), config.dtype)
        yield folder
        shutil.rmtree(folder)
        if not any(Beside(out).parts.iterdir()):
            Beside(out).parts.rmdir()


def _identity(suite: str, config: Config, options: Mapping[str, object]) -> list[object]:
    """What two equal evaluations have in common, as JSON values."""
    from seif.engines.cache import weights_of_checkpoint, weights_of_server
    from seif.models import served, served_model

    movable = {key.partition(".")[0] for key in MOVABLE_KEYS}
    data = {"held_out": config.held_out, "held_out_types": config.held_out_types, **options}
    files = {name: _digest(Path(str(file))) for name, file in data.items() if file and Path(str(file)).is_file()}
    model = config.model
    weights = weights_of_server(served_model(config)) if served(config, model) else weights_of_checkpoint(model)
    chosen = {name: str(value) for name, value in options.items() if name not in files}
    return [suite, weights, files, chosen, config.model_dump(mode="json", exclude=movable)]


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "blake2b").hexdigest()
