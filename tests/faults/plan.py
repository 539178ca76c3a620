"""What a run refuses at its start, a plan refuses with the same line; odd options of `seif plan` and `seif init`."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import seif
from faults.campaign import Crashed, Fault, Overran, Silent, call, expect_line
from seif.configs import find
from seif.constraints.compiler import compile_text
from seif.errors import UsageError
from seif.instructions import write_instructions
from seif.listener import Listener
from seif.types import Instruction
from support import NANO

SEEDS = ("How old is the Rhine?", "Who built the tower?", "Where do owls sleep?")
"""So small that a plan of them takes no time; nothing is asked, so no model would be loaded."""
BASE = ("follower.grpo.max_new_tokens=64", "judger.kind=rules", "filter.model=false", "turns=1")
Prepare = Callable[[Path], Sequence[str]]


def _tasks(path: Path, *questions: str) -> str:
    write_instructions(path, [Instruction(q, (compile_text("Avoid commas."),)) for q in questions])
    return str(path)


def _model(folder: Path, change: Callable[[Path], object]) -> Sequence[str]:
    """The embedded model, damaged."""
    shutil.copytree(NANO / "model", folder / "model")
    change(folder / "model")
    return [f"model={folder / 'model'}"]


def _adapter(folder: Path, **settings: object) -> Sequence[str]:
    found = {"peft_type": "LORA", "base_model_name_or_path": str(NANO / "model"), **settings}
    (folder / "adapter").mkdir()
    (folder / "adapter" / "adapter_config.json").write_text(json.dumps(found))
    return [f"model={folder / 'adapter'}"]


def _text(folder: Path, key: str, content: str, name: str = "file.jsonl") -> Sequence[str]:
    (folder / name).write_text(content)
    return [f"{key}={folder / name}"]


def _set(*overrides: str) -> Prepare:
    return lambda folder: [o.replace("FOLDER", str(folder)) for o in overrides]


CLASSIFIER = ("judger.kind=classifier",)
REFUSED: dict[str, tuple[Prepare, tuple[str, ...]]] = {
    "model: a folder that is not there": (_set("model=/nowhere/model"), ("no model directory",)),
    "model: a relative folder that is not there": (_set("model=./nowhere"), ("no model directory",)),
    "model: no name of the hub": (_set("model=runs/a/b/c"), ("runs/a/b/c", "not on this machine")),
    "model: an empty folder": (_set("model=FOLDER"), ("no config.json",)),
    "model: a file": (lambda f: _text(f, "model", "{}"), ("no model directory",)),
    "model: no weights": (
        lambda f: _model(f, lambda m: (m / "model.safetensors").unlink()),
        ("no weights",),
    ),
    "model: half of the weights' header": (
        lambda f: _model(f, lambda m: (m / "model.safetensors").write_bytes(b"\x10")),
        ("can't be loaded",),
    ),
    "model: config.json is no JSON": (
        lambda f: _model(f, lambda m: (m / "config.json").write_text("{")),
        ("can't be loaded",),
    ),
    "model: another kind": (
        lambda f: _model(f, lambda m: (m / "config.json").write_text('{"model_type": "vit"}')),
        ("causal",),
    ),
    "model: no chat template": (
        lambda f: _model(f, lambda m: (m / "chat_template.jinja").unlink()),
        ("no chat template",),
    ),
    "model: an adapter without lora": (_adapter, ("weights",)),
    "model: an adapter without a base": (lambda f: _adapter(f, base_model_name_or_path=None), ("base",)),
    "model: an adapter on a folder that is gone": (
        lambda f: _adapter(f, base_model_name_or_path="/nowhere/base"),
        ("/nowhere/base",),
    ),
    "lora.target_modules: no such layer": (_set("lora.target_modules=[q_prj]"), ("'q_prj' names no layer",)),
    "seeds: none": (_set("seeds=null"), ("no seeds",)),
    "seeds: not there": (_set("seeds=FOLDER/none.jsonl"), ("no file at",)),
    "seeds: one beyond the context": (
        lambda f: _text(f, "seeds", json.dumps({"prompt": "old " * 600}) + "\n"),
        ("seed 1 has", "context of 512"),
    ),
    "seeds: an empty one": (lambda f: _text(f, "seeds", '{"prompt": "a"}\n{"prompt": " "}\n'), ("row 2", "empty")),
    "seeds: one twice": (lambda f: _text(f, "seeds", '{"prompt": "a"}\n{"prompt": "a"}\n'), ("row 2 repeats",)),
    "seeds: all of them held out": (
        lambda f: [f"held_out={_tasks(f / 'h.parquet', *SEEDS)}"],
        ("every seed overlaps",),
    ),
    "follower.grpo.max_new_tokens: the whole context": (
        _set("follower.grpo.max_new_tokens=512"),
        ("exceeds the model's context of 512",),
    ),
    "follower.grpo.extra: an unknown setting": (_set("follower.grpo.extra={top_x: 1}"), ("top_x", "no setting")),
    "instructor.grpo.extra: one of ours": (_set("instructor.grpo.extra={beta: 1}"), ("set grpo.kl",)),
    "follower.grpo.extra: a value that TRL refuses": (
        _set("follower.grpo.extra={optim: no_such}"),
        ("TRL refuses",),
    ),
    "devices: that do not divide the batch": (_set("devices=7"), ("7 devices do not divide",)),
    "report_to: an unknown tracker": (_set("report_to=[wandbb]"), ("wandbb",)),
    "prompts: an unknown folder": (_set("prompts=FOLDER/none"), ("none",)),
    "chat.format: an unknown one": (_set("chat.format=qwen9"), ("qwen9",)),
    "attn_implementation: an unknown one": (_set("attn_implementation=falsh"), ("attn_implementation", "'falsh'")),
    "evaluation.suites: an unknown one": (_set("evaluation.suites=[ifevall]"), ("ifevall",)),
    "evaluation.suites: without its prompts": (_set("evaluation.suites=[ifeval]"), ("prompts",)),
    "evaluation.suites: prompts that are not there": (
        _set("evaluation.suites=[{name: ifeval, prompts: FOLDER/none.jsonl}]"),
        ("none.jsonl",),
    ),
    "instructor.types: an unknown one": (
        _set(
            "instructor.allocation=even",
            "instructor.types=[a:b]",
            "instructor.templates=[{prompt: hard, constraints: 1}]",
        ),
        ("'a:b' is no type",),
    ),
    "held_out: not there": (_set("held_out=FOLDER/none.parquet"), ("no file at",)),
    "held_out: seeds": (lambda f: _text(f, "held_out", '{"prompt": "Why?"}\n'), ("constraint",)),
    "held_out: a constraint that no rule checks": (
        lambda f: _text(f, "held_out", json.dumps({"seed_question": "Why?", "constraint": ["Be kind."]})),
        ("row 1", "verifier"),
    ),
    "held_out_types: not there": (_set("held_out_types=FOLDER/none.parquet"), ("no file at",)),
    "audit: not there": (_set("audit=FOLDER/none.parquet"), ("no file at",)),
    "audit: questions that are held out": (
        lambda f: [f"audit={_tasks(f / 'a.parquet', 'Why?', 'How?')}", f"held_out={_tasks(f / 'h.parquet', 'How?')}"],
        ("audit and held_out share 1 question",),
    ),
    "audit: questions that are held out by type": (
        lambda f: [
            f"audit={_tasks(f / 'a.parquet', 'Why?', 'How?')}",
            f"held_out_types={_tasks(f / 'h.parquet', 'How?')}",
        ],
        ("audit and held_out_types share 1 question",),
    ),
    "benchmark_prompts: not there": (_set("benchmark_prompts=[FOLDER/none.parquet]"), ("no file at",)),
    "benchmark_prompts: no prompts": (
        lambda f: [o.replace("=", "=[", 1) + "]" for o in _text(f, "benchmark_prompts", '{"a": 1}\n')],
        ("`prompt` column",),
    ),
    "benchmark_prompts: a list for a prompt": (
        lambda f: [o.replace("=", "=[", 1) + "]" for o in _text(f, "benchmark_prompts", '{"prompt": ["a"]}\n')],
        ("row 1", "must be text"),
    ),
    "judger.checkpoint: an empty folder": (
        _set("judger.checkpoint=FOLDER", "judger.weights=base"),
        ("no config.json",),
    ),
    "judger.checkpoint: not there": (
        _set("judger.checkpoint=/nowhere", "judger.weights=base"),
        ("no model directory",),
    ),
    "self_supervised.soft_types: an unknown one": (
        _set("self_supervised.soft_types=[a:b]", "judger.kind=logprob"),
        ("a:b",),
    ),
    "self_supervised.general.train: not there": (
        _set("self_supervised.general.train=FOLDER/none.jsonl"),
        ("no file at",),
    ),
    "self_supervised.general.held_out: no answers": (
        lambda f: _text(f, "self_supervised.general.held_out", '{"prompt": "a"}\n'),
        ("row 1", "answer"),
    ),
    "self_supervised.reward_model.checkpoint: a language model": (
        _set(*CLASSIFIER, f"self_supervised.reward_model.checkpoint={NANO / 'model'}"),
        ("no sequence classifier",),
    ),
    "self_supervised.reward_model.max_length: beyond the context": (
        _set(*CLASSIFIER, "self_supervised.reward_model.max_length=4096"),
        ("max_length is 4096",),
    ),
    "plugins: not there": (_set("plugins=[FOLDER/none.py]"), ("none.py",)),
    "follower.reward: an unknown one": (_set("follower.reward=bset"), ("follower.reward", "bset")),
    "judger.kind: an unknown one": (_set("judger.kind=rule"), ("judger.kind", "rule")),
}
ODD: dict[str, tuple[Sequence[object], tuple[str, ...]]] = {
    "--gpu: an unknown one": (("--gpu", "h10"), ("did you mean 'h100'",)),
    "--gpu: nothing": (("--gpu", ""), ("no such device",)),
    "--price-per-mtok: NaN": (("--price-per-mtok", "nan"), ("--price-per-mtok", "IN,OUT")),
    "--price-per-mtok: infinity": (("--price-per-mtok", "1,inf"), ("IN,OUT",)),
    "--price-per-mtok: three": (("--price-per-mtok", "1,2,3"), ("IN,OUT",)),
    "--rates: a folder": (("--rates", "."), ("--rates", "seif bench")),
    "--rates: not there": (("--rates", "/nowhere.json"), ("--rates", "seif bench")),
}


def _load(folder: Path, overrides: Sequence[str]) -> seif.Config:
    seeds = folder / "own.txt"
    seeds.write_text("\n".join(SEEDS))
    return seif.load_config(None, [f"model={NANO / 'model'}", f"seeds={seeds}", *BASE, *overrides])


def _said(act: Callable[[], object]) -> str:
    try:
        act()
    except UsageError as error:
        return str(error)
    raise Silent("it is accepted")


def _same(prepare: Prepare, words: tuple[str, ...]) -> Callable[[Path], None]:
    def attempt(folder: Path) -> None:
        overrides = prepare(folder)
        planned = _said(lambda: seif.plan(_load(folder, overrides)))
        run = _said(lambda: seif.run(_load(folder, overrides), folder / "run"))
        if "\n" in planned:
            raise Crashed(planned[:300])
        if missing := [word for word in words if word not in planned]:
            raise Silent(f"no {missing} in: {planned}")
        if planned != run:
            raise Silent(f"a run says: {run}; a plan: {planned}")
        if (folder / "run" / "config.yaml").exists():
            raise Silent("the run has begun")

    return attempt


def _many_seeds(folder: Path) -> None:
    """100,000 seeds: read whole, so the last row's fault is found; compared by samples; said."""
    file = folder / "many.txt"
    file.write_text("".join(f"How old is river number {n}?\n" for n in range(100_000)) + "How old is river number 7?\n")
    # The model's files are elsewhere, so no tokenizer counts.
    overrides = [f"seeds={file}", "model=some/model"]
    began = time.monotonic()
    if "row 100001 repeats the seed of row 8" not in (said := _said(lambda: seif.plan(_load(folder, overrides)))):
        raise Silent(said)
    file.write_text("".join(f"How old is river number {n}?\n" for n in range(100_000)))
    notes: list[str] = []
    if seif.plan(_load(folder, overrides), Listener(note=notes.append)).seeds != 100_000:
        raise Silent("another number of seeds")
    if not any("100,000 rows, of which one in 5 is compared" in note for note in notes):
        raise Silent(f"notes: {notes}")
    if time.monotonic() - began > 60:
        raise Overran(f"{time.monotonic() - began:.0f} s")


def _option(options: Sequence[object], words: tuple[str, ...]) -> Callable[[Path], None]:
    def attempt(folder: Path) -> None:
        config = folder / "run.yaml"
        (folder / "seeds.txt").write_text("Why?\n")
        shipped = find(Path("nano-tiny")).read_text(encoding="utf-8")
        config.write_text(shipped.replace("nano:data/seeds.parquet", "seeds.txt"), encoding="utf-8")
        expect_line(call("plan", config, *options), 2, *words)

    return attempt


INIT: dict[str, tuple[Sequence[object], tuple[str, ...]]] = {
    "--model: not there": (("--model", "/nowhere"), ("no model directory",)),
    "--seeds: not there": (("--seeds", "/nowhere.txt"), ("no file at",)),
    "--out: a file that is there": (("--out", "FOLDER/seeds.txt"), ("exists already",)),
    "--out: a folder": (("--out", "FOLDER"), ("exists already",)),
}


def _init(options: Sequence[object], words: tuple[str, ...]) -> Callable[[Path], None]:
    def attempt(folder: Path) -> None:
        (folder / "seeds.txt").write_text("Why?\n")
        given = {"--model": NANO / "model", "--seeds": folder / "seeds.txt", "--out": folder / "new.yaml"}
        given.update(zip(options[::2], (str(o).replace("FOLDER", str(folder)) for o in options[1::2]), strict=True))
        expect_line(call("init", *(part for pair in given.items() for part in pair)), 2, *words)
        if (folder / "new.yaml").exists():
            raise Silent("a config is written all the same")

    return attempt


def _memory(value: str) -> Callable[[Path], None]:
    """The command line's own reader refuses it, in a box of its own."""

    def attempt(folder: Path) -> None:
        (folder / "seeds.txt").write_text("Why?\n")
        ended = call("init", "--model", NANO / "model", "--seeds", folder / "seeds.txt", "--gpu-memory", value)
        if ended.code != 2 or "--gpu-memory" not in ended.err:
            raise Silent(f"exit code {ended.code}: {ended.err[-300:]}")

    return attempt


def _odd_folder(folder: Path) -> None:
    """Seeds in a folder whose name YAML would take for something else."""
    odd = folder / "it's: [1e5] #三"
    odd.mkdir()
    (odd / "seeds.txt").write_text("Why?\n")
    call("init", "--model", NANO / "model", "--seeds", odd / "seeds.txt", "--out", folder / "new.yaml")
    if seif.load_config(folder / "new.yaml").seeds != str(odd / "seeds.txt"):
        raise Silent("the config names another file")


def faults() -> Iterator[Fault]:
    """Every fault of this part."""
    for kind, (prepare, words) in REFUSED.items():
        yield Fault("plan and run", kind, "both refuse it with the same line", _same(prepare, words))
    for kind, (options, words) in ODD.items():
        yield Fault("seif plan", kind, f"exit code 2 says {', '.join(words)}", _option(options, words))
    for kind, (options, words) in INIT.items():
        yield Fault("seif init", kind, f"exit code 2 says {', '.join(words)}", _init(options, words))
    for value in ("nan", "inf", "-5", "1e300", "x"):
        yield Fault("seif init", f"--gpu-memory {value}", "exit code 2 names the option", _memory(value))
    yield Fault("seif init", "seeds in an odd folder", "the config finds them", _odd_folder)
    yield Fault("seif plan", "100,000 seeds", "each row is checked, samples are compared", _many_seeds, quick=False)
