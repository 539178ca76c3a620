"""What may and what may not change between a run and its resume: input files, the model, keys of the config."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import yaml

from faults.campaign import Ended, Fault, Lost, Overran, Silent, call, expect_line, expect_success, start
from faults.weights import DATA, MODEL, Damage, cut, fill, settings, tensors, text
from support import NANO

TINY = NANO.parent / "configs" / "nano-tiny.yaml"
Change = Callable[[Path], object]
"""Done to the folder that `Files` made."""


class Files:
    """A config with files of its own, and a run of it that has begun its first turn."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.folder, self.run = folder, folder / "run"
        shutil.copytree(MODEL, folder / "model")
        shutil.copytree(MODEL, folder / "judge")
        for name in ("seeds", "held_out", "held_out_types", "audit"):
            shutil.copy(DATA / f"{name}.parquet", folder)
        (folder / "bench.jsonl").write_text('{"prompt": "How many moons has the planet Mars in all?"}\n')
        (folder / "plugin.py").write_text("# nothing of its own\n")
        (folder / "prompts").mkdir()
        compact = NANO.parent / "roles" / "prompts" / "compact"
        for path in compact.glob("*.jinja"):
            shutil.copy(path, folder / "prompts")
        row = {"prompt": "Why? Avoid commas.", "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]}
        (folder / "ifeval.jsonl").write_text(json.dumps(row) + "\n")
        tree: dict[str, Any] = yaml.safe_load(TINY.read_text())
        tree |= {name: f"{name}.parquet" for name in ("seeds", "held_out", "held_out_types", "audit")}
        tree |= {"model": "./model", "prompts": "./prompts", "plugins": ["plugin.py"]}
        tree |= {"benchmark_prompts": ["bench.jsonl"], "turns": 2}
        tree["evaluation"] |= {"suites": [{"name": "ifeval", "prompts": "ifeval.jsonl"}]}
        tree["judger"] |= {"weights": "base", "checkpoint": "./judge"}
        self.config = folder / "config.yaml"
        self.config.write_text(yaml.safe_dump(tree | changes))

    def resume(self, *overrides: str) -> Ended:
        """`seif run`, but for the stages themselves."""
        options = [part for override in overrides for part in ("--set", override)]
        with mock.patch("seif.loop.run"):
            return call("run", self.config, "--run-dir", self.run, *options)

    def begin(self) -> None:
        """Start the run; turn 1 is begun."""
        expect_success(self.resume())
        (self.run / "turn_01").mkdir()
        (self.run / "turn_01" / "instructor.checkpoints").mkdir()

    def manifest(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.run / "manifest.json").read_text())
        return found

    def events(self) -> list[dict[str, Any]]:
        path = self.run / "events.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


# --- files ------------------------------------------------------------------------------------------------------------


def append(name: str, what: str) -> Change:
    def change(folder: Path) -> None:
        with (folder / name).open("a") as file:
            file.write(what)

    return change


def fewer_rows(name: str) -> Change:
    def change(folder: Path) -> None:
        import pyarrow.parquet as pq

        pq.write_table(pq.read_table(folder / name).slice(1), folder / name)

    return change


def in_model(damage: Damage, name: str = "model") -> Change:
    return lambda folder: damage(folder / name)


def gone(name: str) -> Change:
    return lambda folder: (folder / name).unlink()


def retrained(held: dict[str, Any]) -> None:
    """Every weight a little other, none missing."""
    for weight in held.values():
        weight.mul_(1.01)


CHANGED_FILES: Mapping[str, Mapping[str, tuple[Change, tuple[str, ...]]]] = {
    "seeds": {
        "a row less": (fewer_rows("seeds.parquet"), ("seeds file changed", "--run-dir")),
        "gone": (gone("seeds.parquet"), ("seeds.parquet",)),
    },
    **{
        name: {
            "a row less": (fewer_rows(f"{name}.parquet"), (f"{name} file changed", "--run-dir")),
            "gone": (gone(f"{name}.parquet"), (f"{name}.parquet",)),
        }
        for name in ("held_out", "held_out_types", "audit")
    },
    "benchmark_prompts": {
        "a row more": (append("bench.jsonl", '{"prompt": "And what else is there?"}\n'), ("benchmark_prompts_1 file",)),
        "gone": (gone("bench.jsonl"), ("bench.jsonl",)),
    },
    "plugins": {
        "a line more": (append("plugin.py", "VALUE = 2\n"), ("plugin plugin.py file changed",)),
        "gone": (gone("plugin.py"), ("plugin.py",)),
    },
    "prompts": {
        "another wording": (append("prompts/judger.jinja", "\nBe strict."), ("prompts file changed",)),
        "a template less": (gone("prompts/filter.jinja"), ("prompts file changed",)),
        "a template more": (
            lambda folder: shutil.copy(folder / "prompts/filter.jinja", folder / "prompts/follower_think_answer.jinja"),
            ("prompts file changed",),
        ),
    },
    "evaluation.suites": {
        "another prompt": (
            lambda folder: (folder / "ifeval.jsonl").write_text(
                (folder / "ifeval.jsonl").read_text().replace("Why?", "How?")
            ),
            ("ifeval prompts file changed",),
        ),
        "gone": (gone("ifeval.jsonl"), ("ifeval.jsonl",)),
    },
    "model": {
        "trained further": (in_model(tensors(retrained)), ("checkpoint of model", "model.safetensors", "--run-dir")),
        "one value": (in_model(tensors(fill("model.norm.weight", 0.5))), ("checkpoint of model", "model.safetensors")),
        "another config": (
            in_model(settings("config.json", rms_norm_eps=0.01)),
            ("checkpoint of model", "config.json"),
        ),
        "another chat template": (
            in_model(text("chat_template.jinja", "{{ messages[0].content }}")),
            ("checkpoint of model", "chat_template.jinja"),
        ),
        "another tokenizer config": (
            in_model(settings("tokenizer_config.json", model_max_length=99)),
            ("checkpoint of model", "tokenizer_config.json"),
        ),
        "other end tokens": (
            in_model(settings("generation_config.json", eos_token_id=5)),
            ("checkpoint of model", "generation_config.json"),
        ),
        "weights cut in half": (in_model(cut("model.safetensors", 0.5)), ("checkpoint of model", "model.safetensors")),
        "gone": (lambda folder: shutil.rmtree(folder / "model"), ("model",)),
    },
    "judger.checkpoint": {
        "trained further": (
            in_model(tensors(retrained), "judge"),
            ("checkpoint of judger.checkpoint", "model.safetensors"),
        ),
    },
}


def _changed_file(change: Change, words: tuple[str, ...]) -> Callable[[Path], None]:
    def attempt(folder: Path) -> None:
        files = Files(folder)
        files.begin()
        change(folder)
        expect_line(files.resume(), 2, *words)

    return attempt


def _files() -> Iterator[Fault]:
    for place, kinds in CHANGED_FILES.items():
        for kind, (change, words) in kinds.items():
            quick = (place, kind) in (("prompts", "a template more"), ("model", "trained further"))
            yield Fault(
                f"input {place}", f"{kind} at a resume", "exit code 2 names it", _changed_file(change, words), quick
            )


# --- keys -------------------------------------------------------------------------------------------------------------

MAY_CHANGE: Mapping[str, str] = {
    "turns": "3",
    "report_to": "[tensorboard]",
    "rollouts": "2",
    "instructor.grpo.save_every": "2",
    "follower.grpo.save_every": "3",
    "judger.max_unjudged": "0.5",
    "evaluation.tasks": "5",
    "evaluation.judged": "3",
    "evaluation.judger": "false",
    "evaluation.max_new_tokens": "20",
    "evaluation.suites": "[]",
    "stop.enabled": "false",
    "stop.gap": "0.2",
    "stop.patience": "3",
    "engine.concurrency": "3",
    "engine.timeout": "9",
    "engine.retries": "1",
    "engine.vllm.args": "[--quantization, fp8]",
    "join_timeout": "60",
    "step_timeout": "60",
    "launcher": f"[{Path(sys.executable).with_name('torchrun')}]",
}
MAY_NOT_CHANGE: Mapping[str, str] = {
    "seed": "7",
    "dtype": "float32",
    "attn_implementation": "sdpa",
    "prompts": "compact",
    "benchmark_prompts": "[]",
    "plugins": "[]",
    "held_out": "null",
    "audit": "null",
    "evaluation.showcase": "1",
    "instructor.answers": "2",
    "instructor.reward": "solvable",
    "instructor.share_penalty": "0.1",
    "instructor.attempts": "4",
    "instructor.steps": "5",
    "instructor.grpo.learning_rate": "1e-5",
    "instructor.grpo.micro_batch": "10",
    "follower.grpo.kl": "0.2",
    "follower.grpo.max_new_tokens": "32",
    "follower.grpo.temperature": "0.5",
    "follower.steps": "4",
    "follower.format": "reasoning",
    "follower.reward": "all_or_nothing",
    "filter.model": "false",
    "judger.kind": "rules",
    "judger.checkpoint": "null",
    "judger.min_reliability": "0.1",
    "engine.token_budget": "8192",
    "engine.dtype": "float32",
    "lora": "{r: 4}",
    "self_supervised.answers": "2",
}


def _may_change(key: str, value: str) -> Callable[[Path], None]:
    def attempt(folder: Path) -> None:
        files = Files(folder)
        files.begin()
        setting = f"{key}={value}"
        with mock.patch("seif.extensions.load_extensions", side_effect=lambda config: config):
            expect_success(files.resume(setting))
        noted = [event for event in files.events() if event["event"] == "config_changed"]
        if [event["key"] for event in noted] != [key]:
            raise Silent(f"events say {noted}")
        found = call("status", files.run, "--json")
        if [change["key"] for change in json.loads(found.out)["config_changes"]] != [key]:
            raise Silent("status does not say what was changed")
        expect_success(files.resume(setting))

    return attempt


def _may_not_change(key: str, value: str) -> Callable[[Path], None]:
    def attempt(folder: Path) -> None:
        files = Files(folder)
        files.begin()
        before = (files.run / "config.yaml").read_bytes()
        expect_line(files.resume(f"{key}={value}"), 2, "another config", key, "--run-dir")
        if (files.run / "config.yaml").read_bytes() != before:
            raise Lost("the refused config was written down")

    return attempt


def _fewer_turns(folder: Path) -> None:
    files = Files(folder)
    files.begin()
    (files.run / "turn_02").mkdir()
    (files.run / "turn_02" / "generation.json").write_text("{}")
    expect_line(files.resume("turns=1"), 2, "has begun turn 2", "set turns=2 or more")


def _amid_an_evaluation(folder: Path) -> None:
    files = Files(folder)
    files.begin()
    parts = files.run / "turn_01" / "evaluation.json.parts"
    parts.mkdir()
    (parts / "greedy.jsonl").write_text("")
    expect_line(files.resume("evaluation.tasks=7"), 2, "midst of an evaluation", "evaluation.tasks")
    expect_success(files.resume("turns=3"))


def _one_of_two(folder: Path) -> None:
    files = Files(folder)
    files.begin()
    expect_line(files.resume("turns=3", "follower.grpo.kl=0.5"), 2, "keys differ: follower.grpo.kl. ")
    if files.events():
        raise Silent("a refused resume noted changes")


def _keys() -> Iterator[Fault]:
    for key, value in MAY_CHANGE.items():
        if key == "report_to" and importlib.util.find_spec("tensorboard") is None:
            continue
        yield Fault(f"config key {key}", "changed at a resume", "goes on, noted", _may_change(key, value), False)
    for key, value in MAY_NOT_CHANGE.items():
        yield Fault(
            f"config key {key}",
            "changed at a resume",
            "exit code 2 names it, nothing is written",
            _may_not_change(key, value),
            key == "seed",
        )
    yield Fault("config key turns", "fewer than are begun", "exit code 2 says how many", _fewer_turns, False)
    yield Fault("config key evaluation.tasks", "amid an evaluation", "exit code 2 names it", _amid_an_evaluation, False)
    yield Fault("config keys", "one that may change and one that may not", "exit code 2 names one", _one_of_two, False)


# --- runs of earlier versions -----------------------------------------------------------------------------------------


def _without_fingerprint(folder: Path) -> None:
    """A manifest that knows nothing of models goes on, and knows them from then on."""
    files = Files(folder)
    files.begin()
    tree = files.manifest()
    del tree["models"], tree["prompts_sha256"]
    (files.run / "manifest.json").write_text(json.dumps(tree))
    # Nor did such a version write checksums.
    (files.run / "checksums.json").unlink()
    expect_success(files.resume())
    if "model.safetensors" not in files.manifest().get("models", {}).get("model", {}):
        raise Silent("the model is still not noted")
    if not any(event["event"] == "files_noted" for event in files.events()):
        raise Silent("events don't say since when the model is known")
    in_model(tensors(retrained))(folder)
    expect_line(files.resume(), 2, "checkpoint of model", "model.safetensors")


# --- whole runs -------------------------------------------------------------------------------------------------------


def _run(folder: Path, name: str, *overrides: str) -> Path:
    settings = ("evaluation.tasks=12", "instructor.steps=1", "follower.steps=2", *overrides)
    options = [part for override in settings for part in ("--set", override)]
    expect_success(start("run", "nano-tiny", "--run-dir", folder / name, *options, timeout=900))
    return folder / name


def _equal(whole: Path, resumed: Path) -> None:
    """The same files of results, bit for bit, but for times."""
    for path in sorted(whole.rglob("*")):
        name = path.relative_to(whole)
        numbers = path.name in ("generation.json", "audit.json")
        if path.name == "events.jsonl" or not (numbers or path.suffix in (".safetensors", ".parquet", ".jsonl")):
            continue
        other = resumed / name
        # An audit names its judges, which lie in the run.
        wanted = path.read_bytes().replace(str(whole).encode(), str(resumed).encode())
        if not other.exists() or other.read_bytes() != wanted:
            raise Lost(f"{name} differs from that of a run with these settings from the start")
    for path in sorted(whole.glob("turn_*/evaluation.json")):
        ours, theirs = (json.loads((root / path.relative_to(whole)).read_text()) for root in (whole, resumed))
        if ours | {"seconds": 0} != theirs | {"seconds": 0}:
            raise Lost(f"{path.relative_to(whole)} differs")


def _more_turns(*overrides: str) -> Callable[[Path], None]:
    def attempt(folder: Path) -> None:
        whole = _run(folder, "whole", "turns=2", *overrides)
        resumed = _run(folder, "resumed", "turns=1", *overrides)
        _run(folder, "resumed", "turns=2", *overrides)
        _equal(whole, resumed)

    return attempt


def _killed(change: str) -> Callable[[Path], None]:
    """Killed within the Follower's training, and resumed with another value of a key that may change."""

    def attempt(folder: Path) -> None:
        import signal
        import subprocess
        import sys

        small = ("evaluation.tasks=12", "instructor.steps=1", "follower.steps=4", "rollouts=2")
        options = [part for override in small for part in ("--set", override)]
        command = [sys.executable, "-m", "seif", "run", "nano-tiny", "--run-dir", str(folder / "cut"), *options]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 600
        mark = folder / "cut" / "turn_01" / "follower.checkpoints" / "checkpoint-1" / "complete"
        while process.poll() is None and not mark.exists():
            if time.monotonic() > deadline:
                process.send_signal(signal.SIGKILL)
                raise Overran("no checkpoint after 600 s")
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        expect_success(start("run", "nano-tiny", "--run-dir", folder / "cut", *options, "--set", change, timeout=900))
        expect_success(start("run", "nano-tiny", "--run-dir", folder / "whole", *options, timeout=900))
        _equal(folder / "whole", folder / "cut")

    return attempt


def faults() -> Iterator[Fault]:
    yield from _files()
    yield from _keys()
    yield Fault("manifest", "of a version without models", "goes on, and notes them", _without_fingerprint)
    yield Fault("turns of a finished run", "1, then 2", "bit for bit as 2 from the start", _more_turns(), False)
    audit = ("audit=nano:data/audit.parquet", "judger.min_reliability=0")
    yield Fault("turns of an audited run", "1, then 2", "bit for bit as 2 from the start", _more_turns(*audit), False)
    yield Fault(
        "follower.grpo.save_every", "1, killed, then 2", "bit for bit", _killed("follower.grpo.save_every=2"), False
    )
    unjudged = _killed("judger.max_unjudged=0.5")
    yield Fault("judger.max_unjudged", "changed within a stage", "bit for bit", unjudged, False)
