"""One self-contained page per run: it opens from disk, without a network and without scripts."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, FunctionLoader, StrictUndefined

from seif.artifacts import RunDir, write_atomically
from seif.report import sections, summary
from seif.report.cases import showcase
from seif.report.data import collect
from seif.report.text import visible


def write_report(run_dir: RunDir) -> None:
    """Write the run's `report.html` from whatever the run has so far. Raises UsageError when it is no run directory.

    Everything that a model wrote goes through the template's escaping.
    """
    run = collect(run_dir)
    # The style sheet is included as a template of its own; only what is filled in is escaped.
    environment = Environment(loader=FunctionLoader(_read), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    html = environment.get_template("page.html.jinja").render(
        run=run,
        result=summary.key_result(run),
        facts=summary.facts(run),
        accuracy=sections.accuracy(run),
        by_type=sections.by_type(run),
        rewards=sections.rewards(run),
        types=sections.types(run),
        judger=sections.judger(run),
        judger_by_type=sections.judger_by_type(run),
        judger_weights=sections.judger_weights(run),
        reward_model=sections.reward_model(run),
        reward_model_by_type=sections.reward_model_by_type(run),
        watch=sections.watch(run),
        showcase=showcase(run),
        time_spent=summary.time_spent(run),
    )
    page = visible(html.lstrip()).encode()

    def write(partial: Path) -> None:
        partial.write_bytes(page)

    write_atomically(run_dir.report, write)


def _read(name: str) -> str:
    return files("seif.report").joinpath(name).read_text(encoding="utf-8")
