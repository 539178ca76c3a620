"""Models by their hub id: whether they can be had, before a library tries to, and tries again."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path

from seif.errors import UsageError

LIMIT = 4.0
"""Seconds in which the hub must answer. Its own client would try for minutes where a firewall drops what is sent."""
_AUTO_MAP = "auto_map"


def check_source(model: str) -> None:
    """Raises UsageError, within seconds, for a hub id that is neither in the cache nor to be had from the hub, and for
    a checkpoint that only code of its own can load.

    Where the hub can't be reached, libraries are told to take what is in the cache.
    """
    path = Path(model)
    if path.is_dir():
        config = path / "config.json"
        if config.is_file():
            _refuse_own_code(model, config)
        return
    if path.is_absolute() or model.startswith("."):
        return
    import huggingface_hub
    from huggingface_hub import constants

    try:
        cached = huggingface_hub.try_to_load_from_cache(model, "config.json")
    except ValueError:
        # No name that the hub could have.
        cached = None
    if isinstance(cached, str):
        _refuse_own_code(model, Path(cached))
    if not constants.HF_HUB_OFFLINE and not _reachable(constants.ENDPOINT):
        constants.HF_HUB_OFFLINE = True
    if constants.HF_HUB_OFFLINE and not isinstance(cached, str):
        raise UsageError(
            f"{model} is not on this machine, and it can't be had from the hub; check its name, or get it first with: "
            f"hf download {model}"
        )


def _refuse_own_code(model: str, config: Path) -> None:
    from transformers import CONFIG_MAPPING

    found = None
    with suppress(OSError, ValueError):
        # What is no JSON is another check's to say.
        found = json.loads(config.read_text(encoding="utf-8"))
    if isinstance(found, dict) and _AUTO_MAP in found and found.get("model_type") not in CONFIG_MAPPING:
        raise UsageError(
            f"{model} can only be loaded with code of its own ({_AUTO_MAP} in its config.json), which seif does not "
            "run; choose a model that transformers knows"
        )


def _reachable(endpoint: str) -> bool:
    """Whether anything answers at the hub's address, or at a proxy's for it."""
    answered: list[bool] = []

    def ask() -> None:
        try:
            with urllib.request.urlopen(urllib.request.Request(endpoint, method="HEAD"), timeout=LIMIT):
                answered.append(True)
        except urllib.error.HTTPError as error:
            # Of a proxy that finds no way to the hub; whatever else has a status comes from the hub.
            answered.append(error.code not in (HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT))
        except (OSError, ValueError):
            answered.append(False)

    # In a thread, because nothing limits the time that the look-up of a name takes.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(LIMIT + 1.0)
    return any(answered)
