"""What the `seif` command can do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer
from rich.console import Console

from seif import __version__
from seif.activity import showing
from seif.cli import analyze, bench, evaluate, files, judge, loop, self_supervised, stages, start
from seif.cli.options import console

app = typer.Typer(
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
    "analyze": analyze.analyze,
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
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    # A bar is drawn where it is seen; where nobody looks on, lines go to standard error.
    shown = console if console.is_terminal else Console(stderr=True, soft_wrap=True)
    context.with_resource(showing(context.invoked_subcommand or "seif", shown))
