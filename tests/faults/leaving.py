"""Commands that are stopped, whose reader is gone, or that can't begin: in every phase one line, and nothing left."""

from __future__ import annotations

import builtins
import contextlib
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from unittest import mock

import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from faults.campaign import PLAIN, TRACEBACK, Crashed, Ended, Fault, Lost, Overran, Silent, call, expect_line, said
from support import NANO, ROOT

CONTINUES = "the same command continues"
STARTS_OVER = "the same command starts over"
INTERRUPT, TERMINATE, HANG_UP = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
LIMIT = 40.0
"""Seconds to leave in, on a machine that has other work; `seif.signals.PATIENCE` is what is promised on an idle one."""
SEEDS, MODEL = NANO / "data" / "seeds.parquet", NANO / "model"


def _heed_signals(nohup: bool = False) -> None:
    """A shell that runs the campaign in the background has its children ignore Ctrl-C, and nohup the hang-up."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_IGN if nohup else signal.SIG_DFL)


class Command:
    """A `seif` command in a process, and a session, of its own."""

    def __init__(self, arguments: Sequence[object], nohup: bool = False, **options: object) -> None:
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "seif", *map(str, arguments)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=options.get("stdout", subprocess.PIPE),
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **PLAIN, "OMP_NUM_THREADS": "1"},
            start_new_session=True,
            preexec_fn=partial(_heed_signals, nohup),
        )

    def wait_for(self, ready: Callable[[], bool]) -> None:
        """Wait until it is that far. Raises Crashed where it ends before, Overran after four minutes."""
        while not ready():
            if self.process.poll() is not None:
                raise Crashed(f"ended early: {self.process.communicate()[1][-300:]}")
            if time.monotonic() - self.began > 240:
                self.process.kill()
                raise Overran("never came that far")
            time.sleep(0.02)

    def maps(self, library: str) -> bool:
        """Whether it has loaded this shared library, or begun to."""
        with contextlib.suppress(OSError):
            return library in Path(f"/proc/{self.process.pid}/maps").read_text(encoding="utf-8")
        return False

    def leave(self, *signals: signal.Signals, pause: float = 0.05) -> Ended:
        """Send the signals, and wait until it has ended. Raises Overran where it stays, Lost for a process left."""
        family = psutil.Process(self.process.pid).children(recursive=True)
        for number in signals:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(number)
            time.sleep(pause)
        sent = time.monotonic()
        try:
            out, err = self.process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise Overran(f"still there {LIMIT:.0f} s after {signals[0].name}") from None
        _, alive = psutil.wait_procs(family, timeout=20)
        if alive:
            for child in alive:
                child.kill()
            raise Lost(f"left behind: {[child.name() for child in alive]}")
        return Ended(self.process.returncode, out or "", err, time.monotonic() - sent)


def expect_stopped(ended: Ended, number: signal.Signals, after: str) -> None:
    """It says in one line that it was stopped, and what the same command does."""
    line = f"error: stopped by {number.name}" + (f"; {after}" if after else "")
    if TRACEBACK in ended.err or ended.code != 128 + number:
        raise Crashed(f"exit code {ended.code}: {ended.err[-500:]}")
    if said(ended.err) != [line]:
        raise Silent(f"wanted {line!r}, got: {ended.err[-500:]}")


@dataclass(frozen=True)
class Phase:
    """A command, how far it is when the signal comes, and what it says of itself."""

    name: str
    command: Callable[[Path], list[object]]
    ready: Callable[[Path, Command], bool]
    after: str


def _grown(file: str) -> Callable[[Path, Command], bool]:
    """Ready once a file is there and not empty; `*` stands for anything."""
    return lambda folder, _: any(path.is_dir() or path.stat().st_size > 0 for path in folder.glob(file))


def _generate(folder: Path) -> list[object]:
    return ["generate", "--model", MODEL, "--config", "nano-tiny", "--seeds", SEEDS, "--out", folder / "out.parquet"]


def _evaluate(folder: Path) -> list[object]:
    return ["evaluate", MODEL, "--config", "nano-tiny", "--set", "evaluation.tasks=30", "--out", folder / "out.json"]


def _judge(folder: Path) -> list[object]:
    row = {"prompt": "Why?", "response": "So it is, friend.", "constraint": ["Avoid commas.", "Be kind."]}
    (folder / "rows.jsonl").write_text(f"{json.dumps(row)}\n" * 20_000, encoding="utf-8")
    return ["judge", folder / "rows.jsonl", "--model", MODEL, "--config", "nano-tiny", "--out", folder / "out.jsonl"]


def _train(folder: Path) -> list[object]:
    rows = [
        {"prompt": f"{q}\nAvoid commas.", "seed_question": q, "constraint": ["Avoid commas."]} for q in _questions(40)
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "in.parquet")
    files = ["--model", MODEL, "--instructions", folder / "in.parquet", "--out", folder / "out"]
    overrides = ["follower.steps=40", "judger.kind=rules", "filter.model=false"]
    return ["train", "follower", *files, "--config", "nano-tiny", *_set(overrides)]


def _set(overrides: Sequence[str]) -> list[object]:
    return list(itertools.chain.from_iterable(("--set", override) for override in overrides))


def _questions(count: int) -> list[str]:
    return [row["prompt"] for row in pq.read_table(SEEDS).to_pylist()[:count]]


def _verify(folder: Path) -> list[object]:
    row = {"prompt": "Why?", "response": "So. " * 50, "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]}
    (folder / "rows.jsonl").write_text(f"{json.dumps(row)}\n" * 400_000, encoding="utf-8")
    return ["verify", folder / "rows.jsonl", "--out", folder / "out.jsonl"]


def _compile(folder: Path) -> list[object]:
    rows = (json.dumps({"constraint": [f"Use at most {n} words and avoid commas."]}) + "\n" for n in range(200_000))
    (folder / "rows.jsonl").write_text("".join(rows), encoding="utf-8")
    return ["compile", folder / "rows.jsonl", "--out", folder / "out.jsonl"]


def _plan(_: Path) -> list[object]:
    return ["plan", "nano"]


PHASES = (
    Phase("verify a long file", _verify, _grown("out.jsonl.partial"), STARTS_OVER),
    Phase("compile a long file", _compile, _grown("out.jsonl.partial"), STARTS_OVER),
    Phase("plan, in its imports", _plan, lambda _, command: command.maps("_pydantic_core"), STARTS_OVER),
    Phase("generate, in import torch", _generate, lambda _, command: command.maps("libtorch_cpu"), CONTINUES),
    Phase("generate, as instructions are written", _generate, _grown("out.parquet.parts/written_*"), CONTINUES),
    Phase("evaluate --out, as tasks are answered", _evaluate, _grown("out.json.parts/*/*.jsonl"), CONTINUES),
    Phase("judge --out, as responses are judged", _judge, _grown("out.jsonl.parts/judgements.jsonl"), CONTINUES),
    Phase("train follower, in a step", _train, _grown("out.metrics.jsonl"), CONTINUES),
    Phase("train follower, as a checkpoint is saved", _train, _grown("out.checkpoints/checkpoint-*"), CONTINUES),
)


def _stop(phase: Phase, signals: Sequence[signal.Signals], folder: Path) -> None:
    command = Command(phase.command(folder))
    command.wait_for(lambda: phase.ready(folder, command))
    expect_stopped(command.leave(*signals), signals[0], phase.after)


def _signals() -> Iterator[Fault]:
    for phase in PHASES:
        # Where a phase is dear to reach, one signal stands for all.
        numbers = (INTERRUPT, TERMINATE, HANG_UP) if phase.after == STARTS_OVER else (INTERRUPT, TERMINATE)
        for number in numbers:
            code = 128 + number
            expected = f"exit code {code}, one line, no process left"
            yield Fault(phase.name, number.name, expected, partial(_stop, phase, [number]), quick=False)
    twice = {
        "Ctrl-C twice": [INTERRUPT, INTERRUPT],
        "Ctrl-C ten times": [INTERRUPT] * 10,
        "Ctrl-C, then SIGTERM": [INTERRUPT, TERMINATE],
        "SIGTERM, then Ctrl-C": [TERMINATE, INTERRUPT],
        "SIGHUP, then SIGTERM": [HANG_UP, TERMINATE],
    }
    for kind, signals in twice.items():
        attempt = partial(_stop, PHASES[0], signals)
        yield Fault(PHASES[0].name, kind, "as after the first alone", attempt, quick=False)
    yield Fault(
        PHASES[4].name, "Ctrl-C ten times", "as after one", partial(_stop, PHASES[4], [INTERRUPT] * 10), quick=False
    )


SWALLOWS = """
import pathlib, time
pathlib.Path(__file__).with_name("here").write_text("x")
while True:
    try:
        time.sleep(60)
    except BaseException:
        pass
"""
WAITS_AT_EXIT = """
import pathlib, threading, time
threading.Thread(target=time.sleep, args=(600,)).start()
pathlib.Path(__file__).with_name("here").write_text("x")
time.sleep(600)
"""
IN_A_DESTRUCTOR = """
import pathlib, time
class Late:
    def __del__(self):
        pathlib.Path(__file__).with_name("here").write_text("x")
        time.sleep(600)
Late()
"""
PLUGINS = {
    "catches every exception": SWALLOWS,
    "leaves a thread that does not end": WAITS_AT_EXIT,
    "is in a destructor": IN_A_DESTRUCTOR,
}


def _stop_plugin(source: str, number: signal.Signals, folder: Path) -> None:
    (folder / "mine.py").write_text(source, encoding="utf-8")
    (folder / "rows.jsonl").write_text("{}\n", encoding="utf-8")
    command = Command(["verify", folder / "rows.jsonl", "--types", folder / "mine.py"])
    command.wait_for((folder / "here").exists)
    expect_stopped(command.leave(number), number, STARTS_OVER)


def _stuck() -> Iterator[Fault]:
    for (kind, source), number in itertools.product(PLUGINS.items(), (INTERRUPT, TERMINATE)):
        attempt = partial(_stop_plugin, source, number)
        yield Fault("a plugin", f"{kind}, {number.name}", "ends in seconds all the same", attempt, quick=False)


def _stop_waiting(folder: Path) -> None:
    """A server that takes a request and never answers it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        port = listener.getsockname()[1]
        row = {"prompt": "Why?", "response": "So.", "constraint": ["Be kind."]}
        (folder / "rows.jsonl").write_text(json.dumps(row), encoding="utf-8")
        engine = ["engine.kind=openai", f"engine.base_urls=[http://127.0.0.1:{port}/v1]", "judger.kind=generative"]
        command = Command(["judge", folder / "rows.jsonl", "--model", "fake", *_set(engine)])
        asked = []

        def came() -> bool:
            with contextlib.suppress(BlockingIOError):
                asked.append(listener.accept()[0])
            return bool(asked)

        command.wait_for(came)
        time.sleep(0.3)
        expect_stopped(command.leave(INTERRUPT), INTERRUPT, STARTS_OVER)


def _stop_vllm(number: signal.Signals, folder: Path) -> None:
    """vLLM that never comes up, and that has a process of its own."""
    python = folder / "python"
    python.write_text(f'#!/bin/sh\n[ "$1" = -c ] && exit 0\nsleep 997 &\ntouch {folder}/here\nwait\n', encoding="utf-8")
    python.chmod(0o755)
    engine = ["engine.kind=vllm", f"engine.vllm.python={python}", "judger.kind=logprob"]
    row = {"prompt": "Why?", "response": "So.", "constraint": ["Be kind."]}
    (folder / "rows.jsonl").write_text(json.dumps(row), encoding="utf-8")
    files = ["--model", MODEL, "--out", folder / "o.jsonl", "--config", "nano-tiny"]
    command = Command(["judge", folder / "rows.jsonl", *files, *_set(engine)])
    command.wait_for((folder / "here").exists)
    time.sleep(0.5)
    expect_stopped(command.leave(number), number, CONTINUES)


def _stop_group(number: signal.Signals, folder: Path) -> None:
    command = Command([*_train(folder), "--set", "devices=2"])
    command.wait_for(lambda: any((folder / "out.processes").glob("beat_1.json")))
    expect_stopped(command.leave(number), number, CONTINUES)


def _resumes(folder: Path) -> None:
    """What an evaluation has answered when it is stopped is not asked again."""
    command = Command(_evaluate(folder))
    command.wait_for(lambda: _grown("out.json.parts/held_out/greedy.jsonl")(folder, command))
    command.leave(TERMINATE)
    kept = (folder / "out.json.parts" / "held_out" / "greedy.jsonl").read_bytes()
    again = Command(_evaluate(folder))
    out, err = again.process.communicate(timeout=240)
    if again.process.returncode:
        raise Crashed(err[-500:])
    fresh = folder / "fresh"
    fresh.mkdir()
    undisturbed = Command(_evaluate(fresh))
    undisturbed.process.communicate(timeout=240)
    numbers = [json.loads((place / "out.json").read_text(encoding="utf-8"))["held_out"] for place in (folder, fresh)]
    if numbers[0] != numbers[1]:
        raise Lost(f"other numbers than undisturbed; {len(kept)} bytes were kept; {out[-200:]}")
    if list(folder.glob("out.json.*")):
        raise Lost(f"left beside the output: {list(folder.glob('out.json.*'))}")


def _stop_serving(number: signal.Signals, folder: Path) -> None:
    port = _free_port()
    command = Command(["serve", "reward-model", _classifier(folder), "--port", port])
    command.wait_for(lambda: _listens(port))
    expect_stopped(command.leave(number), number, "")


def _classifier(folder: Path) -> Path:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    from seif.engines.quiet import quiet

    quiet()
    torch.manual_seed(0)
    place = folder / "classifier"
    model = AutoModelForSequenceClassification.from_pretrained(MODEL, num_labels=2)
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    model.config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(place)
    tokenizer.save_pretrained(place)
    return place


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


# --- the reader is gone, or the terminal ------------------------------------------------------------------------------

PIPED = (
    ["--help"],
    ["run", "--help"],
    ["--version"],
    ["configs"],
    ["configs", "nano"],
    ["--show-completion", "bash"],
    ["plan", "nano", "--json"],
)


def _closed_pipe(arguments: Sequence[str], _: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        command = Command(arguments, stdout=writer)
    finally:
        os.close(writer)
    _, err = command.process.communicate(timeout=120)
    if command.process.returncode not in (0, 141):
        raise Crashed(f"exit code {command.process.returncode}: {err[-300:]}")
    if err:
        raise Crashed(f"not silent: {err[-300:]}")


def _full(_: Path) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        command = Command(["configs"], stdout=full)
        _, err = command.process.communicate(timeout=120)
    expect_line(Ended(command.process.returncode, "", err, 0.0), 3, "No space left")


def _no_stdout(_: Path) -> None:
    done = subprocess.run(
        f'exec "{sys.executable}" -m seif configs >&- 2>&-', shell=True, cwd=ROOT, capture_output=True, check=False
    )
    if done.returncode:
        raise Crashed(f"exit code {done.returncode}: {done.stderr.decode()[-300:]}")


def _terminal_closes(folder: Path) -> None:
    """The terminal's window is closed: SIGHUP, and nothing can be written to it any more."""
    import pty

    arguments = [str(argument) for argument in _generate(folder)]
    pid, terminal = pty.fork()
    if pid == 0:
        _heed_signals()
        os.chdir(ROOT)
        os.execv(sys.executable, [sys.executable, "-m", "seif", *arguments])
    process = psutil.Process(pid)
    deadline = time.monotonic() + 240
    while not list(folder.glob("out.parquet.parts/written_*")):
        if time.monotonic() > deadline:
            process.kill()
            raise Overran("never came that far")
        with contextlib.suppress(OSError):
            os.set_blocking(terminal, False)
            os.read(terminal, 1 << 16)
        time.sleep(0.05)
    os.close(terminal)
    try:
        code = process.wait(LIMIT)
    except psutil.TimeoutExpired:
        process.kill()
        raise Overran("still there after its terminal was closed") from None
    if code != 128 + HANG_UP:
        raise Crashed(f"exit code {code}")


def _nohup(folder: Path) -> None:
    """SIGHUP is ignored where it was when the command began."""
    command = Command(_verify(folder), nohup=True)
    command.wait_for(lambda: any(folder.glob("out.jsonl.partial")))
    command.process.send_signal(HANG_UP)
    time.sleep(1.0)
    if command.process.poll() is not None:
        raise Lost("SIGHUP ended it under nohup")
    command.leave(TERMINATE)


# --- what can't begin -------------------------------------------------------------------------------------------------

NEED_A_MODEL: dict[str, Callable[[object, Path], list[object]]] = {
    "generate": lambda model, f: ["generate", "--model", model, "--seeds", SEEDS, "--out", f / "o.parquet"],
    "evaluate": lambda model, f: ["evaluate", model, "--config", "nano-tiny"],
    "judge": lambda model, f: ["judge", _rows(f), "--model", model],
    "pseudo-label": lambda model, f: [
        *("pseudo-label", "--model", model, "--instructions", _instructions(f), "--out", f / "o.parquet")
    ],
    "train follower": lambda model, f: [
        *("train", "follower", "--model", model, "--instructions", _instructions(f), "--out", f / "o"),
        *_set(["judger.kind=rules", "filter.model=false"]),
    ],
    "train instructor": lambda model, f: [
        *("train", "instructor", "--model", model, "--instructions", _instructions(f), "--out", f / "o")
    ],
    "serve reward-model": lambda model, f: ["serve", "reward-model", model, "--port", _free_port()],
    "init": lambda model, f: ["init", "--model", model, "--seeds", SEEDS, "--out", f / "o.yaml"],
    "bench": lambda model, f: ["bench", "--model", model, "--out", f / "rates.json"],
    "run": lambda model, f: ["run", "nano-tiny", "--run-dir", f / "run", "--set", f"model={model}"],
}


def _rows(folder: Path) -> Path:
    file = folder / "rows.jsonl"
    file.write_text(json.dumps({"prompt": "Why?", "response": "So.", "constraint": ["Be kind."]}), encoding="utf-8")
    return file


def _instructions(folder: Path) -> Path:
    file = folder / "in.jsonl"
    row = {"prompt": "Why?\nBe kind.", "seed_question": "Why?", "constraint": ["Be kind."]}
    file.write_text(json.dumps(row), encoding="utf-8")
    return file


def _own_code(command: str, folder: Path) -> None:
    """A checkpoint that needs code of its own is refused, and nobody is asked about it."""
    place = folder / "model"
    place.mkdir()
    for file in MODEL.iterdir():
        (place / file.name).symlink_to(file)
    config = json.loads((MODEL / "config.json").read_text(encoding="utf-8"))
    (place / "config.json").unlink()
    mapped = {"AutoConfig": "configuration_own.Own", "AutoModelForCausalLM": "modeling_own.Own"}
    (place / "config.json").write_text(
        json.dumps({**config, "model_type": "own", "auto_map": mapped}), encoding="utf-8"
    )
    with mock.patch.object(builtins, "input", side_effect=Crashed("it asks whether to run the checkpoint's code")):
        expect_line(call(*NEED_A_MODEL[command](place, folder)), 2, str(place))


def _no_network(command: str, folder: Path) -> None:
    from huggingface_hub import constants

    with (
        mock.patch("seif.engines.hub._reachable", return_value=False),
        mock.patch.object(constants, "HF_HUB_OFFLINE", False),
    ):
        expect_line(call(*NEED_A_MODEL[command]("nobody/no-such-model", folder)), 2, "hf download nobody/no-such-model")


def _black_hole(command: str, folder: Path) -> None:
    """A firewall that drops everything: the hub takes the connection and never answers."""
    with socket.socket() as hub:
        hub.bind(("127.0.0.1", 0))
        hub.listen(64)
        environment = {"HF_ENDPOINT": f"http://127.0.0.1:{hub.getsockname()[1]}", "HF_HOME": str(folder / "hf")}
        from huggingface_hub import constants

        endpoint = environment["HF_ENDPOINT"]
        with mock.patch.object(constants, "ENDPOINT", endpoint), mock.patch.object(constants, "HF_HUB_OFFLINE", False):
            ended = call(*NEED_A_MODEL[command]("nobody/no-such-model", folder))
    expect_line(ended, 2, "hf download nobody/no-such-model")
    if ended.seconds > 90:
        raise Overran(f"{ended.seconds:.0f} s until it gave up")


def _port(kind: str, folder: Path) -> None:
    """The model's name is wrong too: who has loaded it, or looked for it, says so."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        place = {
            "taken": ["--port", taken.getsockname()[1]],
            "no such host": ["--host", "no-such-host.invalid"],
            "an address of another machine": ["--host", "192.0.2.1"],
        }[kind]
        words = ["taken", "choose another --port"] if kind == "taken" else ["choose another --host"]
        expect_line(call("serve", "reward-model", folder / "no-model", *place), 2, *words)


def faults() -> Iterator[Fault]:
    yield from _signals()
    yield from _stuck()
    one_line = "exit code 2, one line"
    for number in (INTERRUPT, TERMINATE):
        yield Fault("waiting for vLLM", number.name, "no process left", partial(_stop_vllm, number), quick=False)
        yield Fault("serve reward-model", number.name, "one line", partial(_stop_serving, number), quick=False)
    yield Fault("a first HTTP call", "SIGINT", "one line", _stop_waiting, quick=False)
    yield Fault("two training processes", "SIGHUP", "no process left", partial(_stop_group, HANG_UP), quick=False)
    yield Fault("evaluate --out", "SIGTERM, and again", "the numbers of an undisturbed one", _resumes, quick=False)
    for arguments in PIPED:
        place = " ".join(["seif", *arguments])
        yield Fault(place, "nobody reads", "silent, 141 or 0", partial(_closed_pipe, arguments), quick=False)
    yield Fault("seif configs", "a full device", "exit code 3, one line", _full, quick=False)
    yield Fault("seif configs", "no standard output", "exit code 0", _no_stdout, quick=False)
    yield Fault("generate on a terminal", "its window is closed", "exit code 129", _terminal_closes, quick=False)
    yield Fault("verify under nohup", "SIGHUP", "goes on", _nohup, quick=False)
    for command in NEED_A_MODEL:
        yield Fault(command, "a checkpoint with code of its own", one_line, partial(_own_code, command))
        yield Fault(command, "a hub id without a network", one_line, partial(_no_network, command))
    for command in ("generate", "serve reward-model"):
        expected = f"{one_line}, in seconds"
        yield Fault(command, "a hub that never answers", expected, partial(_black_hole, command), quick=False)
    for kind in ("taken", "no such host", "an address of another machine"):
        yield Fault(
            "serve reward-model's port", kind, f"{one_line}, before the model is looked for", partial(_port, kind)
        )
