"""The command `chat`: talk to a model, with verdicts on constraints."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from seif.activity import current
from seif.cli.options import OptionalConfig, Overrides, console, for_model
from seif.signals import Stopped


def chat(
    model: Annotated[
        str, typer.Argument(help="A checkpoint, an adapter, a hub id, a run directory, or a name on the server.")
    ],
    base_url: Annotated[
        str | None, typer.Option(help="Ask this OpenAI-compatible server, e.g. http://127.0.0.1:8000/v1.")
    ] = None,
    judge_model: Annotated[
        str | None, typer.Option(help="A checkpoint that judges what no rule can; the model itself by default.")
    ] = None,
    turn: Annotated[
        str | None, typer.Option(help="Of a run: `best` by the audit, `last`, or turn N; best where there is an audit.")
    ] = None,
    system: Annotated[str, typer.Option(help="A system message.")] = "",
    temperature: Annotated[float, typer.Option(min=0, help="0: greedy.")] = 0.0,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Length limit of a reply.")] = 1024,
    config: OptionalConfig = None,
    overrides: Overrides = None,
) -> None:
    """Talk to a model in the terminal.

    /help shows how to add constraints, whose verdicts stand under each reply.
    """
    from seif.conversation import ChatOptions, Screen, converse, open_chat

    found = for_model(config, model, overrides) if config is not None or overrides else None
    options = ChatOptions(base_url, judge_model, turn, system, temperature, max_new_tokens)
    with open_chat(model, options, found) as conversation:
        if display := current():
            display.close()
        screen = Screen(console, Console(stderr=True, soft_wrap=True))
        if sys.stdin.isatty():
            screen.say(f"{'/'.join(Path(conversation.config.model).parts[-3:])}: /help shows the commands, /quit ends")
        converse(conversation, _lines(), screen)


def _lines() -> Iterator[str]:
    """What is typed at a terminal, with a history; what stands in a pipe, line by line."""
    if not sys.stdin.isatty():
        try:
            yield from sys.stdin
        except Stopped:
            raise
        except KeyboardInterrupt:
            # Nothing is being written, and who fills the pipe was interrupted too.
            pass
        return
    import readline  # noqa: F401  gives `input` its history

    while True:
        try:
            yield input("> ")
        except Stopped:
            raise
        except KeyboardInterrupt:
            print()
        except EOFError:
            print()
            return
