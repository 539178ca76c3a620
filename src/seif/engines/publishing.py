"""Models on the Hugging Face hub: what a model card on this machine says, and how a folder is pushed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import yaml

from seif.errors import RunError, UsageError

_CACHED = re.compile(r"models--(?P<id>[^/]+)/snapshots/[0-9a-f]+$")
_LOGIN = "log in with `hf auth login`, or set HF_TOKEN"


def hub_id(model: str) -> str | None:
    """The hub id of a model, also of a snapshot in the hub's cache; None for another directory."""
    found = _CACHED.search(str(Path(model)))
    if found:
        return found["id"].replace("--", "/")
    return None if Path(model).is_absolute() or model.startswith(".") or Path(model).is_dir() else model


def card_of(model: str) -> dict[str, Any]:
    """The front matter of a model's card, as far as that is on this machine; empty without one."""
    from huggingface_hub import metadata_load, try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    card: object = Path(model) / "README.md"
    if not Path(model).is_dir():
        try:
            card = try_to_load_from_cache(model, "README.md")
        except HFValidationError:
            return {}
    if not isinstance(card, str | Path) or not Path(card).is_file():
        return {}
    try:
        return dict(metadata_load(card) or {})
    except (yaml.YAMLError, ValueError):
        return {}


def check_push(name: str, public: bool) -> None:
    """Whether a folder can be pushed to the repository `name`, asked before anything is made.

    Raises UsageError for a name that is none, without a login, and for a repository that is public where `public` was
    not asked for; RunError when the hub can't be reached.
    """
    from huggingface_hub import HfApi, get_token
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

    if get_token() is None:
        raise UsageError(f"pushing to the hub needs a login: {_LOGIN}")
    try:
        found = HfApi().model_info(name)
    except HFValidationError as error:
        raise UsageError(f"--push-to-hub takes USER/NAME or NAME, not {name!r}") from error
    except RepositoryNotFoundError:
        return
    except httpx.HTTPError as error:
        raise _failed(name, error) from error
    if not found.private and not public:
        raise UsageError(f"{name} is public on the hub; add --public to push to it, or choose another name")


def push(folder: Path, name: str, public: bool) -> str:
    """Push a folder to the model repository `name`, which is made where it isn't there; the address of its page.

    Raises UsageError where the hub refuses, RunError when it can't be reached; the folder stays.
    """
    from huggingface_hub import HfApi

    api = HfApi()
    try:
        repository = api.create_repo(name, private=not public, exist_ok=True)
        api.upload_folder(repo_id=repository.repo_id, folder_path=folder, commit_message="Upload a seif Follower")
    except httpx.HTTPError as error:
        raise _failed(name, error, f"; {folder} is whole: hf upload {name} {folder}") from error
    return str(repository)


def _failed(name: str, error: httpx.HTTPError, rest: str = "") -> UsageError | RunError:
    from huggingface_hub.errors import HfHubHTTPError

    status = error.response.status_code if isinstance(error, HfHubHTTPError) else None
    if status in (401, 403):
        return UsageError(f"the hub refuses {name} ({status}): check the name and the token's rights; {_LOGIN}{rest}")
    return RunError(f"pushing to {name} failed: {' '.join(str(error).split())[:200]}{rest}")
