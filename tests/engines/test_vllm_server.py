"""The managed server for real: vLLM on the CPU, out of the environment that `make test-vllm` makes."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seif.artifacts import RunDir
from seif.atomic import read_json
from seif.config_file import build_config, load_config
from seif.engines.local import LocalEngine
from seif.evaluation.held_out import Sampling, answer_tasks, load_tasks
from seif.judges import JudgeContext, judging_kind
from seif.models import ModelPool
from seif.types import Verdict
from support import NANO, ROOT, seif

pytestmark = pytest.mark.vllm
CONFIG = Path("nano-vllm")
PYTHON = f"engine.vllm.python={ROOT}/.venv-vllm/bin/python"
BASE = str(NANO / "model")
VERDICTS = 500


def family(root):
    """All processes that descend from `root`, by id, with their commands."""
    children, commands = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            command = (stat.parent / "cmdline").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state != "Z":
            children.setdefault(int(parent), []).append(int(stat.parent.name))
            commands[int(stat.parent.name)] = command
    found, left = {}, [root]
    while left:
        for child in children.get(left.pop(), []):
            found[child] = commands[child]
            left.append(child)
    return found


def engine_cores(root):
    return [pid for pid, command in family(root).items() if command.startswith("VLLM::EngineCore")]


def none_is_left(pids):
    deadline = time.monotonic() + 30
    while (left := [pid for pid in pids if alive(pid)]) and time.monotonic() < deadline:
        time.sleep(0.2)
    return not left


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_run_is_killed_with_its_server_and_then_completes_a_turn(tmp_path):
    root = tmp_path / "run"
    with subprocess.Popen(
        [sys.executable, "-m", "seif", "run", str(CONFIG), "--run-dir", str(root), "--set", PYTHON],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    ) as process:
        deadline = time.monotonic() + 180
        while not engine_cores(process.pid) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.2)
        started = family(process.pid)
        assert engine_cores(process.pid)
        os.kill(process.pid, signal.SIGKILL)
    assert none_is_left(started)

    result = seif("run", CONFIG, "--run-dir", root, "--set", PYTHON, timeout=1500)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    run = RunDir(root)
    assert read_json(run.evaluation(1))["held_out"]["greedy"]["constraint_accuracy"] > 0.5
    assert [m["unjudged"] for m in run.metrics.read()] == [0.0] * 4
    assert {log.name for log in run.turn(1).glob("*.log")} == {
        f"{name}.vllm.log" for name in ("instructor", "instructions.parquet", "follower", "evaluation.json")
    }
    for stage, weights in (("instructions.parquet", "instructor"), ("evaluation.json", "follower")):
        assert f"--model {run.turn(1) / weights} " in (run.turn(1) / f"{stage}.vllm.log").read_text(errors="replace")
    written = "".join(
        file.read_text(errors="replace")
        for file in root.rglob("*")
        if file.suffix in (".yaml", ".json", ".jsonl", ".log", ".html")
    )
    assert not re.search(r"API_KEY=|Bearer ", written)


@pytest.fixture(scope="module")
def config():
    return load_config(CONFIG, [PYTHON])


@pytest.fixture(scope="module")
def questions(engine):
    """Held-out tasks, answers that are not always right, and one constraint each: what a Judger is asked."""
    tasks = load_tasks(NANO / "data" / "held_out.parquet")[:250]
    answers = asyncio.run(answer_tasks(engine, tasks, Sampling("compact", "plain", 64, 1.0, 0)))
    asked = [(a.task, a.reply, c) for a in answers if a.reply is not None for c in a.task.constraints]
    assert len(asked) >= VERDICTS
    return asked[:VERDICTS]


@pytest.fixture(scope="module")
def adapter(tmp_path_factory):
    """A LoRA adapter that says something else than its base."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    folder = str(tmp_path_factory.mktemp("lora") / "adapter")
    torch.manual_seed(0)
    tuned = get_peft_model(
        AutoModelForCausalLM.from_pretrained(BASE),
        LoraConfig(r=4, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM"),
    )
    for name, weight in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.15)
    tuned.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def served(config, adapter, tmp_path_factory):
    """Engines for the base and the adapter, on one server."""
    settings = build_config({**config.model_dump(mode="json"), "lora": {"r": 4}}, "test")
    with ModelPool(settings, tmp_path_factory.mktemp("served") / "out") as pool, pool.use(BASE) as base:
        (core,) = engine_cores(os.getpid())
        with pool.use(str(adapter)) as tuned:
            assert engine_cores(os.getpid()) == [core]
            yield base, tuned
            started = family(os.getpid())
    assert none_is_left(started)


def judge(config, engine, questions, disturb=None):
    """The verdicts of the pipeline's Judger; after the hundredth one `disturb` is called."""

    async def together():
        judger, given = judging_kind(config).make(JudgeContext(config, engine)), []

        async def one(question):
            given.append(await judger.judge(*question))
            if len(given) == 100 and disturb is not None:
                disturb()
            return given[-1].verdict

        return await asyncio.gather(*(one(q) for q in questions))

    return asyncio.run(together())


def agreement(verdicts, others):
    return sum(a is b for a, b in zip(verdicts, others, strict=True)) / len(verdicts)


def test_verdicts_are_those_of_the_local_engine_and_survive_a_killed_server(
    config, questions, served, engine, adapter, capsys
):
    base, tuned = served
    there = judge(config, base, questions)
    adapted = judge(config, tuned, questions)
    here, merged = judge(config, engine, questions), judge(config, LocalEngine.load(adapter), questions)
    with capsys.disabled():
        print(
            "\nverdicts through vLLM that are those of the local engine: base "
            f"{agreement(here, there):.1%}, adapter {agreement(merged, adapted):.1%}"
        )
    assert agreement(here, there) >= 0.99
    assert set(there) == {Verdict.SATISFIED, Verdict.VIOLATED}
    assert agreement(merged, adapted) >= 0.97
    assert agreement(merged, here) < 0.9, "the adapter changes nothing, so nothing shows that it was asked"

    assert judge(config, tuned, questions, lambda: os.kill(engine_cores(os.getpid())[0], signal.SIGKILL)) == adapted
    assert judge(config, base, questions) == there
    assert capsys.readouterr().err.count("it is started again") == 1
