"""Verdicts that outlive the process: asked once, then free.

A verdict's key hashes the judge's weights and the whole request: its prompt is the template's text with instruction,
response and constraint filled in, so another wording or another checkpoint is another question.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from seif.engines.adapter import base_of
from seif.engines.base import Request
from seif.types import Verdict


class VerdictCache:
    """An append-only file, one verdict a line.

    A line goes to the system whole and at once, so it survives kill -9 of this process.
    """

    def __init__(self, path: Path, weights: str) -> None:
        self.path, self.weights = path, weights
        self.hits = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        self._known = self._read()

    def find(self, request: Request) -> tuple[Verdict, float | None] | None:
        """The verdict, and the probability of *satisfied* where the judge had one; None when it was never given."""
        found = self._known.get(self._key(request))
        self.hits += found is not None
        return found

    def keep(self, request: Request, verdict: Verdict, probability: float | None) -> None:
        """Remember a verdict. Raises OSError when the disk is full."""
        key = self._key(request)
        if key in self._known:
            return
        self._known[key] = verdict, probability
        line = json.dumps({"key": key, "verdict": verdict.value, "probability": probability}) + "\n"
        os.write(self._file, line.encode())

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _key(self, request: Request) -> str:
        question = [
            self.weights,
            request.max_tokens,
            request.top_logprobs,
            request.temperature,
            request.seed,
            request.messages,
            *([request.tools] if request.tools else []),
        ]
        return hashlib.blake2b(json.dumps(question).encode(), digest_size=16).hexdigest()

    def _read(self) -> dict[str, tuple[Verdict, float | None]]:
        """All whole lines. An incomplete last line is removed, or the next would be appended to it."""
        content = self.path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.truncate(self._file, whole)
        known: dict[str, tuple[Verdict, float | None]] = {}
        for line in content[:whole].splitlines():
            try:
                record = json.loads(line)
                known[record["key"]] = Verdict(record["verdict"]), record["probability"]
            except (ValueError, LookupError, TypeError):
                continue
        return known


def weights_of_checkpoint(model: str) -> str:
    """A fingerprint of a checkpoint: the hash of its weights, config, tokenizer and chat template, for an adapter also
    of its base's.

    Raises UsageError when an adapter's base is not there, OSError when `model` is neither a directory nor a hub id
    that is here or can be fetched.
    """
    folder = Path(model)
    if not folder.is_dir():
        from transformers.utils import cached_file

        folder = Path(str(cached_file(model, "config.json"))).parent
    digest = hashlib.blake2b(digest_size=16)
    base = base_of(model)
    if base != model:
        digest.update(weights_of_checkpoint(base).encode())
    for file in sorted(folder.iterdir()):
        if file.suffix in (".safetensors", ".bin", ".json", ".jinja", ".model", ".txt") and file.is_file():
            with file.open("rb") as opened:
                digest.update(f"{file.name}\0{hashlib.file_digest(opened, 'blake2b').hexdigest()}\0".encode())
    return digest.hexdigest()


def weights_of_server(served_model: str) -> str:
    """What stands for the weights behind a server: its model's name, wherever that is served."""
    return f"served\0{served_model}"
