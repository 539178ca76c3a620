"""A run's numbers in the terminal: where it is, its turns, and what a plan costs. Made for 80 columns."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

from rich import box
from rich.console import Console, Group, RenderableType
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from seif.analysis.run import PoolAnalysis
from seif.artifacts import RunDir
from seif.evaluation.audit import JudgeAudit
from seif.evaluation.results import Accuracy, Evaluation, JudgeAgreement, SuiteResult
from seif.quantities import quantity
from seif.report.text import NOTHING, percent, percent_error, points, share_interval, shorten, suite_number, type_name
from seif.results import Plan, Run, read_run

WIDTH = 80
"""Columns of a terminal that every table fits."""
_ENDLESS = Console(width=10_000, file=io.StringIO())
_LONGEST_NAME = 14
_ABBREVIATIONS = "I99, F99, R99: the Instructor, the Follower and the reward model that turn 99 trains"
_COUNTS_SHOWN = 4
_GREEDY = "greedy: held-out constraints satisfied, ± one standard error"
_TOP = "top type: share of the commonest constraint type"
_JUDGER = "Judger/verifier: constraints that each calls satisfied, on the same answers"
_AUDIT = (
    "In percent, on the audit tasks.\n"
    "judge - verifier: means of their verdicts, as rewards counted them\n"
    "TPR, FPR: of what is satisfied or violated, how much the Judger calls satisfied\n"
    "TPR - FPR: with its 95% interval"
)
_BALANCED = "bal. acc.: balanced accuracy of the Judger against the verifiers"


def turn_seconds(run_dir: RunDir) -> dict[int, float]:
    """Wall-clock seconds of each turn's finished stages; turn 0 is the base's."""
    seconds: dict[int, float] = {}
    for done in run_dir.finished_stages():
        seconds[done.turn] = seconds.get(done.turn, 0.0) + done.seconds
    return seconds


def turn_table(run_dir: RunDir) -> RenderableType:
    """One row per evaluated turn, the base first. Raises UsageError when this is no run directory."""
    seconds = turn_seconds(run_dir)
    results = [e.model_copy(update={"seconds": seconds.get(e.turn, e.seconds)}) for e in read_run(run_dir).evaluations]
    return evaluation_table(results, ["base" if e.turn == 0 else str(e.turn) for e in results])


def evaluation_table(results: Sequence[Evaluation], names: Sequence[str] | None = None) -> RenderableType:
    """One row per evaluation, in percent; `names` heads the rows. Columns without any number are left out, and suites
    that would make it too wide have a table of their own.
    """
    whole = _evaluations(results, names)
    if _width(whole) <= WIDTH and all(len(name) <= _LONGEST_NAME for e in results for name in e.suites):
        return whole
    bare = [e.model_copy(update={"suites": {}}) for e in results]
    return Group(_evaluations(bare, names), Text(), _suites(results, names))


def _suites(results: Sequence[Evaluation], names: Sequence[str] | None) -> Table:
    """One row per suite and evaluation: the suite's first number."""
    table = plain_table()
    for head in ("suite", *(["turn"] if names is not None else []), "in percent"):
        table.add_column(head, justify="right" if head == "in percent" else "left", overflow="fold")
    for suite in dict.fromkeys(name for e in results for name in e.suites):
        for i, e in enumerate(results):
            if suite in e.suites:
                table.add_row(suite, *([names[i]] if names is not None else []), _headline(e.suites[suite]))
    return table


def _evaluations(results: Sequence[Evaluation], names: Sequence[str] | None) -> Table:
    counts = sorted({k for e in results for k in e.greedy.instruction_accuracy}, key=lambda k: (len(k), k))
    sampled = [e.held_out.get("sampled", Accuracy()) for e in results]
    suites = dict.fromkeys(name for e in results for name in e.suites)
    # A suite takes the place of two of these columns, so that the table fits 80 characters.
    left = max(1, _COUNTS_SHOWN - 2 * len(suites) - any(e.held_out_types for e in results))
    whole = "all of k: instructions with every one of their k constraints satisfied"
    # Each column with its head, its cells, and what the caption says about it.
    columns = [
        ("greedy", [percent_error(e.greedy.constraint_accuracy, e.greedy.stderr, "") for e in results], _GREEDY),
        ("sam-\npled", [_share(found.constraint_accuracy) for found in sampled], "sampled: the same at temperature 1"),
        (
            "new\ntypes",
            [_share(e.held_out_types.get("sampled", Accuracy()).constraint_accuracy) for e in results],
            "new types: sampled, on constraint types that no Instructor writes",
        ),
        *(
            (f"all\nof {k}", [_share(e.greedy.instruction_accuracy.get(k)) for e in results], whole)
            for k in counts[:_COUNTS_SHOWN][-left:]
        ),
        *((name, [_headline(e.suites.get(name)) for e in results], "") for name in suites),
        ("Judger/\nverifier", [_judger(e.judger) for e in results], _JUDGER),
        ("bal.\nacc.", [_share(e.judger.balanced_accuracy) for e in results], _BALANCED),
        (
            "top\ntype",
            [_share(e.instructor.top_type_share) for e in results],
            _TOP,
        ),
        (
            "sec.",
            [NOTHING if e.seconds is None else f"{e.seconds:.0f}" for e in results],
            "sec.: wall-clock time of the turn's stages",
        ),
    ]
    shown = [column for column in columns if any(cell != NOTHING for cell in column[1])]
    notes = dict.fromkeys(note for _, _, note in shown if note)
    table = plain_table(caption="\n".join(["In percent.", *notes]) if notes else None)
    if names is not None:
        table.add_column("turn", no_wrap=True)
    for head, _, _ in shown:
        table.add_column(head, justify="right", no_wrap=True)
    for i in range(len(results)):
        table.add_row(*([names[i]] if names is not None else []), *(cells[i] for _, cells, _ in shown))
    return table


def audit_parts(run: Run) -> list[RenderableType]:
    """One row per audited turn, the base first, and where the loop ended early; nothing without an audit."""
    if not run.audits:
        return []
    table = plain_table(caption=_AUDIT)
    table.add_column("audit")
    for head in ("accuracy", "judge - verifier", "TPR", "FPR", "TPR - FPR"):
        table.add_column(head, justify="right", no_wrap=True)
    for audit in run.audits:
        judge = audit.judge or JudgeAudit()
        table.add_row(
            ("base" if audit.turn == 0 else str(audit.turn)) + (" (best)" if audit.turn == run.best else ""),
            percent_error(audit.accuracy, audit.stderr, ""),
            NOTHING if judge.gap is None else points(judge.gap),
            percent(judge.tpr.value, ""),
            percent(judge.fpr.value, ""),
            share_interval(judge.j),
        )
    parts: list[RenderableType] = [Text(), table]
    if run.stopped_early is not None:
        parts.append(Text(f"stopped after turn {run.stopped_early.turn}: {run.stopped_early.reason}"))
    return parts


def suite_table(name: str, result: SuiteResult) -> Table:
    """One row per number that a suite measured."""
    table = plain_table(caption=f"{name}, {quantity(result.n, 'prompt')}")
    table.add_column("")
    table.add_column("value", justify="right", no_wrap=True)
    for key in result.numbers:
        table.add_row(key, suite_number(result, key))
    return table


def _width(table: Table) -> int:
    """Columns that a table would take if it had as many as it wants."""
    return Measurement.get(_ENDLESS, _ENDLESS.options, table).maximum


def plan_table(plan: Plan) -> list[RenderableType]:
    """What `loop.plan` says: the checkpoint of each role in each turn, the steps, and the calls per step."""
    table = _turns(plan, lambda name: name)
    if _width(table) > WIDTH:
        table = _turns(plan, _abbreviated)
        table.caption = _ABBREVIATIONS
    return _plan_parts(plan, table)


def _abbreviated(name: str) -> str:
    """`instructor_99` as I99, so that a table of many turns fits."""
    for long, short in {"instructor_": "I", "follower_": "F", "reward_model_": "R"}.items():
        if name.startswith(long):
            return short + name.removeprefix(long)
    return shorten(name, _LONGEST_NAME)


def _turns(plan: Plan, named: Callable[[str], str]) -> Table:
    """One row per turn; `named` is what a checkpoint is called."""
    turns = plan.turns
    trained = any(t.instructor_starts_from for t in turns)
    table = plain_table()
    heads = ("turn", "Instructor\nfrom", "steps", "Filter", "answerer", "Judger", "Follower\nfrom", "steps")
    for head in heads:
        table.add_column(head, justify="right" if head == "steps" else "left", no_wrap=True)
    for t in turns:
        instructor = t.instructor_starts_from or t.instructions_written_by
        steps = str(t.instructor_steps) if trained else NOTHING
        judger = t.reward_model_for_follower or t.judger
        table.add_row(
            str(t.turn),
            named(instructor),
            steps,
            *map(named, (t.filter, t.answerer, judger, t.follower_starts_from)),
            str(t.follower_steps),
        )
    return table


def _plan_parts(plan: Plan, table: Table) -> list[RenderableType]:
    turns = plan.turns
    trained = any(t.instructor_starts_from for t in turns)
    calls = plain_table()
    for head in ("calls per step of", "answers", "Filter", "Judger"):
        calls.add_column(head, justify="left" if head.startswith("calls") else "right", no_wrap=True)
    i, f = plan.instructor_step, plan.follower_step
    if trained:
        calls.add_row("Instructor", f"{i['answer_calls']:,}", f"{i['filter_calls']:,}", f"{i['judge_calls']:,}")
    calls.add_row("Follower", f"{f['answers']:,}", "0", f"{f['judge_calls']:,}")
    if plan.probes:
        answers, verdicts = plan.probes["answers"], plan.probes["judge_calls"]
        calls.add_row("gate, per turn at most", f"{answers:,}", NOTHING, f"{verdicts:,}")
    opening = Text(f"{quantity(len(turns), 'turn')} from {plan.model} on {quantity(plan.seeds, 'seed')}")
    if not trained:
        writer = (
            f"all instructions are those of {plan.instructions}"
            if plan.instructions
            else "the base writes all instructions"
        )
        opening.append(f"; the Instructor is not trained, {writer}")
    parts: list[RenderableType] = [opening, Text(), table, Text(), calls]
    if plan.reward_model:
        r = plan.reward_model
        line = (
            f"a reward model a turn, {quantity(int(r['epochs']), 'epoch')} from {r['starts_from']} on the labels of "
            f"at most {quantity(int(r['answers']), 'answer')}"
        )
        parts += [Text(), Text(line)]
    return parts


def _headline(result: SuiteResult | None) -> str:
    """A suite's first number."""
    if result is None or not result.numbers:
        return NOTHING
    return suite_number(result, next(iter(result.numbers)), "")


def _judger(found: JudgeAgreement) -> str:
    return NOTHING if found.mean is None else f"{_share(found.mean)}/{_share(found.verifier_mean)}"


def _share(value: object) -> str:
    """A share in at most four characters."""
    text = percent(value, "")
    return "100" if text == "100.0" else text


def plain_table(caption: str | None = None) -> Table:
    """A table without a frame."""
    return Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        caption=caption,
        caption_justify="left",
        header_style="bold",
    )


_POOLS = (
    "entropy: over constraint types, in bits; words: of an instruction's constraints\n"
    "diversity: distinct words per word; surprise: of a constraint's type and values in turn 0, in bits"
)
_BASE = "base: constraints of the turn's instructions that the base satisfies, ± one standard error"


def pool_parts(found: PoolAnalysis) -> list[RenderableType]:
    """How the instructions change: a row per turn, then the types that grew and shrank most."""
    by_turn = {a.turn: a for a in found.adherence}
    table = Table(box=box.SIMPLE, caption="\n".join([_POOLS, *([_BASE] if by_turn else [])]), caption_justify="left")
    for head in ("turn", "instructions", "entropy", "words", "diversity", "surprise", *(["base"] if by_turn else [])):
        table.add_column(head, justify="right")
    for pool in found.pools:
        cells = [
            "base" if pool.turn == 0 else str(pool.turn),
            f"{pool.instructions:,}",
            f"{pool.type_entropy:.2f}",
            f"{pool.mean_words:.1f}",
            f"{pool.lexical_diversity:.3f}",
            f"{pool.rarity:.2f}",
        ]
        if by_turn:
            own = by_turn.get(pool.turn)
            cells.append(percent_error(own.accuracy, own.stderr) if own else NOTHING)
        table.add_row(*cells)
    parts: list[RenderableType] = [table]
    for pool in found.pools:
        for word, rows in (("grew", pool.grown), ("shrank", pool.shrunk)):
            if rows:
                said = ", ".join(f"{type_name(r.type)[0]} {percent(r.before)} to {percent(r.after)}" for r in rows)
                parts.append(Text(f"turn {pool.turn}, {word} most: {said}"))
    return parts
