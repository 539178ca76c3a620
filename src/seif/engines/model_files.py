"""The files of a checkpoint: which of them transformers and peft read, and what they are known by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

from seif.engines.adapter import CONFIG, base_of, is_adapter

WHOLE = 256 << 20
"""A file of at most so many bytes is hashed whole."""
BLOCK = 4096
BLOCKS = 16
"""So many blocks of each tensor of a larger file are hashed, spread evenly, the first and the last among them."""
_SMALL_FILES = (
    *("config.json", "generation_config.json", CONFIG, "chat_template*", "additional_chat_templates/*"),
    *("tokenizer*", "special_tokens_map.json", "added_tokens.json", "vocab*", "merges.txt", "*.model", "*.tiktoken"),
    *("*.py", "*.index.json"),
)
"""What says, beside the weights, how a model reads and writes: glob patterns."""

_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "vocab.json", "vocab.txt")
"""A model directory with a tokenizer holds one of them."""


def has_tokenizer(folder: Path) -> bool:
    """Whether a model's folder holds a tokenizer."""
    return any((folder / name).is_file() for name in _TOKENIZER_FILES)


def model_folder(model: str | Path) -> Path | None:
    """Where the files of `model` are: the directory itself, or a hub id's snapshot in the cache; None: not there."""
    if Path(model).is_dir():
        return Path(model)
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(str(model), "config.json")
    except HFValidationError:
        return None
    return Path(found).parent if isinstance(found, str) else None


def weight_files(folder: Path) -> list[Path]:
    """The files of tensors that are loaded from a checkpoint's or an adapter's folder, in order.

    Raises ValueError, KeyError or AttributeError for an index that is none.
    """
    if is_adapter(folder):
        named = [folder / "adapter_model.safetensors", folder / "adapter_model.bin"]
        return [path for path in named if path.is_file()][:1]
    for name in ("model.safetensors", "pytorch_model.bin"):
        if (folder / name).is_file():
            return [folder / name]
        index = folder / f"{name}.index.json"
        if index.is_file():
            parts = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
            return [folder / part for part in sorted(set(parts))]
    return []


def fingerprint(model: str | Path) -> dict[str, str]:
    """What a checkpoint is known by: a SHA-256 for each file, an adapter's base included.

    A hub id is known by the commit of its snapshot in the cache, and by nothing where that is not there yet. Config,
    tokenizer, chat template and code of a directory are hashed whole, and so are files of weights up to WHOLE bytes.
    Of a larger file, a size, the names, types and shapes of all tensors, and BLOCKS blocks of each of them are hashed:
    that finds other weights, further training, a merged adapter and a changed layer, in the time of a few thousand
    small reads. It does not find single values that were changed between the blocks; hashing them all takes 1.6 s for
    each GB, and as long as the disk takes to read it.
    """
    folder = model_folder(model)
    if folder is None:
        return {}
    if not Path(model).is_dir():
        return {"commit": folder.name}
    small = {path for pattern in _SMALL_FILES for path in folder.glob(pattern) if path.is_file()}
    files = {str(path.relative_to(folder)): _digest(path) for path in sorted(small)}
    files |= {path.name: _digest(path) for path in _weights(folder) if path.is_file()}
    base = base_of(model)
    return files | {
        f"base/{name}": digest for name, digest in (fingerprint(base) if base != str(model) else {}).items()
    }


def _weights(folder: Path) -> list[Path]:
    try:
        return weight_files(folder)
    except (ValueError, KeyError, AttributeError):
        # The index is hashed itself, and whoever loads the model refuses it.
        return []


def _digest(path: Path) -> str:
    size = path.stat().st_size
    with path.open("rb") as file:
        if size <= WHOLE:
            return hashlib.file_digest(file, "sha256").hexdigest()
        digest = hashlib.sha256(str(size).encode())
        for start, end in _spans(file, path, size):
            for place in range(BLOCKS):
                file.seek(start + max(0, end - start - BLOCK) * place // (BLOCKS - 1))
                digest.update(file.read(min(BLOCK, end - start)))
    return digest.hexdigest()


def _spans(file: BinaryIO, path: Path, size: int) -> Iterator[tuple[int, int]]:
    """(begin, end) of the header in pieces and of each tensor of a safetensors file; a thousand pieces of any other."""
    edges = [size * i // 1024 for i in range(1025)]
    spans = list(pairwise(edges))
    if path.suffix == ".safetensors":
        length = int.from_bytes(file.read(8), "little")
        try:
            header = json.loads(file.read(min(length, size)))
            tensors = [entry["data_offsets"] for name, entry in sorted(header.items()) if name != "__metadata__"]
            blocks = range(0, 8 + length, BLOCK)
            spans = [(at, min(at + BLOCK, 8 + length)) for at in blocks]
            spans += [(8 + length + begin, 8 + length + end) for begin, end in tensors]
        except (ValueError, KeyError, TypeError, AttributeError):
            # No such file: whoever loads it says so.
            pass
    yield from spans
