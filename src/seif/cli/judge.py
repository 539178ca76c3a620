"""The command `judge`: any Judger on responses in a file, and how far it agrees with the rules."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seif.cli.options import AsJson, OptionalConfig, Overrides, console, for_model, listener, print_json
from seif.outputs import check_new
from seif.quantities import quantity

if TYPE_CHECKING:
    from rich.table import Table

    from seif.cli.judged_file import Summary
    from seif.config import Config
    from seif.evaluation.results import ReliabilityByType
    from seif.judges import Judgement
    from seif.judging import Response
    from seif.types import Json

NO_MODEL = "none"
"""Stands in the config for the name of a model that no judge asks."""


def judge(
    file: Annotated[
        Path,
        typer.Argument(
            help="Rows (parquet, JSONL, JSON) with response, constraint (texts), and seed_question or prompt."
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            help="The judge: a checkpoint directory, a hub id, or the "
            "model's name on the config's server; `rules` needs none."
        ),
    ] = None,
    judger: Annotated[
        str | None,
        typer.Option(
            help="How it judges: classifier, logprob, generative, rules, "
            "hybrid, or a plugin's; the config's judger.kind by default."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write every row with its verdicts to this JSONL file. After a kill, the same command asks for the "
            "verdicts that are missing."
        ),
    ] = None,
    config: OptionalConfig = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Judge responses, and compare with the rules.

    One constraint at a time; compared wherever rules can check.
    """
    from seif.artifacts import Beside
    from seif.atomic import destination, is_special, write_atomically
    from seif.cli.judged_file import Counted, Counts, Responses, judged, read
    from seif.judging import check_responses, judge_each, judgements_beside
    from seif.preflight import files_of
    from seif.scoring import within_limit
    from seif.tables import write_json_lines

    cfg = _with_judger(for_model(config, model or NO_MODEL, overrides), judger)
    by_rules, hears = cfg.judger.kind == "rules", listener(as_json)
    if out is not None:
        kept = Beside(out)
        read_too = (file, config, *files_of(cfg))
        check_new(out, read_too, beside=[kept.verdicts], stream=True, unfinished=kept.unfinished)
    # All rows are checked before a model is loaded.
    responses, counts = Responses(file, by_rules), Counts()
    check_responses(cfg, responses, model, f"{file} row")

    def verdicts(ask: Callable[[Iterable[Response]], Iterator[list[Judgement]]]) -> Iterator[Json]:
        return judged(read(file, by_rules), ask, counts)

    if out is None or is_special(destination(out)):
        records = verdicts(lambda asked: judge_each(cfg, Counted(asked, len(responses)), model, listener=hears))
        if out is not None:
            write_atomically(out, lambda partial: write_json_lines(partial, records))
        else:
            deque(records, maxlen=0)
    else:
        with judgements_beside(out, cfg, file, responses, model, hears) as known:
            records = verdicts(lambda asked: (known(number) for number, _ in enumerate(asked)))
            write_atomically(out, lambda partial: write_json_lines(partial, records))
    found = counts.summary(cfg.judger.kind, None if by_rules else model)
    if as_json:
        print_json(found.to_json())
    else:
        _show(found)
    if not by_rules:
        within_limit(Counter(found.unjudged), found.verdicts, cfg.judger.max_unjudged)


def _with_judger(config: Config, judger: str | None) -> Config:
    from seif.config_file import build_config
    from seif.extensions import load_extensions

    if judger is None:
        return config
    tree = config.model_dump(mode="json")
    return load_extensions(build_config({**tree, "judger": {**tree["judger"], "kind": judger}}, "--judger"))


def _table(agreement: ReliabilityByType) -> Table:
    """One row per type that both a rule and the judge judged, and one for all."""
    from rich.table import Column, Table

    from seif.report.text import percent

    numbers = ("n", "rules:\nsatisfied", "judge:\nsatisfied", "balanced\naccuracy")
    heads = (Column(head, justify="right", no_wrap=True) for head in numbers)
    table = Table(Column("instruction", overflow="fold"), *heads, box=None, header_style="bold")
    for kind, one in [*agreement.per_type.items(), ("all", agreement)]:
        table.add_row(kind, f"{one.n:,}", *map(percent, (one.verifier_mean, one.mean, one.balanced_accuracy)))
    return table


def _show(found: Summary) -> None:
    if found.agreement.n:
        console.print(_table(found.agreement))
    unjudged = ", ".join(f"{n:,} {cause}" for cause, n in found.unjudged.items())
    console.print(
        f"{quantity(found.verdicts, 'verdict')} on {quantity(found.rows, 'row')}: "
        f"{found.satisfied:,} satisfied, {found.violated:,} violated, "
        f"{sum(found.unjudged.values()):,} unjudged" + (f" ({unjudged})" if unjudged else ""),
        highlight=False,
    )
