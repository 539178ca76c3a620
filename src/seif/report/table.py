"""A run's numbers in the terminal: where it is, its turns, and what a plan costs. Made for 80 columns; 100 are always enough."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from seif.artifacts import RunDir, read_json
from seif.report.text import NOTHING, dig, percent, percent_error

_COUNTS_SHOWN = 4


def run_status(run_dir: RunDir) -> dict[str, Any]:
    """Where a run is: `state`, wall-clock `seconds` of its finished stages, and `turns`, the evaluations (base first).

    The state is `finished` (every turn is evaluated), `running` (a process holds the run), `stopped` (the same command
    would continue it) or `new` (no stage has begun). Raises UsageError when this is no run directory.
    """
    turns = run_dir.config().turns
    found = {t: read_json(run_dir.evaluation(t)) for t in range(turns + 1) if run_dir.evaluation(t).exists()}
    return {"state": run_dir.state(), "seconds": run_dir.seconds(), "turns": list(found.values())}


def turn_seconds(run_dir: RunDir) -> dict[int, float]:
    """Wall-clock seconds of each turn's finished stages; turn 0 is the base's."""
    seconds: dict[int, float] = {}
    for event in run_dir.events.read():
        if event["event"] == "stage_finished":
            seconds[event["turn"]] = seconds.get(event["turn"], 0.0) + event["seconds"]
    return seconds


def turn_table(run_dir: RunDir) -> Table:
    """One row per evaluated turn, the base first. Raises UsageError when this is no run directory."""
    seconds = turn_seconds(run_dir)
    results = [{**r, "seconds": seconds.get(r["turn"], r.get("seconds"))} for r in run_status(run_dir)["turns"]]
    return evaluation_table(results, ["base" if r["turn"] == 0 else str(r["turn"]) for r in results])


def evaluation_table(results: list[dict[str, Any]], names: list[str] | None = None) -> Table:
    """One row per evaluation, in percent; `names` heads the rows. Columns of what no evaluation measured are left out."""
    counts = sorted({k for r in results for k in dig(r, "held_out", "greedy", "instruction_accuracy") or {}}, key=lambda k: (len(k), k))
    columns: list[tuple[str, list[str]]] = [
        ("greedy", [_accuracy(r, "greedy") for r in results]),
        ("sam-\npled", [_share(dig(r, "held_out", "sampled", "constraint_accuracy")) for r in results]),
    ]
    for k in counts[:_COUNTS_SHOWN]:
        columns.append((f"all\nof {k}", [_share(dig(r, "held_out", "greedy", "instruction_accuracy", k)) for r in results]))
    columns += [
        ("Judger/\nverifier", [_judger(r) for r in results]),
        ("bal.\nacc.", [_share(dig(r, "judger", "balanced_accuracy")) for r in results]),
        ("top\ntype", [_share(dig(r, "instructor", "top_type_share")) for r in results]),
        ("sec.", [f"{r['seconds']:.0f}" if r.get("seconds") is not None else NOTHING for r in results]),
    ]
    table = _table(caption="In percent, ± one standard error; sec. is wall-clock.\nall of k: instructions with every one of their k constraints satisfied.")
    shown = [(head, cells) for head, cells in columns if any(c != NOTHING for c in cells)]
    if names is not None:
        table.add_column("turn", no_wrap=True)
    for head, _ in shown:
        table.add_column(head, justify="right", no_wrap=True)
    for i in range(len(results)):
        table.add_row(*([names[i]] if names is not None else []), *(cells[i] for _, cells in shown))
    return table


def plan_table(numbers: dict[str, Any]) -> list[RenderableType]:
    """What `loop.plan` says, for a terminal: the checkpoint of each role in each turn, the steps, and the calls per step."""
    turns = numbers["turns"]
    trained = any(t["instructor_starts_from"] for t in turns)
    table = _table()
    heads = ("turn", "Instructor\nfrom", "steps", "Filter", "answerer", "Judger", "Follower\nfrom", "steps")
    for head in heads:
        table.add_column(head, justify="right" if head == "steps" else "left", no_wrap=True)
    for t in turns:
        instructor = t["instructor_starts_from"] or t["instructions_written_by"]
        steps = str(t["instructor_steps"]) if trained else NOTHING
        judger = t["reward_model_for_follower"] or t["judger"]
        table.add_row(str(t["turn"]), instructor, steps, t["filter"], t["answerer"], judger, t["follower_starts_from"], str(t["follower_steps"]))
    calls = _table()
    for head in ("calls per step of", "answers", "Filter", "Judger"):
        calls.add_column(head, justify="left" if head.startswith("calls") else "right", no_wrap=True)
    i, f = numbers["instructor_step"], numbers["follower_step"]
    if trained:
        calls.add_row("Instructor", f"{i['answer_calls']:,}", f"{i['filter_calls']:,}", f"{i['judge_calls']:,}")
    calls.add_row("Follower", f"{f['answers']:,}", "0", f"{f['judge_calls']:,}")
    opening = Text(f"{len(turns)} turns from {numbers['model']} on {numbers['seeds']:,} seeds")
    if not trained:
        writer = f"all instructions are those of {numbers['instructions']}" if numbers["instructions"] else "the base writes all instructions"
        opening.append(f"; the Instructor is not trained, {writer}")
    parts: list[RenderableType] = [opening, Text(), table, Text(), calls]
    if numbers["reward_model"]:
        r = numbers["reward_model"]
        told = f"a reward model a turn, {r['epochs']} epochs from {r['starts_from']} on the labels of at most {r['answers']:,} answers"
        parts += [Text(), Text(told)]
    return parts


def _accuracy(result: dict[str, Any], decoding: str) -> str:
    found = dig(result, "held_out", decoding)
    return percent_error(dig(found, "constraint_accuracy"), dig(found, "stderr"), "")


def _judger(result: dict[str, Any]) -> str:
    mean, truth = (_share(dig(result, "judger", k)) for k in ("mean", "verifier_mean"))
    return NOTHING if mean == NOTHING else f"{mean}/{truth}"


def _share(value: Any) -> str:
    """A share in at most four characters."""
    text = percent(value, "")
    return "100" if text == "100.0" else text


def _table(caption: str | None = None) -> Table:
    return Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), caption=caption, caption_justify="left", header_style="bold")
