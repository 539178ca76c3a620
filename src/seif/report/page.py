"""One self-contained page per run: it opens from disk, without a network and without scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import filelock
from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from seif.artifacts import RunDir
from seif.atomic import write_atomically
from seif.errors import RunError, named
from seif.plugins import load_plugins
from seif.report import summary
from seif.report.blocks import Block, Fragment, Text
from seif.report.data import RunNumbers, collect
from seif.report.section import Section, in_order
from seif.report.text import visible


@dataclass(frozen=True)
class Part:
    """A section of a page with what stands in it."""

    name: str
    """Its anchor."""
    title: str
    link: str
    """What the list of sections calls it."""
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Page:
    """What a page says. Everything in it but drawings is text, and is escaped."""

    name: str
    kind: str
    """Stands behind the name in the browser's title."""
    lead: str
    """The page in one sentence."""
    note: str
    """What qualifies it; may be empty."""
    facts: Sequence[tuple[str, str]]
    parts: Sequence[Part]
    """Those without blocks are left out."""
    warnings: Sequence[str] = ()
    """What could not be read, one line each."""


def write_report(run_dir: RunDir) -> None:
    """Write the run's `report.html` from whatever the run has so far, with the sections of the config's plugins.

    Everything that a model wrote goes through the templates' escaping. Raises UsageError when it is no run directory,
    and for a plugin that can't be loaded.
    """
    run = collect(run_dir)
    load_plugins(run.config.plugins)
    result = summary.key_result(run)
    parts = [Part(s.name, s.title, s.link, _build(s, run)) for s in in_order()]
    facts = summary.facts(run)
    page = Page(run.name, "SEIF run", result.sentence, result.note, facts, parts, run.damaged)
    # `seif report` may be called while the run itself writes the page.
    with filelock.FileLock(run_dir.report_lock, timeout=60):
        write_page(page, run_dir.report)


def write_page(page: Page, out: Path) -> None:
    """Write a page as one file of HTML, atomically."""
    parts = [part for part in page.parts if part.blocks]
    html = _environment().get_template("page.html.jinja").render(page=page, parts=parts)
    text = visible(html.lstrip()).encode()

    def write(partial: Path) -> None:
        partial.write_bytes(text)

    write_atomically(out, write)


def _build(section: Section, run: RunNumbers) -> Sequence[Block]:
    """A section's blocks; where it fails, the page says so, and neither the other sections nor the run are lost."""
    try:
        with named(f"the report section {section.name!r}"):
            return section.build(run)
    except RunError as error:
        return [Text(str(error), note=True)]


def _environment() -> Environment:
    # The style sheet is included as a template of its own; only what is filled in is escaped.
    environment = Environment(
        loader=FunctionLoader(_read), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )

    def fragment(block: Fragment) -> Markup:
        return Markup(environment.from_string(block.template).render(block.values))

    environment.globals["fragment"] = fragment
    return environment


def _read(name: str) -> str:
    return files("seif.report").joinpath(name).read_text(encoding="utf-8")
