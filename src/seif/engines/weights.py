"""Whether a checkpoint's tensors are those of its model: checked before a model is loaded, because transformers and
peft fill what is missing with random numbers and go on."""

from __future__ import annotations

import pickle
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification

from seif.engines.adapter import base_of, is_adapter, need_peft
from seif.engines.model_files import model_folder, weight_files
from seif.errors import UsageError

Head = Literal["language model", "classifier", "new classifier"]
"""What stands on a model's body: `new classifier` is one that is yet to be trained, so it need not be there."""
UNREADABLE = (
    *(OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError),
    *(ImportError, AssertionError, SafetensorError, pickle.UnpicklingError),
)
"""What transformers, peft, safetensors and torch raise for files that are damaged or belong to something else."""
SHOWN = 3
"""Tensors that a message names."""


def check_weights(model: str | Path, head: Head = "language model") -> None:
    """Raises UsageError, in one line, for a checkpoint that lacks tensors, holds others or such of other shapes than
    its config.json says, or whose weights are NaN or infinite; of an adapter, it and its base are checked.

    Tied weights, and what transformers itself knows to be optional, may be absent. Nothing is loaded: the shapes are
    compared without values, and the values are read once (0.1 s for each GB that is in memory). A checkpoint whose
    files have not changed since is not checked again in this process. Weights that are quantized are compared where
    they are loaded.
    """
    base = base_of(model)
    _check_model(base, head, _stamp(base))
    if is_adapter(model):
        need_peft()
        _check_adapter(str(model), base, (*_stamp(model), *_stamp(base)))


def _stamp(model: str | Path) -> tuple[object, ...]:
    """What changes when files of the checkpoint are written anew."""
    folder = model_folder(model)
    files = sorted(folder.iterdir()) if folder else []
    return tuple((file.name, found.st_size, found.st_mtime_ns) for file in files if (found := file.stat()))


@lru_cache(maxsize=64)
def _check_model(model: str, head: Head, stamp: tuple[object, ...]) -> None:
    load = AutoModelForCausalLM if head == "language model" else AutoModelForSequenceClassification
    options: dict[str, Any] = {"num_labels": 2} if head == "new classifier" else {}
    with _readable(model):
        floating: Collection[str] = ()
        if getattr(AutoConfig.from_pretrained(model), "quantization_config", None) is None:
            # A head that is missing is drawn at random, which must not move the random numbers of a training.
            with torch.random.fork_rng(devices=[]):
                net, found = load.from_pretrained(
                    model, device_map="meta", output_loading_info=True, ignore_mismatched_sizes=True, **options
                )
            _check_names(model, net, found, head)
            floating = {name for name, weight in net.state_dict().items() if weight.is_floating_point()}
        _check_values(model, floating)


def _check_names(model: str, net: Any, found: dict[str, Any], head: Head) -> None:
    """Refuse what transformers found to differ; a new head may be missing, and that of another model be there."""
    missing, unexpected = set(found["missing_keys"]), set(found["unexpected_keys"])
    if head == "new classifier":
        body = f"{net.base_model_prefix}."
        missing, unexpected = ({name for name in names if name.startswith(body)} for names in (missing, unexpected))
    other = {f"{name} {_shape(had)} and not {_shape(wanted)}" for name, had, wanted in found["mismatched_keys"]}
    _refuse(model, type(net).__name__, missing, unexpected, other)


@lru_cache(maxsize=64)
def _check_adapter(adapter: str, base: str, stamp: tuple[object, ...]) -> None:
    """Hold an adapter's tensors against those that its settings give it on its base."""
    from peft import PeftConfig, PeftModelForCausalLM, get_peft_model_state_dict

    with _readable(adapter):
        with torch.device("meta"), torch.random.fork_rng(devices=[]):
            net = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(base))
            # Weights of the base may lie with an adapter too, whose embedding was trained.
            own = {f"base_model.model.{name}": weight.shape for name, weight in net.state_dict().items()}
            tuned = PeftModelForCausalLM(net, PeftConfig.from_pretrained(adapter))
        wanted = {
            name: weight.shape for name, weight in get_peft_model_state_dict(tuned, save_embedding_layers=False).items()
        }
        had = {name: tensor.shape for name, tensor in _tensors(adapter)}
        known = own | wanted
        other = {
            f"{name} {_shape(shape)} and not {_shape(known[name])}"
            for name, shape in had.items()
            if name in known and shape != known[name]
        }
        _refuse(adapter, f"LoRA adapter of {base}", wanted.keys() - had.keys(), had.keys() - known.keys(), other)
        _check_values(adapter, had)


def _check_values(model: str, floating: Collection[str]) -> None:
    """Refuse values that are no numbers, and integers where the model has real numbers."""
    bad, integers = set(), set()
    for name, tensor in _tensors(model):
        if not tensor.is_floating_point():
            integers.update({name} & set(floating))
        elif not _finite(tensor):
            bad.add(name)
    if integers:
        raise UsageError(f"{model} holds integers in {_listed(integers)}, where its model has real numbers; {_FIX}")
    if bad:
        raise UsageError(f"{model} holds NaN or infinite values in {_listed(bad)}; {_FIX}")


_FIX = "get the checkpoint again, or save it anew with save_pretrained"


def _refuse(
    model: str, kind: str, missing: Collection[str], unexpected: Collection[str], other: Collection[str]
) -> None:
    parts = [
        f"lacks {_listed(missing)}" if missing else "",
        f"holds {_listed(unexpected)}, which it does not have" if unexpected else "",
        f"has other shapes of {_listed(other)}" if other else "",
    ]
    if any(parts):
        raise UsageError(f"{model} is no whole {kind}: it {', '.join(filter(None, parts))}; {_FIX}")


def _listed(names: Collection[str]) -> str:
    shown = ", ".join(sorted(names)[:SHOWN])
    count = f"{len(names):,} tensor{'s' if len(names) > 1 else ''}"
    return f"{count} ({shown}{', ...' if len(names) > SHOWN else ''})"


def _shape(shape: Any) -> str:
    return str(list(shape))


def _finite(tensor: torch.Tensor) -> bool:
    """One pass without a copy: NaN is carried through to both ends, and infinity is one of them."""
    if not tensor.numel():
        return True
    if tensor.element_size() == 1:
        tensor = tensor.float()
    return bool(torch.isfinite(torch.stack(tensor.aminmax())).all())


def _tensors(model: str) -> Iterator[tuple[str, torch.Tensor]]:
    """(name, values) of everything in the files of weights, mapped into memory."""
    folder = model_folder(model)
    for path in weight_files(folder) if folder else []:
        if path.suffix == ".safetensors":
            with safe_open(path, "pt") as file:
                for name in file.keys():  # noqa: SIM118  it is no mapping
                    yield name, file.get_tensor(name)
        else:
            held = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
            yield from ((name, value) for name, value in held.items() if isinstance(value, torch.Tensor))


@contextmanager
def _readable(model: str) -> Iterator[None]:
    """Around whatever reads a checkpoint: what the libraries raise becomes a UsageError of one line."""
    try:
        yield
    except UNREADABLE as error:
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise UsageError(f"{model} can't be loaded as a transformers checkpoint: {said}; {_FIX}") from error
