"""Damaged checkpoints, adapters and reward models, in every command that loads them; texts longer than the context."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from faults.campaign import Fault, call, expect_line
from support import NANO

if TYPE_CHECKING:
    from torch import Tensor

MODEL, DATA = NANO / "model", NANO / "data"
LAYER = "model.layers.1.mlp.up_proj.weight"
LORA = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
Damage = Callable[[Path], object]
"""Done to a copy of a checkpoint."""

# --- what is done to a checkpoint -------------------------------------------------------------------------------------


def tensors(change: Callable[[dict[str, Tensor]], object], file: str = "model.safetensors") -> Damage:
    """Change what the file of weights holds."""

    def damage(folder: Path) -> None:
        from safetensors.torch import load_file, save_file

        held = load_file(folder / file)
        change(held)
        save_file(held, folder / file, metadata={"format": "pt"})

    return damage


def settings(file: str, **values: object) -> Damage:
    """Change keys of a JSON file."""

    def damage(folder: Path) -> None:
        path = folder / file
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return damage


def cut(file: str, keep: float) -> Damage:
    """Leave the first part of a file."""

    def damage(folder: Path) -> None:
        content = (folder / file).read_bytes()
        (folder / file).write_bytes(content[: int(keep * len(content))])

    return damage


def text(file: str, content: str) -> Damage:
    return lambda folder: (folder / file).write_text(content)


def without_head(folder: Path) -> None:
    settings("config.json", tie_word_embeddings=False)(folder)


def in_shards(folder: Path) -> None:
    """Two files and an index; the second one is gone."""
    from safetensors.torch import load_file, save_file

    held = load_file(folder / "model.safetensors")
    names = sorted(held)
    parts = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for part, its in parts.items():
        save_file({name: held[name].clone() for name in its}, folder / part, metadata={"format": "pt"})
    index = {"metadata": {}, "weight_map": {name: part for part, its in parts.items() for name in its}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "model.safetensors").unlink()
    (folder / "model-00002-of-00002.safetensors").unlink()


def of_five_layers(held: dict[str, Tensor]) -> None:
    for name in [name for name in held if ".layers.0." in name]:
        del held[name]


def fill(name: str, value: float) -> Callable[[dict[str, Tensor]], object]:
    def change(held: dict[str, Tensor]) -> None:
        held[name].view(-1)[7] = value

    return change


def padded(folder: Path) -> None:
    """A tokenizer with more words than the model has."""
    path = folder / "tokenizer.json"
    tree = json.loads(path.read_text())
    vocabulary = tree["model"]["vocab"]
    vocabulary.update({f"word{i}": len(vocabulary) + i for i in range(5000)})
    path.write_text(json.dumps(tree))


@dataclass(frozen=True)
class Kind:
    """One way in which a checkpoint is damaged, and what the line must say of it, beside the checkpoint's name."""

    damage: Damage
    words: tuple[str, ...] = ()


KINDS: Mapping[str, Kind] = {
    "a tensor is missing": Kind(tensors(lambda held: held.pop(LAYER)), ("lacks 1 tensor", LAYER)),
    "a layer is missing": Kind(tensors(of_five_layers), ("lacks 11 tensors", "model.layers.0.", "...")),
    "a tensor too many": Kind(
        tensors(lambda held: held.update(foo=held[LAYER][:2].clone())), ("holds 1 tensor (foo)", "does not have")
    ),
    "a tensor of another shape": Kind(
        tensors(lambda held: held.update({LAYER: held[LAYER][:-8].clone()})), ("other shapes", LAYER)
    ),
    "a tensor of integers": Kind(tensors(lambda held: held.update({LAYER: held[LAYER].int()})), ("integers", LAYER)),
    "NaN": Kind(tensors(fill(LAYER, float("nan"))), ("NaN or infinite", "1 tensor", LAYER)),
    "infinity": Kind(tensors(fill(LAYER, float("-inf"))), ("NaN or infinite", LAYER)),
    "no head": Kind(without_head, ("lacks 1 tensor", "lm_head.weight")),
    "a shard is missing": Kind(in_shards, ("model-00002-of-00002.safetensors",)),
    "weights cut in half": Kind(cut("model.safetensors", 0.5)),
    "weights of 0 bytes": Kind(cut("model.safetensors", 0)),
    "weights are text": Kind(text("model.safetensors", "version https://git-lfs.github.com/spec/v1\n" * 3)),
    "no weights": Kind(lambda folder: (folder / "model.safetensors").unlink(), ("no weights",)),
    "config of a larger model": Kind(settings("config.json", intermediate_size=640), ("other shapes", "...")),
    "config of a deeper model": Kind(
        settings("config.json", num_hidden_layers=6, layer_types=["full_attention"] * 6),
        ("lacks 22 tensors", "layers.4"),
    ),
    "config of a shallower model": Kind(
        settings("config.json", num_hidden_layers=3, layer_types=["full_attention"] * 3), ("does not have", "layers.3")
    ),
    "config cut in half": Kind(cut("config.json", 0.5)),
    "config without sizes that go together": Kind(settings("config.json", num_attention_heads=0)),
    "tokenizer cut in half": Kind(cut("tokenizer.json", 0.5)),
    "tokenizer of another model": Kind(padded, ("tokenizer", "tokens")),
    "generation config cut in half": Kind(cut("generation_config.json", 0.5), ("generation_config.json",)),
}


# --- where it is loaded -----------------------------------------------------------------------------------------------


@cache
def _rows() -> tuple[str, str, str]:
    """(instructions, responses, labels) as files hold them."""
    question = {"seed_question": "Tell me about the river.", "prompt": "Tell me about the river."}
    instruction = {**question, "constraints": ["Avoid commas."], "constraint": ["Avoid commas."]}
    return json.dumps(instruction), json.dumps({**instruction, "response": "It is long."}), ""


def _instructions(folder: Path) -> Path:
    path = folder / "instructions.jsonl"
    path.write_text(_rows()[0] + "\n")
    return path


def _responses(folder: Path) -> Path:
    path = folder / "responses.jsonl"
    path.write_text(_rows()[1] + "\n")
    return path


Command = Callable[[Path, Path], tuple[object, ...]]
"""The arguments of a command, from an empty folder and the checkpoint."""
SMALL = ("--set", "evaluation.tasks=4")
COMMANDS: Mapping[str, Command] = {
    "run": lambda folder, model: ("run", "nano-tiny", "--run-dir", folder / "run", "--set", f"model={model}"),
    "judger.checkpoint of run": lambda folder, model: (
        *("run", "nano-tiny", "--run-dir", folder / "run"),
        *("--set", "judger.weights=base", "--set", f"judger.checkpoint={model}"),
    ),
    "evaluate": lambda folder, model: ("evaluate", model, "--config", "nano-tiny", *SMALL),
    "evaluate --judge-model": lambda folder, model: (
        *("evaluate", MODEL, "--config", "nano-tiny", *SMALL, "--judge-model", model),
    ),
    "judge": lambda folder, model: (
        *("judge", _responses(folder), "--config", "nano-tiny", "--model", model, "--judger", "logprob"),
    ),
    "generate": lambda folder, model: (
        *("generate", "--model", model, "--config", "nano-tiny", "--seeds", DATA / "seeds.parquet"),
        *("--out", folder / "out.parquet"),
    ),
    "train follower": lambda folder, model: (
        *("train", "follower", "--model", model, "--config", "nano-tiny"),
        *("--instructions", _instructions(folder), "--out", folder / "trained"),
    ),
    "train instructor": lambda folder, model: (
        *("train", "instructor", "--model", model, "--config", "nano-tiny"),
        *("--instructions", _instructions(folder), "--out", folder / "trained"),
    ),
    "pseudo-label": lambda folder, model: (
        *("pseudo-label", "--model", model, "--config", "nano-tiny"),
        *("--instructions", _instructions(folder), "--out", folder / "labels.parquet"),
    ),
}
QUICK = {"evaluate"}
"""Commands that are tried with every kind by the tests too."""
QUICK_KINDS = {"a tensor is missing"}
SLOWER = {"run", "judger.checkpoint of run"}


def _copy(folder: Path, damage: Damage) -> Path:
    model = folder / "damaged"
    shutil.copytree(MODEL, model)
    damage(model)
    return model


def _refused(command: Command, kind: Kind) -> Callable[[Path], None]:
    def attempt(folder: Path) -> None:
        model = _copy(folder, kind.damage)
        expect_line(call(*command(folder, model)), 2, str(model), *kind.words)

    return attempt


def _checkpoints() -> Iterator[Fault]:
    for place, command in COMMANDS.items():
        for name, kind in KINDS.items():
            quick = place in QUICK or (name in QUICK_KINDS and place not in SLOWER)
            yield Fault(f"checkpoint of {place}", name, "exit code 2 names it", _refused(command, kind), quick)


# --- adapters and reward models ---------------------------------------------------------------------------------------


def _adapter(folder: Path) -> Path:
    """A fresh adapter of the embedded model, as `seif train` leaves one."""
    import torch

    from seif.config import Lora
    from seif.training.lora import adapted

    made = folder / "damaged"
    with torch.random.fork_rng():
        adapted(str(MODEL), Lora(r=4, alpha=8), seed=0, dtype="float32").save_pretrained(made)
    return made


def _reward_model(folder: Path) -> Path:
    """A classifier with a new head, as `seif train reward-model` leaves one."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    made = folder / "damaged"
    with torch.random.fork_rng():
        AutoModelForSequenceClassification.from_pretrained(MODEL, num_labels=2).save_pretrained(made)
    AutoTokenizer.from_pretrained(MODEL).save_pretrained(made)
    return made


ADAPTER = "adapter_model.safetensors"
ADAPTER_KINDS: Mapping[str, Kind] = {
    "a tensor is missing": Kind(tensors(lambda held: held.pop(LORA), ADAPTER), ("lacks 1 tensor", LORA)),
    "a tensor too many": Kind(
        tensors(lambda held: held.update(foo=held[LORA].clone()), ADAPTER), ("holds 1 tensor (foo)",)
    ),
    "another rank": Kind(settings("adapter_config.json", r=8), ("other shapes", "...")),
    "NaN": Kind(tensors(fill(LORA, float("nan")), ADAPTER), ("NaN or infinite", LORA)),
    "weights cut in half": Kind(cut(ADAPTER, 0.5)),
    "modules that its base lacks": Kind(settings("adapter_config.json", target_modules=["c_attn"]), ("c_attn",)),
    "fewer modules": Kind(settings("adapter_config.json", target_modules=["q_proj"]), ("does not have", "...")),
    "no weights": Kind(lambda folder: (folder / ADAPTER).unlink(), ("no weights",)),
}
REWARD_MODEL_KINDS: Mapping[str, Kind] = {
    "no head": Kind(tensors(lambda held: held.pop("score.weight")), ("lacks 1 tensor (score.weight)",)),
    "NaN in its head": Kind(tensors(fill("score.weight", float("nan"))), ("NaN or infinite", "score.weight")),
    "a layer is missing": Kind(tensors(of_five_layers), ("lacks 11 tensors",)),
    "weights cut in half": Kind(cut("model.safetensors", 0.5)),
    "config cut in half": Kind(cut("config.json", 0.5)),
    "three labels": Kind(
        settings("config.json", id2label={"0": "a", "1": "b", "2": "c"}, label2id={"a": 0, "b": 1, "c": 2}),
        ("3 labels",),
    ),
}
OF_REWARD_MODELS: Mapping[str, Command] = {
    "judge --judger classifier": lambda folder, model: (
        *("judge", _responses(folder), "--config", "nano-tiny", "--model", model, "--judger", "classifier"),
    ),
    "run with its checkpoint": lambda folder, model: (
        *("run", "nano-tiny", "--run-dir", folder / "run", "--set", "judger.kind=classifier"),
        *("--set", f"self_supervised.reward_model.checkpoint={model}"),
    ),
}


def _made_refused(make: Callable[[Path], Path], command: Command, kind: Kind) -> Callable[[Path], None]:
    def attempt(folder: Path) -> None:
        model = make(folder)
        kind.damage(model)
        expect_line(call(*command(folder, model)), 2, str(model), *kind.words)

    return attempt


def _adapters_and_reward_models() -> Iterator[Fault]:
    for place in ("evaluate", "judge"):
        for name, kind in ADAPTER_KINDS.items():
            attempt = _made_refused(_adapter, COMMANDS[place], kind)
            yield Fault(f"adapter of {place}", name, "exit code 2 names it", attempt, False)
    for place, command in OF_REWARD_MODELS.items():
        for name, kind in REWARD_MODEL_KINDS.items():
            attempt = _made_refused(_reward_model, command, kind)
            yield Fault(f"reward model of {place}", name, "exit code 2 names it", attempt, False)


# --- texts longer than the context ------------------------------------------------------------------------------------

LONG = "old " * 700


def _with_long_rows(name: str) -> Callable[[Path], Path]:
    """A copy of a shipped file whose rows 3 and 5 are longer than the context."""

    def make(folder: Path) -> Path:
        import pyarrow as pa
        import pyarrow.parquet as pq

        rows = pq.read_table(DATA / f"{name}.parquet").slice(0, 8)
        key = "seed_question" if "seed_question" in rows.column_names else "prompt"
        texts = [f"{text} {LONG}{i}" if i in (2, 4) else text for i, text in enumerate(rows[key].to_pylist())]
        path = folder / f"{name}.parquet"
        pq.write_table(rows.set_column(rows.column_names.index(key), key, pa.array(texts)), path)
        return path

    return make


def _long_ifeval(folder: Path) -> Path:
    row = {"prompt": "Why? Avoid commas.", "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]}
    rows = [row, row, row | {"prompt": f"Why? {LONG}"}]
    path = folder / "ifeval.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return path


def _long_responses(folder: Path) -> Path:
    row = json.loads(_rows()[1])
    path = folder / "responses.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in (row, row | {"response": LONG}, row | {"response": LONG})))
    return path


RUN: tuple[object, ...] = ("run", "nano-tiny")
TOO_LONG: Mapping[str, tuple[Callable[[Path], Path], Command, tuple[str, ...]]] = {
    **{
        f"{name} of {command}": (
            _with_long_rows(name),
            lambda folder, file, command=command, name=name: (
                *(command, "nano-tiny", "--set", f"{name}={file}"),
                *(("--run-dir", folder / "run") if command == "run" else ()),
            ),
            ("seed 3" if name == "seeds" else f"{name}.parquet row 3", "so do 1 other", "context of 512"),
        )
        for command in ("run", "plan")
        for name in ("seeds", "held_out", "held_out_types", "audit")
    },
    "seeds of generate": (
        _with_long_rows("seeds"),
        lambda folder, file: (
            *("generate", "--model", MODEL, "--config", "nano-tiny", "--seeds", file),
            *("--out", folder / "out.parquet"),
        ),
        ("seed 3", "context of 512"),
    ),
    "held_out of evaluate": (
        _with_long_rows("held_out"),
        lambda folder, file: ("evaluate", MODEL, "--config", "nano-tiny", "--held-out", file),
        ("held_out.parquet row 3", "so do 1 other"),
    ),
    "ifeval of evaluate": (
        _long_ifeval,
        lambda folder, file: ("evaluate", MODEL, "--config", "nano-tiny", "--suite", "ifeval", "--prompts", file),
        ("ifeval.jsonl row 3",),
    ),
    "ifeval of run": (
        _long_ifeval,
        lambda folder, file: (
            *(*RUN, "--run-dir", folder / "run"),
            *("--set", f"evaluation.suites=[{{name: ifeval, prompts: {file}}}]"),
        ),
        ("ifeval.jsonl row 3",),
    ),
    "rows of judge": (
        _long_responses,
        lambda folder, file: ("judge", file, "--config", "nano-tiny", "--model", MODEL, "--judger", "logprob"),
        ("responses.jsonl row 2", "so do 1 other"),
    ),
    "evaluation.max_new_tokens of run": (
        lambda folder: folder,
        lambda folder, _: (*RUN, "--run-dir", folder / "run", "--set", "evaluation.max_new_tokens=510"),
        ("held_out.parquet row 1", "evaluation.max_new_tokens"),
    ),
    "instructor.grpo.max_new_tokens of run": (
        lambda folder: folder,
        lambda folder, _: (*RUN, "--run-dir", folder / "run", "--set", "instructor.grpo.max_new_tokens=505"),
        ("the Instructor's prompt for seed", "instructor.grpo.max_new_tokens"),
    ),
}


def _too_long(make: Callable[[Path], Path], command: Command, words: tuple[str, ...]) -> Callable[[Path], None]:
    return lambda folder: expect_line(call(*command(folder, make(folder))), 2, *words)


def _lengths() -> Iterator[Fault]:
    for place, (make, command, words) in TOO_LONG.items():
        quick = place in ("held_out of evaluate", "rows of judge")
        yield Fault(
            place, "longer than the context", "exit code 2 names the row", _too_long(make, command, words), quick
        )


def faults() -> Iterator[Fault]:
    yield from _checkpoints()
    yield from _adapters_and_reward_models()
    yield from _lengths()
