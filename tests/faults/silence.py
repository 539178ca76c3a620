"""Commands that take seconds and say nothing, tables that don't fit, and words that don't agree with their number."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow as pa
import pyarrow.parquet as pq
from benchmarks.server import Behaviour, running
from rich.console import Console, RenderableType

from faults.campaign import (
    PLAIN,
    TRACEBACK,
    UNDER_WAY,
    Crashed,
    Ended,
    Fault,
    Overran,
    Silent,
    call,
    expect_line,
    start,
)
from seif.evaluation.results import Accuracy, Evaluation, InstructorNumbers, JudgeAgreement, SuiteResult
from seif.results import DeviceEstimate, Estimate, Plan, PlannedTurn, StageEstimate
from support import NANO, ROOT

SEEDS, MODEL, HELD_OUT = NANO / "data" / "seeds.parquet", NANO / "model", NANO / "data" / "held_out.parquet"

# --- what takes seconds says so ---------------------------------------------------------------------------------------

ROWS: dict[str, Callable[[int], dict[str, Any]]] = {
    "verify": lambda n: {
        "prompt": f"Why {n}?",
        "response": "So it is, " * 30,
        "instruction_id_list": ["punctuation:no_comma", "length_constraints:number_sentences"],
        "kwargs": [{}, {"num_sentences": 3, "relation": "less than"}],
    },
    "compile": lambda n: {"constraint": [f"Use at most {n} words.", "Avoid commas."]},
    "conflicts": lambda n: _instruction(n),
    "curriculum": lambda n: _instruction(n),
    "judge": lambda n: {"prompt": f"Why {n}?", "response": "So, it is.", "constraint": ["Avoid commas."]},
}
MORE: dict[str, Callable[[Path], list[object]]] = {
    "curriculum": lambda folder: ["--out", folder / "levels"],
    "judge": lambda _: ["--judger", "rules"],
}


def _instruction(number: int) -> dict[str, Any]:
    texts = ["Avoid commas.", f"Use at most {number + 10} words."]
    return {"prompt": "\n".join([f"Why {number}?", *texts]), "seed_question": f"Why {number}?", "constraint": texts}


def _write(file: Path, rows: list[dict[str, Any]]) -> Path:
    if file.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), file)
    elif file.suffix == ".json":
        file.write_text(json.dumps(rows), encoding="utf-8")
    else:
        file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return file


@contextlib.contextmanager
def _impatient() -> Iterator[None]:
    """Seconds are hundredths of a second here."""
    with mock.patch("seif.activity.FIRST", 0.02), mock.patch("seif.activity._TICK", 0.005):
        yield


def expect_progress(ended: Ended, *words: str) -> None:
    """It was done, and told with these words, on standard error, what it was at."""
    if ended.code or TRACEBACK in ended.err:
        raise Crashed(f"exit code {ended.code}: {ended.err[-300:]}")
    lines = [line for line in ended.err.splitlines() if UNDER_WAY.search(line)]
    if not any(all(word in line for word in words) for line in lines):
        raise Silent(f"no line with {words} in: {ended.err[-300:]!r}")


def _long_file(command: str, kind: str, folder: Path) -> None:
    count = 12_000
    file = _write(folder / f"rows.{kind}", [ROWS[command](n) for n in range(count)])
    more = MORE[command](folder) if command in MORE else []
    with _impatient():
        ended = call(command, file, *more)
    expect_progress(ended, f"{command}: ")


def _slow_server(command: str, folder: Path) -> None:
    rows = _write(folder / "rows.jsonl", [ROWS["judge"](n) for n in range(40)])
    arguments: dict[str, list[object]] = {
        "judge": ["judge", rows, "--model", "fake", "--set", "judger.kind=generative"],
        "evaluate": ["evaluate", "fake", "--held-out", HELD_OUT, "--set", "evaluation.tasks=20"],
    }
    with running(Behaviour(answer_s=0.3, verdict_s=0.3, slots=8)) as (url, _), _impatient():
        engine = ["--set", "engine.kind=openai", "--set", f"engine.base_urls=[{url}]"]
        with mock.patch("seif.preflight.preflight"), mock.patch("seif.suite_run.preflight"):
            ended = call(*arguments[command], *engine, "--json")
    expect_progress(ended, f"{command}: ")
    try:
        json.loads(ended.out)
    except ValueError:
        raise Silent(f"standard output holds more than JSON: {ended.out[:300]}") from None


def _really_slow(command: str, folder: Path) -> None:
    """In a process of its own and with seconds of the usual length."""
    out = folder / "out.parquet"
    # Few at once, so that it takes seconds on a fast machine too.
    small = ["--set", "engine.token_budget=1024"]
    arguments: dict[str, list[object]] = {
        "generate": ["generate", "--model", MODEL, "--seeds", SEEDS, "--out", out, "--config", "nano-tiny", *small],
        "evaluate": ["evaluate", MODEL, "--config", "nano-tiny", "--set", "evaluation.tasks=400", *small],
        "bench": ["bench", "--config", "nano-tiny", "--out", folder / "rates.json"],
    }
    words = {"generate": "instructions", "evaluate": "answers", "bench": "measuring"}
    expect_progress(start(*arguments[command], timeout=300), f"{command}: ", words[command])


def _on_a_terminal(command: str, folder: Path) -> None:
    """A live bar that says what is under way, and is gone in the end."""
    import pty

    file = _write(folder / "rows.jsonl", [ROWS[command](n) for n in range(60_000)])
    arguments = [str(argument) for argument in (command, file, *(MORE[command](folder) if command in MORE else []))]
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        os.execvpe(sys.executable, [sys.executable, "-m", "seif", *arguments], {**os.environ, "TERM": "xterm"})
    shown, began = b"", time.monotonic()
    with contextlib.suppress(OSError):
        while part := os.read(terminal, 1 << 16):
            shown += part
            if time.monotonic() - began > 300:
                raise Overran("still running")
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    text = shown.decode(errors="replace")
    if status or TRACEBACK in text:
        raise Crashed(text[-300:])
    if "rows of rows.jsonl" not in text or "━" not in text:
        raise Silent(f"no live bar: {text[:300]!r}")
    if UNDER_WAY.search(re.sub(r"\x1b\[[\d;?]*\w", "", text)):
        raise Silent("plain lines on a terminal")


def _first_step(_: Path) -> None:
    """A first training step that takes minutes."""
    from seif.activity import showing
    from seif.progress import Progress

    out = io.StringIO()
    console = Console(file=out, width=100)
    with _impatient(), showing("run", Console(file=io.StringIO())):
        progress = Progress(console, turns=3)
        progress.started(1, "train_follower")
        progress.begin(1, "train_follower", 50)
        time.sleep(0.3)
        progress.close()
    if not any("train Follower" in line and UNDER_WAY.search(line) for line in out.getvalue().splitlines()):
        raise Silent(out.getvalue())


def _rhythm(_: Path) -> None:
    """An hour of work is not an hour of lines."""
    from seif import activity

    out = io.StringIO()
    with mock.patch.object(activity.time, "monotonic", side_effect=map(float, itertools.count())):
        display = activity.Display("judge", Console(file=out, width=100))
        display.close()
        display.under_way.append(activity.Activity("responses", 1000))
        for _step in range(1200):
            display._say()
    lines = out.getvalue().splitlines()
    if not 20 <= len(lines) <= 120:
        raise Silent(f"{len(lines)} lines in an hour")


# --- what every command takes -----------------------------------------------------------------------------------------

SET: dict[str, Callable[[Path], list[object]]] = {
    "generate": lambda f: ["generate", "--model", MODEL, "--seeds", SEEDS, "--out", f / "o.parquet"],
    "evaluate": lambda f: ["evaluate", MODEL, "--held-out", HELD_OUT],
    "judge": lambda f: ["judge", _write(f / "r.jsonl", [ROWS["judge"](1)]), "--judger", "rules"],
    "pseudo-label": lambda f: ["pseudo-label", "--model", MODEL, "--instructions", SEEDS, "--out", f / "o.parquet"],
    "train follower": lambda f: ["train", "follower", "--model", MODEL, "--instructions", SEEDS, "--out", f / "o"],
    "train instructor": lambda f: ["train", "instructor", "--model", MODEL, "--instructions", SEEDS, "--out", f / "o"],
    "train reward-model": lambda f: ["train", "reward-model", "--model", MODEL, "--labels", SEEDS, "--out", f / "o"],
    "bench": lambda f: ["bench", "--model", MODEL, "--out", f / "rates.json"],
    "run": lambda f: ["run", "nano-tiny", "--run-dir", f / "run"],
    "plan": lambda f: ["plan", "nano-tiny"],
}


def _set_is_read(command: str, folder: Path) -> None:
    """A misspelt key shows that the override is looked at, with no config or with one."""
    expect_line(call(*SET[command](folder), "--set", "follower.stepz=3"), 2, "follower.stepz", "follower.steps")


def _rules_need_no_model(folder: Path) -> None:
    ended = call(*SET["judge"](folder))
    if ended.code or "1 verdict on 1 row" not in ended.out:
        raise Crashed(f"exit code {ended.code}: {ended.err or ended.out}")


def _commands() -> list[list[str]]:
    import typer

    from seif.cli.commands import app

    group: Any = typer.main.get_command(app)
    return [
        [name, *([inner] if inner else [])]
        for name, command in group.commands.items()
        for inner in ("", *getattr(command, "commands", {}))
    ]


def _help(words: Sequence[str], _: Path) -> None:
    with mock.patch.dict(os.environ, {"COLUMNS": "80", "TERMINAL_WIDTH": "80", "NO_COLOR": "1"}):
        ended = call(*words, "--help")
    if ended.code or TRACEBACK in ended.err:
        raise Crashed(f"exit code {ended.code}")
    if wide := [line for line in ended.out.splitlines() if len(line.rstrip()) > 80]:
        raise Silent(f"wider than 80 columns: {wide[0]}")
    panel = ended.out.partition("Commands")[2]
    broken = [line for line in panel.splitlines() if re.match(r"│ {5,}\S", line)]
    if broken:
        raise Silent(f"a command's line goes on in the next: {broken[0]}")


HEAVY = ("torch", "transformers", "pyarrow", "numpy", "openai", "datasets")


def _light(arguments: Sequence[str], env: dict[str, str], words: Sequence[str], _: Path) -> None:
    """Answered without a library that takes a second to import."""
    import subprocess

    script = (
        "import atexit, sys; sys.argv = ['seif', *sys.argv[1:]]; from seif.cli import main\n"
        f"try:\n    main()\nfinally:\n    print('HEAVY', [m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, **PLAIN, **env},
        check=False,
    )
    if "HEAVY []" not in done.stderr:
        raise Overran(done.stderr[-300:])
    if done.returncode or any(word not in done.stdout for word in words):
        raise Crashed(f"exit code {done.returncode}: {done.stdout[:300]}")


# --- tables -----------------------------------------------------------------------------------------------------------

LONG = "an-evaluation-suite-with-a-long-name"


def _evaluations(suites: int) -> list[RenderableType]:
    from seif.report.table import evaluation_table

    accuracy = Accuracy(
        constraint_accuracy=1.0,
        instruction_accuracy={str(k): 1.0 for k in range(1, 12)},
        n=120,
        stderr=0.123,
    )
    both = {"greedy": accuracy, "sampled": accuracy}
    results = {
        f"{LONG}-{i}": SuiteResult(numbers={"accuracy": 0.98765}, stderr={"accuracy": 0.0123}, n=541)
        for i in range(suites)
    }
    found = [
        Evaluation(
            turn=turn,
            held_out=both,
            held_out_types=both,
            judger=JudgeAgreement(mean=1.0, verifier_mean=1.0, balanced_accuracy=1.0, n=10),
            instructor=InstructorNumbers(top_type_share=1.0),
            suites=results,
            seconds=123456.0,
        )
        for turn in (98, 99, 100, 101)
    ]
    return [evaluation_table(found, [str(e.turn) for e in found])]


def _plan() -> list[RenderableType]:
    from seif.report.table import plan_table

    turns = [
        PlannedTurn(
            turn=turn,
            instructor_starts_from=f"instructor_{turn - 1}",
            instructions_written_by=f"instructor_{turn}",
            filter=f"follower_{turn - 1}",
            answerer=f"follower_{turn - 1}",
            judger=f"reward_model_{turn}",
            follower_starts_from=f"follower_{turn - 1}",
            instructor_steps=1000,
            reward_model_for_instructor=f"reward_model_{turn - 1}",
            reward_model_for_follower=f"reward_model_{turn}",
            follower_steps=1000,
        )
        for turn in range(100, 104)
    ]
    calls = {"answer_calls": 10**7, "filter_calls": 10**7, "judge_calls": 10**7}
    plan = Plan(
        model="/a/place/far/away/where/models/of/a/long/name/are/kept/Organisation-Model-Name-70B-Instruct",
        seeds=10**6,
        instructions=None,
        turns=tuple(turns),
        instructor_step=calls,
        follower_step={"answers": 10**7, "judge_calls": 10**7},
        reward_model=None,
        probes={"answers": 10**8, "judge_calls": 10**8},
    )
    return plan_table(plan)


def _estimate() -> list[RenderableType]:
    from seif.report.estimates import comparison, estimate_parts

    stages = tuple(
        StageEstimate(turn, "train_reward_model", 10.0**6, 10**12, 10**12, 10**9, 10**12, 10**12)
        for turn in range(100, 130)
    )
    parts = {"weights and gradients of what is trained": 10**12, "optimizer": 10**12, "keys and values": 10**12}
    devices = (
        DeviceEstimate("train", 128, parts, 10**12, 10**12),
        DeviceEstimate("serve", 64, parts, 10**12, 10**12),
    )
    estimate = Estimate(
        "8 x NVIDIA H200 with a long name, by data sheet", 10**12, stages, devices, ("won't fit",), 10.0**7
    )
    return [*estimate_parts(estimate), comparison(estimate, {})]


def _agreement() -> list[RenderableType]:
    from seif.cli.judge import _table
    from seif.evaluation.results import Reliability, ReliabilityByType

    numbers = {"n": 10**6, "mean": 1.0, "verifier_mean": 1.0, "balanced_accuracy": 1.0}
    types = ("detectable_format:number_highlighted_sections", f"{LONG}:{LONG}:{LONG}")
    return [_table(ReliabilityByType(**numbers, per_type={kind: Reliability(**numbers) for kind in types}))]


TABLES: dict[str, Callable[[], list[RenderableType]]] = {
    "evaluations of turn 101": lambda: _evaluations(0),
    "evaluations with a suite of a long name": lambda: _evaluations(1),
    "evaluations with three suites of long names": lambda: _evaluations(3),
    "a plan of three-digit turns": _plan,
    "agreement on types of long names": _agreement,
    "an estimate of 192 devices": _estimate,
}


def _fits(parts: Callable[[], list[RenderableType]], _: Path) -> None:
    out = io.StringIO()
    console = Console(file=out, width=80)
    for part in parts():
        console.print(part)
    lines = out.getvalue().splitlines()
    if wide := [line for line in lines if len(line.rstrip()) > 80]:
        raise Silent(f"{len(wide[0])} columns: {wide[0]}")
    if cut := [line for line in lines if "…" in line]:
        raise Silent(f"cut off: {cut[0]}")


# --- words ------------------------------------------------------------------------------------------------------------

NOUNS = (
    "answer|call|constraint|contrast|decision|device|duplicate|epoch|instruction|level|node|pair|prompt|question|reply|"
    "response|row|seed|set|step|task|text|token|turn|verdict"
)
DISAGREES = re.compile(
    rf"(?<![\d.,])1 (?:{NOUNS.replace('reply', 'replie')})s\b|(?<![\d.,])(?:0|[2-9]|\d\d+) (?:{NOUNS})\b(?! \w*s\b)"
)
ONE_OF_EACH: dict[str, Callable[[Path], list[object]]] = {
    command: partial(
        lambda c, f: [c, _write(f / "one.jsonl", [ROWS[c](1)]), *(MORE[c](f) if c in MORE else [])], command
    )
    for command in ROWS
}
ONE_OF_EACH["plan"] = lambda f: ["plan", "nano-tiny", "--seeds", _write(f / "s.jsonl", [{"prompt": "Why?"}])]
TWO_OF_EACH: dict[str, Callable[[Path], list[object]]] = {
    command: partial(
        lambda c, f: [c, _write(f / "two.jsonl", [ROWS[c](1), ROWS[c](2)]), *(MORE[c](f) if c in MORE else [])], command
    )
    for command in ROWS
}


def _agrees(arguments: Callable[[Path], list[object]], folder: Path) -> None:
    ended = call(*arguments(folder))
    if ended.code:
        raise Crashed(f"exit code {ended.code}: {ended.err[-300:]}")
    if found := DISAGREES.search(ended.out + ended.err):
        raise Silent(f"{found.group()!r} in what it printed")


def faults() -> Iterator[Fault]:
    told = "a line on standard error says how far it is"
    for command, kind in itertools.product(ROWS, ("jsonl", "parquet", "json")):
        yield Fault(
            f"{command} FILE.{kind}", "takes seconds", told, partial(_long_file, command, kind), quick=kind != "json"
        )
    for command in ("judge", "evaluate"):
        yield Fault(
            f"{command} --json",
            "a slow server",
            f"{told}, numbers alone on the other",
            partial(_slow_server, command),
            quick=False,
        )
    for command in ("generate", "evaluate"):
        yield Fault(command, "takes seconds", told, partial(_really_slow, command), quick=False)
    for command in ("verify", "compile"):
        yield Fault(
            f"{command} on a terminal", "takes seconds", "a live bar", partial(_on_a_terminal, command), quick=False
        )
    yield Fault("a training's first step", "takes minutes", told, _first_step)
    yield Fault("judge", "takes an hour", "fewer than 120 lines", _rhythm)
    for command in SET:
        yield Fault(command, "--set without --config", "the override is read", partial(_set_is_read, command))
    yield Fault("judge --judger rules", "no --model", "judged", _rules_need_no_model)
    for words in ([], *_commands()):
        yield Fault(" ".join(["seif", *words, "--help"]), "80 columns", "one line per command", partial(_help, words))
    complete = {"_SEIF_COMPLETE": "complete_bash", "COMP_CWORD": "1"}
    light = "no heavy library is imported"
    for place, arguments, env, words in (
        ("seif --help", ["--help"], {}, ["evaluate"]),
        ("seif run --help", ["run", "--help"], {}, ["--run-dir"]),
        ("seif --version", ["--version"], {}, ["."]),
        ("seif configs", ["configs"], {}, ["nano-tiny"]),
        ("completion of seif ev", [], {**complete, "COMP_WORDS": "seif ev"}, ["evaluate"]),
        ("completion of seif train f", [], {**complete, "COMP_WORDS": "seif train f", "COMP_CWORD": "2"}, ["follower"]),
        ("seif --show-completion bash", ["--show-completion", "bash"], {}, ["complete"]),
    ):
        yield Fault(place, "must be quick", light, partial(_light, arguments, env, words), quick=False)
    for place, parts in TABLES.items():
        yield Fault(f"table: {place}", "80 columns", "it fits, and nothing is cut off", partial(_fits, parts))
    for command, one in ONE_OF_EACH.items():
        yield Fault(command, "one of each", "singular", partial(_agrees, one))
    for command, two in TWO_OF_EACH.items():
        yield Fault(command, "two of each", "plural", partial(_agrees, two))
