"""The `seif` command. Every stage of `run` is a command of its own on files."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Annotated

import typer
from rich.console import Console

from seif import __version__
from seif.cli import bench, chat, compare, evaluate, export, files, judge, loop, self_supervised, stages, start
from seif.cli.options import console
from seif.errors import RunError, SeifError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Self-evolving RL for instruction following.",
)
train = typer.Typer(no_args_is_help=True, help="Train one role, or a reward model, on your own data.")
serve = typer.Typer(no_args_is_help=True, help="Serve a model to trainers on other machines.")
nano = typer.Typer(no_args_is_help=True, help="The embedded model.")
COMMANDS: dict[str, Callable[..., None]] = {
    "demo": start.demo,
    "configs": start.configs,
    "init": start.init,
    "run": loop.run,
    "plan": loop.plan,
    "bench": bench.bench,
    "status": loop.status,
    "report": loop.report,
    "compare": compare.compare,
    "export": export.export,
    "chat": chat.chat,
    "generate": stages.generate,
    "evaluate": evaluate.evaluate,
    "judge": judge.judge,
    "verify": files.verify,
    "compile": files.compile_,
    "conflicts": files.conflicts,
    "curriculum": self_supervised.curriculum,
    "pseudo-label": self_supervised.pseudo_label,
}
for _name, _command in COMMANDS.items():
    app.command(_name)(_command)
train.command("instructor")(stages.train_instructor)
train.command("follower")(stages.train_follower)
train.command("reward-model")(self_supervised.train_reward_model)
serve.command("reward-model")(self_supervised.serve_reward_model)
nano.command("build")(stages.build)
for _name, _group in {"train": train, "serve": serve, "nano": nano}.items():
    app.add_typer(_group, name=_name)


def _print_version(wanted: bool) -> None:
    if wanted:
        console.print(__version__, highlight=False)
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Entry point: a user's mistake or a broken run is one line and an exit code; SEIF_TRACEBACK=1 shows where it
    broke.
    """
    from safetensors import SafetensorError

    before = {number: signal.signal(number, _stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        app()
    except _Stopped as stopped:
        _fail(f"stopped by {stopped.signal.name}; the same command continues", 128 + stopped.signal)
    except SeifError as error:
        _fail(str(error), error.exit_code)
    except (OSError, RuntimeError, ImportError, MemoryError, SafetensorError) as error:
        # What breaks below us: a full disk, memory, a library, the network. The run directory stays as it is.
        if os.environ.get("SEIF_TRACEBACK"):
            raise
        what = error.strerror if isinstance(error, OSError) and error.strerror else " ".join(str(error).split())[:300]
        where = f" ({error.filename})" if isinstance(error, OSError) and error.filename else ""
        _fail(
            f"{type(error).__name__}: {what}{where}; remove the cause and "
            "run the same command again; SEIF_TRACEBACK=1 shows where",
            RunError.exit_code,
        )
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Stopped(BaseException):
    """Ctrl-C, or a scheduler's SIGTERM. Everything on the way out is closed: servers, process groups, logs."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.signal = signal.Signals(number)


def _stop(number: int, _: object) -> None:
    raise _Stopped(number)


def _fail(message: str, code: int) -> None:
    Console(stderr=True, soft_wrap=True).print(f"error: {message}", style="red", highlight=False, markup=False)
    sys.exit(code)
