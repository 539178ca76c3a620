"""Every `seif` command in the docs exists, with the options it is shown with."""

import re

import pytest
import typer

from seif.cli.commands import app
from support import ROOT

PAGES = ["README.md", "CONTRIBUTING.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]


def commands(page):
    """(subcommand words and options) of every command in a code block or between backticks."""
    text = (ROOT / page).read_text(encoding="utf-8")
    spans = [line for block in re.findall(r"```\w*\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    spans += re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return [
        span.split("#")[0].strip().removeprefix(".venv/bin/")
        for span in spans
        if re.match(r"\s*(?:\.venv/bin/)?seif [a-z]", span)
    ]


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_the_docs_exists(page):
    for shown in commands(page):
        words = re.sub(r"\\?\|\S+|\.\.\.", "", shown).replace("[", " ").replace("]", " ").split()[1:]
        node = typer.main.get_command(app)
        while hasattr(node, "commands") and words and not words[0].startswith("-"):
            name = words.pop(0).rstrip(",;:")
            assert name in node.commands, f"{page}: {shown}"
            node = node.commands[name]
        known = {option for parameter in node.params for option in parameter.opts}
        used = {word for word in words if word.startswith("--")}
        assert used <= known, f"{page}: {shown}: {used - known}"


def test_there_are_commands_to_check():
    assert len(commands("README.md")) > 15
