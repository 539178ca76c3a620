"""The reference of commands and options, generated from the code so that it is never out of date."""

from __future__ import annotations

import typer
from typer.cli import get_docs_for_click

from seif.cli.commands import app


def command_reference() -> str:
    """Markdown: every command with its options."""
    command = typer.main.get_command(app)
    return get_docs_for_click(obj=command, ctx=typer.Context(command), name="seif", title="Commands").strip()


if __name__ == "__main__":
    print(command_reference())
