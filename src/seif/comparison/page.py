"""A comparison as one HTML page, of the report's building blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from markupsafe import Markup

from seif.comparison.differences import Difference
from seif.comparison.runs import ComparedRun, Comparison, StageCost
from seif.comparison.table import (
    difference_text,
    how_intervals_were_made,
    judge_gap,
    memory,
    turn_name,
    value_text,
)
from seif.evaluation.results import Accuracy, Decoding
from seif.progress import NAMES
from seif.report.blocks import Block, Cell, Figure, Row, Table, Text, constraints, named
from seif.report.charts import MARKERS, Axis, Series, number_axis, share_axis, turn_chart
from seif.report.page import Page, Part, write_page
from seif.report.text import NOTHING, duration, percent, percent_error, plain, points, shorten

_COLOURS, _DASHES = 6, 4
"""As many as the style sheet has of each; with the markers they repeat after 60 runs."""
Measured = tuple[float | None, float | None]
"""A number and its standard error."""
Read = Callable[[ComparedRun, int], Measured]


def write_comparison(comparison: Comparison, out: str | Path) -> Path:
    """Write a comparison as one self-contained page, and return where it is."""
    parts = [
        Part("runs", "Runs", "Runs", [_runs(comparison), *(Text(note, note=True) for note in comparison.notes)]),
        Part("accuracy", "Held-out accuracy", "Accuracy", _accuracy(comparison)),
        Part("pool", "What the Instructors wrote", "Instructors", _pool(comparison)),
        Part("judge", "The judge against the verifiers", "Judge", _judge(comparison)),
        Part("audit", "Audit", "Audit", _audit(comparison)),
        Part("differences", "Differences", "Differences", _differences(comparison)),
        Part("settings", "What differs in the settings", "Settings", _settings(comparison)),
        Part("costs", "Time, memory, tokens and calls", "Costs", _costs(comparison)),
    ]
    names = " · ".join(run.name for run in comparison.runs)
    lead = " ".join(_sentence(run, comparison) for run in comparison.runs)
    note = "Greedy decoding; ± is one standard error. Lines differ by colour, dash and marker."
    target = Path(out)
    write_page(Page(shorten(names, 160), "SEIF comparison", lead, note, [], parts), target)
    return target


def _sentence(run: ComparedRun, comparison: Comparison) -> str:
    if run.evaluation is None or run.evaluation.greedy.constraint_accuracy is None:
        return f"{run.label} has no held-out accuracy to compare."
    greedy = run.evaluation.greedy
    turn = f"turn {run.turn}" if run.turn else "the base"
    value = percent_error(greedy.constraint_accuracy, greedy.stderr).replace(" ", "\N{NO-BREAK SPACE}")
    if run is comparison.runs[0]:
        return f"{run.label} satisfies {value} of the held-out constraints in {turn}."
    found = next(d for d in comparison.differences if d.label == run.label).whole.get("held-out, greedy")
    if found is None:
        return f"{run.label}: {value} in {turn}."
    within = "" if found.low is None or found.clear else ", which is within error"
    return f"{run.label}: {value} in {turn}, {points(found.value)} points{within}."


def _runs(comparison: Comparison) -> Table:
    rows = []
    for run in comparison.runs:
        done = sum(e.turn > 0 for e in run.run.evaluations)
        tasks = run.evaluation.greedy.n if run.evaluation else 0
        cells = (
            run.run.state,
            "/".join(Path(run.config.model).parts[-2:]),
            f"{done} of {run.config.turns}",
            turn_name(run.turn),
            turn_name(run.run.best),
            f"{tasks:,}" if tasks else NOTHING,
            duration(run.run.seconds),
        )
        rows.append(Row(f"{run.label}  {run.name}", "", tuple(map(Cell, cells))))
    heads = ("run", "state", "model", "turns", "turn compared", "best by audit", "held-out tasks", "time in stages")
    caption = "The first run is the one that the others are compared with."
    return Table(heads, tuple(rows), caption=caption)


# --- curves -----------------------------------------------------------------------------------------------------------


class _Curves:
    """Panels with one line per run, and the same numbers as a table."""

    def __init__(self, comparison: Comparison) -> None:
        self.runs = comparison.runs
        evaluated = {e.turn for run in self.runs for e in run.run.evaluations}
        self.turns = sorted(evaluated | {audit.turn for run in self.runs for audit in run.run.audits})
        self.panels: list[Markup] = []
        self.rows: list[Row] = []

    def add(
        self,
        title: str,
        read: Read,
        axis: Callable[[Sequence[float | None]], Axis] = share_axis,
        write: Callable[[float], str] = percent,
    ) -> None:
        """Draw a number of the turns, where any run has it."""
        found = {run.label: [read(run, turn) for turn in self.turns] for run in self.runs}
        known = [(v, e or 0.0) for line in found.values() for v, e in line if v is not None]
        if not known:
            return
        series = [
            Series(
                f"{run.label} {shorten(run.name, 11)}",
                [value for value, _ in found[run.label]],
                [error for _, error in found[run.label]],
                f"r{i % _COLOURS} dash{i % _DASHES}",
                MARKERS[i % len(MARKERS)],
            )
            for i, run in enumerate(self.runs)
            if any(value is not None for value, _ in found[run.label])
        ]
        labels = [turn_name(turn) for turn in self.turns]
        reach = [v + sign * e for v, e in known for sign in (-1, 1)]
        self.panels.append(turn_chart(title, labels, series, axis(reach), write))
        self.rows.append(Row(title, "", ()))
        for run in self.runs:
            cells = (
                Cell(NOTHING if v is None else write(v) + ("" if e is None else f" ± {write(e)}"))
                for v, e in found[run.label]
            )
            self.rows.append(Row(f"{run.label}  {run.name}", "", tuple(cells)))

    def figure(self, caption: str) -> list[Block]:
        """The panels in one figure; none where nothing was measured."""
        if not self.panels:
            return []
        heads = ("", *(f"turn {turn}" if turn else "base" for turn in self.turns))
        return [Figure(tuple(self.panels), table=Table(heads, tuple(self.rows)), caption=caption)]


def _accuracy(comparison: Comparison) -> list[Block]:
    curves = _Curves(comparison)
    decodings: tuple[Decoding, ...] = ("greedy", "sampled")
    for decoding in decodings:
        curves.add(f"Constraints satisfied, {decoding}", _constraint_accuracy(decoding))
    evaluations = [e for run in comparison.runs for e in run.run.evaluations]
    counts = {k for e in evaluations for d in decodings for k in e.held_out.get(d, Accuracy()).instruction_accuracy}
    for k in sorted(counts, key=lambda k: (len(k), k)):
        curves.add(f"Whole instructions of {constraints(k)}, greedy", _instruction_accuracy(k))
    curves.add("Types that no Instructor writes, sampled", _new_types)
    return curves.figure(
        "Constraints satisfied: the share of all constraints, by the verifiers. Whole instructions: the share of those "
        "with every constraint satisfied. Bars are one standard error; mind where the axes begin."
    )


def _pool(comparison: Comparison) -> list[Block]:
    curves = _Curves(comparison)
    curves.add("Share of the commonest type", _top_type)
    curves.add("Entropy of the types, bits", _entropy, number_axis, plain)
    return curves.figure("What the pools of instructions are made of: the lower the entropy, the fewer types.")


def _judge(comparison: Comparison) -> list[Block]:
    curves = _Curves(comparison)
    curves.add("Judge minus verifiers, points", _gap, number_axis, plain)
    curves.add("Balanced accuracy", _balanced)
    return curves.figure(
        "On the same held-out answers: how much more the judge calls satisfied than the verifiers, and the mean of its "
        "recalls on satisfied and on violated constraints. Where a judge isn’t measured there, the gap is its audit’s."
    )


def _audit(comparison: Comparison) -> list[Block]:
    curves = _Curves(comparison)
    curves.add("Audit accuracy", _audit_accuracy)
    curves.add("TPR − FPR of the judge", _audit_j)
    return curves.figure(
        "On each run’s audit tasks: constraints satisfied, by the verifiers, and of the satisfied and the violated "
        "constraints the share that the judge calls satisfied, one minus the other."
    )


def _constraint_accuracy(decoding: Decoding) -> Read:
    def read(run: ComparedRun, turn: int) -> Measured:
        e = run.evaluation_of(turn)
        found = e.held_out.get(decoding, Accuracy()) if e else Accuracy()
        return found.constraint_accuracy, found.stderr

    return read


def _instruction_accuracy(k: str) -> Read:
    def read(run: ComparedRun, turn: int) -> Measured:
        e = run.evaluation_of(turn)
        found = e.greedy if e else Accuracy()
        return found.instruction_accuracy.get(k), found.instruction_stderr.get(k)

    return read


def _new_types(run: ComparedRun, turn: int) -> Measured:
    e = run.evaluation_of(turn)
    found = e.held_out_types.get("sampled", Accuracy()) if e else Accuracy()
    return found.constraint_accuracy, found.stderr


def _top_type(run: ComparedRun, turn: int) -> Measured:
    e = run.evaluation_of(turn)
    return (e.instructor.top_type_share if e else None), None


def _entropy(run: ComparedRun, turn: int) -> Measured:
    e = run.evaluation_of(turn)
    return (e.instructor.type_entropy if e else None), None


def _gap(run: ComparedRun, turn: int) -> Measured:
    gap = judge_gap(run, turn)
    return (None if gap is None else 100 * gap), None


def _balanced(run: ComparedRun, turn: int) -> Measured:
    e = run.evaluation_of(turn)
    return (e.judger.balanced_accuracy if e else None), None


def _audit_accuracy(run: ComparedRun, turn: int) -> Measured:
    audit = run.audit_of(turn)
    return (audit.accuracy, audit.stderr) if audit else (None, None)


def _audit_j(run: ComparedRun, turn: int) -> Measured:
    audit = run.audit_of(turn)
    return (audit.judge.j.value if audit and audit.judge else None), None


# --- tables -----------------------------------------------------------------------------------------------------------


def _differences(comparison: Comparison) -> list[Block]:
    known = [one for one in comparison.differences if one.whole or one.per_type]
    if not known:
        return []
    rows = [
        Row(name, "", tuple(_difference(one.whole.get(name)) for one in known))
        for name in dict.fromkeys(name for one in known for name in one.whole)
    ]
    kinds = {kind for one in known for kind in one.per_type}
    if kinds:
        rows.append(Row("held-out, greedy, by type", "", ()))
    for kind in sorted(kinds, key=lambda k: (-max(one.per_type[k].value for one in known if k in one.per_type), k)):
        rows.append(named(kind, tuple(_difference(one.per_type.get(kind)) for one in known)))
    how = how_intervals_were_made(d for one in known for d in (*one.whole.values(), *one.per_type.values()))
    first = comparison.runs[0].label
    caption = (
        f"Percentage points, each run’s compared turn minus that of {first}, with {how}. “!” marks an interval "
        "without zero; of twenty such rows one is expected where nothing differs."
    )
    return [Table(("type", *(f"{one.label} − {first}" for one in known)), tuple(rows), caption=caption)]


def _difference(found: Difference | None) -> Cell:
    return Cell(difference_text(found), watch=found is not None and found.clear)


def _settings(comparison: Comparison) -> list[Block]:
    if not comparison.settings:
        return [Text("Configs, files and packages are the same.")]
    rows = (
        Row(setting.key, "", tuple(Cell(shorten(value_text(value), 60)) for value in setting.values))
        for setting in comparison.settings
    )
    return [Table(("key", *_labels(comparison)), tuple(rows), caption="Keys of the configs, packages and files.")]


def _costs(comparison: Comparison) -> list[Block]:
    rows: list[Row] = []
    stages = [stage for stage in NAMES if any(cost.stage == stage for run in comparison.runs for cost in run.costs)]
    by_run = [{cost.stage: cost for cost in run.costs} for run in comparison.runs]
    kinds: tuple[tuple[str, Callable[[StageCost], str]], ...] = (
        ("wall clock", lambda cost: duration(cost.seconds)),
        ("CPU", lambda cost: NOTHING if cost.cpu_seconds is None else duration(cost.cpu_seconds)),
        ("peak memory", lambda cost: memory(cost.peak_bytes)),
    )
    for title, read in kinds if stages else ():
        rows.append(Row(title, "", ()))
        for stage in stages:
            found = (costs.get(stage) for costs in by_run)
            rows.append(Row(NAMES[stage], "", _cells(NOTHING if cost is None else read(cost) for cost in found)))
    for title, counts in (
        ("tokens", [run.tokens for run in comparison.runs]),
        ("calls", [run.calls for run in comparison.runs]),
    ):
        roles = sorted({role for by_role in counts for role in by_role})
        if roles:
            rows.append(Row(title, "", ()))
        rows += [Row(role, "", _cells(plain(by_role.get(role), 0) for by_role in counts)) for role in roles]
    caption = (
        "Finished stages, over all turns and sittings; tokens read and written, and calls of models, in generation and "
        "training, by role."
    )
    return [Table(("stage", *_labels(comparison)), tuple(rows), caption=caption)] if rows else []


def _cells(texts: Iterable[str]) -> tuple[Cell, ...]:
    return tuple(map(Cell, texts))


def _labels(comparison: Comparison) -> list[str]:
    return [f"{run.label} {shorten(run.name, 24)}" for run in comparison.runs]
