"""A comparison in the terminal. Made for 80 columns, whatever the number of runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from seif.comparison.differences import Difference, Method, methods
from seif.comparison.runs import ComparedRun, Comparison, RunDifference
from seif.evaluation.audit import JudgeAudit
from seif.evaluation.results import Accuracy
from seif.progress import NAMES
from seif.quantities import clock
from seif.report.table import plain_table
from seif.report.text import NOTHING, percent, percent_error, plain, points, shorten, type_name, visible

_SIDE_BY_SIDE = 2
_TURNS_SHOWN = 10
_COUNTS_SHOWN = 2
_VALUE_WIDTH = 34
_LARGE = 10**7
_METHODS: dict[Method, str] = {
    "paired": "paired by task",
    "unpaired": "unpaired (*) by n",
    "none": "none where n is unknown",
}
_OVERVIEW = (
    "In percent. Accuracies are by the verifiers, ± one standard error\n"
    "all of k: instructions with every one of their k constraints satisfied, greedy\n"
    "judge - verif.: the Judger's mean minus the verifiers', in points\n"
    "top type, bits: share of the commonest constraint type; entropy of the types"
)


def comparison_parts(comparison: Comparison) -> list[RenderableType]:
    """The runs, their accuracy at the compared turn and over the turns, differences, settings and costs."""
    parts: list[RenderableType] = [_runs(comparison), Text(), _overview(comparison)]
    if any(len(run.run.evaluations) > 1 for run in comparison.runs):
        parts += [Text(), _over_turns(comparison)]
    known = [found for found in comparison.differences if found.whole or found.per_type]
    for i in range(0, len(known), _SIDE_BY_SIDE):
        parts += [Text(), _differences(known[i : i + _SIDE_BY_SIDE], comparison.runs[0].label)]
    if comparison.settings:
        parts += [Text(), _settings(comparison)]
    parts += [Text(), _costs(comparison)]
    for caption, counts in (
        ("tokens read and written in generation and training, by role", [run.tokens for run in comparison.runs]),
        ("calls of models in generation and training, by role", [run.calls for run in comparison.runs]),
    ):
        if any(counts):
            parts += [Text(), _by_role(comparison, counts, caption)]
    return [*parts, *([Text()] if comparison.notes else []), *(Text(f"note: {note}") for note in comparison.notes)]


def difference_text(found: Difference | None) -> str:
    """In points with the 95% interval; * marks an unpaired one."""
    if found is None:
        return NOTHING
    if found.low is None or found.high is None:
        return points(found.value)
    star = "*" if found.method == "unpaired" else ""
    return f"{points(found.value)} ({points(found.low)} to {points(found.high)}){star}"


def how_intervals_were_made(found: Iterable[Difference]) -> str:
    """The methods behind some differences, in words."""
    used = methods(found)
    return "95% intervals: " + "; ".join(words for method, words in _METHODS.items() if method in used)


def value_text(value: object) -> str:
    """A setting's value in one line."""
    return visible(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def turn_name(turn: int | None) -> str:
    """A turn in a table."""
    return NOTHING if turn is None else str(turn) if turn else "base"


def _runs(comparison: Comparison) -> Table:
    table = _table(("", "run", "state", "turns", "turn shown"), left=3)
    for run in comparison.runs:
        done = sum(e.turn > 0 for e in run.run.evaluations)
        best = " (best)" if run.run.best is not None and run.turn == run.run.best else ""
        turns = f"{done} of {run.config.turns}"
        table.add_row(run.label, _end(visible(run.name), 40), run.run.state, turns, turn_name(run.turn) + best)
    return table


def _overview(comparison: Comparison) -> Table:
    counts = sorted(
        {k for r in comparison.runs if r.evaluation for k in r.evaluation.greedy.instruction_accuracy},
        key=lambda k: (len(k), k),
    )[-_COUNTS_SHOWN:]
    heads = ["", "greedy", "sam-\npled", *(f"all\nof {k}" for k in counts)]
    heads += ["judge -\nverif.", "top\ntype", "bits", "audit"]
    rows = [[run.label, *_numbers(run, counts)] for run in comparison.runs]
    shown = [i for i in range(len(heads)) if i == 0 or any(row[i] != NOTHING for row in rows)]
    table = _table([heads[i] for i in shown], left=1, caption=_OVERVIEW)
    for row in rows:
        table.add_row(*(row[i] for i in shown))
    return table


def _numbers(run: ComparedRun, counts: Sequence[str]) -> list[str]:
    if run.evaluation is None:
        return [NOTHING] * (6 + len(counts))
    e, audit = run.evaluation, run.audit_of(run.turn)
    gap = judge_gap(run, run.turn)
    return [
        percent_error(e.greedy.constraint_accuracy, e.greedy.stderr, ""),
        percent(e.held_out.get("sampled", Accuracy()).constraint_accuracy, ""),
        *(percent(e.greedy.instruction_accuracy.get(k), "") for k in counts),
        NOTHING if gap is None else points(gap),
        percent(e.instructor.top_type_share, ""),
        plain(e.instructor.type_entropy),
        percent_error(audit.accuracy, audit.stderr, "") if audit else NOTHING,
    ]


def judge_gap(run: ComparedRun, turn: int | None) -> float | None:
    """The judge's mean minus the verifiers' on held-out answers, or where it wasn't measured there, on audit tasks."""
    evaluation, audit = run.evaluation_of(turn), run.audit_of(turn)
    if evaluation is not None and evaluation.judger.mean is not None and evaluation.judger.verifier_mean is not None:
        return evaluation.judger.mean - evaluation.judger.verifier_mean
    return ((audit.judge if audit else None) or JudgeAudit()).gap


def _over_turns(comparison: Comparison) -> Table:
    turns = sorted({e.turn for run in comparison.runs for e in run.run.evaluations})
    shown = turns if len(turns) <= _TURNS_SHOWN else [turns[0], *turns[-_TURNS_SHOWN + 1 :]]
    caption = "held-out constraint accuracy, greedy, in percent, by turn"
    if shown != turns:
        caption += f"\n(the base and the last {_TURNS_SHOWN - 1} turns)"
    table = _table(("", *map(turn_name, shown)), left=1, caption=caption)
    for run in comparison.runs:
        found = [run.evaluation_of(turn) for turn in shown]
        table.add_row(run.label, *(percent(e.greedy.constraint_accuracy, "") if e else NOTHING for e in found))
    return table


def _differences(found: Sequence[RunDifference], first: str) -> Table:
    every = [d for one in found for d in (*one.whole.values(), *one.per_type.values())]
    table = _table(("points", *(f"{one.label} - {first}" for one in found)), left=1)
    table.caption = how_intervals_were_made(every)
    whole = list(dict.fromkeys(name for one in found for name in one.whole))
    for i, name in enumerate(whole):
        table.add_row(name, *(difference_text(one.whole.get(name)) for one in found), end_section=i == len(whole) - 1)
    kinds = {kind for one in found for kind in one.per_type}
    for kind in sorted(kinds, key=lambda k: (-max(one.per_type[k].value for one in found if k in one.per_type), k)):
        cells = (difference_text(one.per_type.get(kind)) for one in found)
        table.add_row(shorten(visible(type_name(kind)[0]), 26), *cells)
    return table


def _settings(comparison: Comparison) -> Table:
    table = _table(("what differs", "runs", "value"), left=3)
    for setting in comparison.settings:
        by_value: dict[str, list[str]] = {}
        for run, value in zip(comparison.runs, setting.values, strict=True):
            by_value.setdefault(value_text(value), []).append(run.label)
        for i, (value, labels) in enumerate(by_value.items()):
            key = "" if i else _end(visible(setting.key), 32)
            table.add_row(key, shorten(", ".join(labels), 10), _end(value, _VALUE_WIDTH))
    return table


def _costs(comparison: Comparison) -> Table:
    heads = ("stage", "run", "times", "wall clock", "CPU", "peak memory")
    table = _table(heads, left=2, caption="finished stages, over all turns and sittings")
    stages = [stage for stage in NAMES if any(cost.stage == stage for run in comparison.runs for cost in run.costs)]
    for stage in stages:
        name = NAMES[stage]
        for run in comparison.runs:
            for cost in (cost for cost in run.costs if cost.stage == stage):
                cpu = NOTHING if cost.cpu_seconds is None else clock(cost.cpu_seconds)
                table.add_row(name, run.label, str(cost.times), clock(cost.seconds), cpu, memory(cost.peak_bytes))
                name = ""
    for i, run in enumerate(comparison.runs):
        table.add_row("" if i else "all", run.label, "", clock(run.run.seconds), "", "")
    return table


def _by_role(comparison: Comparison, counts: Sequence[Mapping[str, int]], caption: str) -> Table:
    roles = sorted({role for by_role in counts for role in by_role})
    table = _table(("", *roles, "all"), left=1, caption=caption)
    for run, by_role in zip(comparison.runs, counts, strict=True):
        table.add_row(
            run.label, *(large_count(by_role.get(role)) for role in roles), large_count(sum(by_role.values()) or None)
        )
    return table


def large_count(count: int | None) -> str:
    """Tokens or calls for people."""
    if count is None:
        return NOTHING
    return f"{count / 1e6:,.0f} M" if count >= _LARGE else f"{count:,}"


def memory(size: int | None) -> str:
    """Bytes for people."""
    return NOTHING if size is None else f"{size / 1e9:,.2f} GB"


def _end(text: str, width: int) -> str:
    """The end of a text, where it is longer: what tells paths apart stands there."""
    line = " ".join(text.split())
    return line if len(line) <= width else f"…{line[-width + 1 :]}"


def _table(heads: Sequence[str], left: int, caption: str | None = None) -> Table:
    """A plain table whose first `left` columns are texts, and the others numbers."""
    table = plain_table(caption=caption)
    for i, head in enumerate(heads):
        table.add_column(head, justify="left" if i < left else "right", no_wrap=True)
    return table
