"""The command `judge`: any Judger on responses in a file, and how far it agrees with the rules."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from seif import api
from seif.artifacts import Beside
from seif.atomic import destination, is_special, write_atomically
from seif.cli.options import AsJson, OptionalConfig, Overrides, console, for_model, listener
from seif.config import Config
from seif.config_file import build_config
from seif.errors import UsageError
from seif.evaluation.results import ReliabilityByType, Result
from seif.extensions import load_extensions
from seif.judges import Judgement
from seif.outputs import check_new
from seif.preflight import files_of
from seif.quantities import quantity
from seif.report.text import percent
from seif.stage_log import Tables
from seif.tables import write_json_lines
from seif.types import Instruction, Json, Verdict

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
        typer.Option(help="Write every row with its verdicts to this JSONL file; served verdicts are kept beside it."),
    ] = None,
    config: OptionalConfig = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Judge responses, one constraint at a time, and compare with the rules wherever they can check."""
    from seif.scoring import within_limit

    cfg = _with_judger(for_model(config, model or NO_MODEL, overrides), judger)
    by_rules = cfg.judger.kind == "rules"
    cache = None if out is None or is_special(destination(out)) else out
    if out is not None:
        check_new(out, (file, config, *files_of(cfg)), beside=[Beside(out).verdicts], stream=True)
    # All rows are checked before a model is loaded.
    deque(_read(file, by_rules), maxlen=0)
    counts = _Counts()

    def ask(responses: Iterable[api.Response]) -> Iterator[list[Judgement]]:
        return api.judge_each(cfg, responses, model, cache, listener(as_json))

    judged = _judged(_read(file, by_rules), ask, counts)
    if out is not None:
        write_atomically(out, lambda partial: write_json_lines(partial, judged))
    else:
        deque(judged, maxlen=0)
    found = counts.summary(cfg.judger.kind, None if by_rules else model)
    if as_json:
        print(json.dumps(found.to_json(), indent=2))
    else:
        _show(found)
    if not by_rules:
        within_limit(Counter(found.unjudged), found.verdicts, cfg.judger.max_unjudged)


@dataclass(frozen=True)
class _Row:
    """A row of the file as it is, and as a response to be judged."""

    record: Json
    response: api.Response


def _read(file: Path, by_rules: bool) -> Iterator[_Row]:
    """The file's rows, one after the other. Raises UsageError naming the row that can't be judged."""
    from seif.constraints.files import constraints_of, needs_texts
    from seif.constraints.verifiers import verify
    from seif.tables import iter_rows

    number = 0
    for number, record in enumerate(iter_rows(file), 1):
        where = f"{file} row {number}"
        constraints = constraints_of(record, where)
        response, question = record.get("response"), record.get("seed_question", record.get("prompt"))
        if not isinstance(response, str) or not isinstance(question, str):
            raise UsageError(f"{where}: needs `response` and `seed_question` or `prompt`, all texts")
        if not constraints or not (by_rules or record.get("constraint")):
            raise UsageError(f"{where}: {needs_texts(record)}")
        try:
            for c in constraints:
                if c.checkable:
                    verify("probe", c.instruction_id, c.kwargs)
        except UsageError as error:
            raise UsageError(f"{where}: {error}") from error
        # A prompt in the paper's composition ends with its constraints, and an instruction adds them itself.
        seed = question.removesuffix("\n".join(["", *(c.text for c in constraints)]))
        yield _Row(record, api.Response(Instruction(seed, constraints), response))
    if not number:
        raise UsageError(f"{file} holds no rows")


def _judged(
    rows: Iterator[_Row], ask: Callable[[Iterable[api.Response]], Iterable[list[Judgement]]], counts: _Counts
) -> Iterator[Json]:
    """Every row with its verdicts, which are counted; some rows wait for theirs."""
    waiting: deque[_Row] = deque()

    def responses() -> Iterator[api.Response]:
        for row in rows:
            waiting.append(row)
            yield row.response

    for judgements in ask(responses()):
        row = waiting.popleft()
        counts.add(row.response, judgements)
        yield {**row.record, **_verdicts(judgements)}


class Summary(Result):
    """A file's verdicts in numbers."""

    judger: str
    model: str | None
    """None where rules alone judge."""
    rows: int
    verdicts: int
    satisfied: int
    violated: int
    unjudged: dict[str, int]
    """By cause, the commonest first."""
    agreement: ReliabilityByType
    """Over what both a rule and a model judged."""


class _Counts:
    """Counts verdicts, row after row."""

    def __init__(self) -> None:
        self._rows = 0
        self._verdicts: Counter[Verdict] = Counter()
        self._unjudged: Counter[str] = Counter()
        self._tables: Tables = {}

    def add(self, response: api.Response, judgements: list[Judgement]) -> None:
        """Count the verdicts on one response."""
        from seif.evaluation.held_out import add_up, tabulate
        from seif.scoring import check

        self._rows += 1
        self._verdicts.update(j.verdict for j in judgements)
        self._unjudged.update(j.cause for j in judgements if j.verdict is Verdict.UNJUDGED)
        checks = check(response.instruction, response.text, judgements)
        if checks:
            self._tables = add_up([self._tables, tabulate((c.kind, c.rule, c.model) for c in checks)])

    def summary(self, judger: str, model: str | None) -> Summary:
        """What the command prints."""
        from seif.evaluation.held_out import describe_tables

        return Summary(
            judger=judger,
            model=model,
            rows=self._rows,
            verdicts=self._verdicts.total(),
            satisfied=self._verdicts[Verdict.SATISFIED],
            violated=self._verdicts[Verdict.VIOLATED],
            unjudged=dict(self._unjudged.most_common()),
            agreement=describe_tables(self._tables),
        )


def _verdicts(judgements: list[Judgement]) -> Json:
    return {
        "verdicts": [j.verdict.name.lower() for j in judgements],
        "probabilities": [j.probability for j in judgements],
        "causes": [j.cause for j in judgements],
    }


def _with_judger(config: Config, judger: str | None) -> Config:
    if judger is None:
        return config
    tree = config.model_dump(mode="json")
    return load_extensions(build_config({**tree, "judger": {**tree["judger"], "kind": judger}}, "--judger"))


def _show(found: Summary) -> None:
    agreement = found.agreement
    if agreement.n:
        table = Table(
            "instruction",
            "n",
            "rules: satisfied",
            "judge: satisfied",
            "balanced accuracy",
            box=None,
            header_style="bold",
        )
        for kind, one in [*agreement.per_type.items(), ("all", agreement)]:
            table.add_row(kind, f"{one.n:,}", *map(percent, (one.verifier_mean, one.mean, one.balanced_accuracy)))
        console.print(table)
    unjudged = ", ".join(f"{n:,} {cause}" for cause, n in found.unjudged.items())
    console.print(
        f"{quantity(found.verdicts, 'verdict')} on {quantity(found.rows, 'row')}: "
        f"{found.satisfied:,} satisfied, {found.violated:,} violated, "
        f"{sum(found.unjudged.values()):,} unjudged" + (f" ({unjudged})" if unjudged else ""),
        highlight=False,
    )
