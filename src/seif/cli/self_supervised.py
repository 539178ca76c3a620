"""Commands for learning from instructions alone: `curriculum`, `pseudo-label`, `train reward-model`, `serve
reward-model`.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seif.cli.options import (
    AsJson,
    OptionalConfig,
    Overrides,
    console,
    for_model,
    print_json,
    quiet,
    settle_dtype,
)
from seif.errors import UsageError
from seif.outputs import check_new
from seif.quantities import quantity

if TYPE_CHECKING:
    from seif.evaluation.results import RewardModelNumbers
    from seif.pipeline import FileLog

INSTRUCTIONS = "Instructions in the released schema, or verl-if's (parquet, JSONL, JSON)."


def curriculum(
    file: Annotated[Path, typer.Argument(help=INSTRUCTIONS)],
    out: Annotated[Path, typer.Option(help="Directory for level_1.parquet, level_2.parquet, ...")],
    levels: Annotated[
        int | None,
        typer.Option(min=1, help="How many levels; by default as many as the longest instruction has constraints."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Cut instructions to their first constraints, by level.

    To their first constraint, their first two, and so on: one file per level.
    """
    from rich.table import Table

    from seif.activity import doing
    from seif.atomic import new_directory
    from seif.instructions import read_instructions, write_instructions
    from seif.self_supervised.curriculum import levels as cut

    check_new(out, [file])
    found = cut(read_instructions(file), levels)
    with new_directory(out) as folder, doing("levels", len(found)) as work:
        for level in found:
            write_instructions(folder / f"level_{level.number}.parquet", level.instructions)
            work.advance()
    rows = [
        {
            "level": x.number,
            "instructions": len(x.instructions),
            "checkable_last": sum(i.constraints[-1].checkable for i in x.instructions),
        }
        for x in found
    ]
    if as_json:
        print_json(rows)
        return
    table = Table("level", "instructions", "whose last constraint a rule checks", box=None, header_style="bold")
    for row in rows:
        table.add_row(str(row["level"]), f"{row['instructions']:,}", f"{row['checkable_last']:,}")
    console.print(table)


def pseudo_label(
    model: Annotated[str, typer.Option(help="Who answers: a checkpoint directory or hub id.")],
    instructions: Annotated[Path, typer.Option(help=INSTRUCTIONS)],
    out: Annotated[Path, typer.Option(help="Labelled pairs (parquet); the same command resumes.")],
    config: OptionalConfig = None,
    overrides: Overrides = None,
) -> None:
    """Label pairs by answers with and without a constraint.

    A model answers instructions with and without each soft constraint, and that is taken for labels.
    """
    from seif import stages
    from seif.artifacts import Beside
    from seif.instructions import read_instructions
    from seif.preflight import files_of, preflight
    from seif.self_supervised.pseudo_labels import PairCounts

    cfg = for_model(config, model, overrides)
    counts = Beside(out).counts
    check_new(out, (instructions, config, *files_of(cfg)), beside=[counts, Beside(out).metrics])
    seeds = [x.seed for x in read_instructions(instructions)]
    cfg = settle_dtype(cfg, Beside(out).chunks)
    preflight(cfg, seeds)
    _run(out, "pseudo_label", lambda log: stages.pseudo_label(cfg, 1, model, instructions, out, counts, log))
    made = PairCounts.read(counts)
    console.print(
        f"{quantity(made.pairs, 'pair')} in {out}, {made.positives:,} "
        f"of them positive, {quantity(made.contrasts, 'contrast')}; "
        f"dropped: {made.identical:,} whose response stands for both labels, "
        f"{quantity(made.duplicates, 'duplicate')}, {quantity(made.bad_format, 'answer')} of bad format",
        highlight=False,
    )


def train_reward_model(
    model: Annotated[str, typer.Option(help="Where training starts: a checkpoint directory or hub id.")],
    labels: Annotated[Path, typer.Option(help="Labelled pairs, as `seif pseudo-label` writes them.")],
    out: Annotated[
        Path,
        typer.Option(help="Where the classifier goes; how good it is goes into OUT.json. The same command resumes."),
    ],
    config: OptionalConfig = None,
    overrides: Overrides = None,
) -> None:
    """Train a classifier on labelled pairs.

    It is then calibrated, and measured on prompts that it never saw.
    """
    from seif import stages
    from seif.artifacts import Beside
    from seif.atomic import read_json
    from seif.distributed.launch import Launcher
    from seif.evaluation.results import RewardModelNumbers
    from seif.preflight import files_of
    from seif.self_supervised.pseudo_labels import read_pairs
    from seif.self_supervised.scorer import check_base

    cfg = for_model(config, model, overrides)
    numbers = Beside(out).numbers
    check_new(out, (labels, config, *files_of(cfg)), beside=[numbers, Beside(out).metrics])
    if not read_pairs(labels):
        raise UsageError(f"{labels} holds no pairs; make some with `seif pseudo-label`")
    quiet()
    cfg = settle_dtype(cfg, Beside(out).checkpoints)
    check_base(model, cfg.self_supervised.reward_model.max_length)
    # `--model` is what this command trains, whatever the config says.
    settings = cfg.self_supervised.reward_model.model_copy(update={"base": model})
    cfg = cfg.model_copy(update={"self_supervised": cfg.self_supervised.model_copy(update={"reward_model": settings})})
    training = stages.RewardModelTraining(1, labels, out, numbers)
    _run(out, "train_reward_model", lambda log: Launcher(cfg)(training, log))
    _show(RewardModelNumbers.from_json(read_json(numbers), numbers))
    console.print(f"reward model: {out}", highlight=False)


def serve_reward_model(
    model: Annotated[
        str, typer.Argument(help="A sequence classifier with two labels: a checkpoint directory or hub id.")
    ],
    host: Annotated[str, typer.Option(help="Address to listen at; anybody who reaches it may ask.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8001,
    config: OptionalConfig = None,
    overrides: Overrides = None,
) -> None:
    """Serve a reward model over HTTP.

    So that trainers on other machines can ask it (docs/self_supervised.md).
    """
    import importlib.util

    if importlib.util.find_spec("uvicorn") is None or importlib.util.find_spec("starlette") is None:
        raise UsageError("serving needs starlette and uvicorn: pip install 'seif[serve]'")
    listener = _bound(host, port)
    quiet()
    from seif.self_supervised.scorer import Scorer
    from seif.self_supervised.service import serve

    cfg = settle_dtype(for_model(config, model, overrides))
    scorer = Scorer.load(model, cfg.engine.dtype, cfg.engine.token_budget, cfg.attn_implementation)
    console.print(f"{model} at http://{host}:{port}", highlight=False)
    serve(scorer, model, listener)


def _bound(host: str, port: int) -> socket.socket:
    """A socket with this address. Raises UsageError where it can't be had, before a model is loaded."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UsageError(f"port {port} of {host} is taken; choose another --port") from error
        raise UsageError(
            f"can't serve at {host} port {port}: {error.strerror}; choose another --host or --port"
        ) from error
    return listener


def _run(out: Path, stage: str, work: Callable[[FileLog], None]) -> None:
    from seif.artifacts import Beside
    from seif.atomic import hold
    from seif.pipeline import FileLog
    from seif.progress import Progress

    progress = Progress(console)
    with hold(Beside(out).lock, f"another seif command is writing {out}; wait for it or choose another --out"):
        progress.started(1, stage)
        try:
            work(FileLog(out, progress))
        finally:
            progress.close()


def _show(numbers: RewardModelNumbers) -> None:
    from rich.table import Table

    from seif.report.text import percent, plain

    table = Table("against", "n", "accuracy", "violated: precision", "recall", box=None, header_style="bold")
    for name, found in (("pseudo-labels", numbers.against_labels), ("verifiers", numbers.against_verifiers)):
        if found is not None:
            shares = (found.accuracy, found.precision_violated, found.recall_violated)
            table.add_row(name, f"{found.n:,}", *map(percent, shares))
    console.print(table)
    console.print(
        f"calibration error {plain(numbers.calibration_error, 3)} (before: "
        f"{plain(numbers.calibration_error_before, 3)}); "
        f"{percent(numbers.shortened)} of the responses were shortened in the middle",
        highlight=False,
    )
