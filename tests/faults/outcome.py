"""What must not depend on how often, when and where a run was interrupted: every file of it, without its timings."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

_TIMINGS = {"seconds", "time", "cpu_seconds", "peak_bytes"}
_HERE = "RUN"


def outcome(root: Path, places: Iterable[Path] = (), tokens: bool = True) -> dict[str, object]:
    """By path, what each file below `root` holds: SHA-256 of weights and of other bytes, JSON values, rows of tables.

    Without timings, and with `RUN` for the path of `root` and for `places`, where it has been before. Locks are left
    out; of a report it counts that it is there and whole. Whatever a killed process left behind is in it too. Without
    `tokens`, what was spent is left out.
    """
    names = sorted({str(place) for place in (root, *places)}, key=len, reverse=True)
    found = {str(path.relative_to(root)): _content(path, names) for path in sorted(_files(root))}
    return found if tokens else {path: _without(value, _is_spending) for path, value in found.items()}


def differences(whole: dict[str, object], other: dict[str, object]) -> list[str]:
    """What of two outcomes differs, in a line each: files that are gone, left over, or hold something else."""
    found = [f"{path} is gone" for path in whole.keys() - other.keys()]
    found += [f"{path} is left over" for path in other.keys() - whole.keys()]
    found += [f"{path} differs" for path in whole.keys() & other.keys() if whole[path] != other[path]]
    return sorted(found)


def _files(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        # A link to a folder is no folder of its own, and an empty one may be something that was left behind.
        yield from (here / name for name in folders if (here / name).is_symlink())
        yield from (here / name for name in folders if not any((here / name).iterdir()))
        yield from (here / name for name in files if not name.endswith(".lock"))


def _content(path: Path, names: Sequence[str]) -> object:
    if path.is_symlink():
        return os.readlink(path)
    if path.is_dir():
        return "empty folder"
    match path.suffix:
        case ".json" if path.name == "checksums.json":
            # Numbers hold timings and tables places, so what they hold is compared, and here that they were noted.
            noted = json.loads(path.read_text(encoding="utf-8"))
            return {name: of["sha256"] if name.endswith(".safetensors") else "noted" for name, of in noted.items()}
        case ".json":
            return _timeless(json.loads(_text(path, names)))
        case ".jsonl" if path.name == "events.jsonl":
            return _events(path)
        case ".jsonl":
            return [_timeless(json.loads(line)) for line in _text(path, names).splitlines()]
        case ".parquet":
            import pyarrow.parquet as pq

            return _placeless(json.dumps(pq.read_table(path).to_pylist(), ensure_ascii=False), names)
        case ".html":
            return path.read_text(encoding="utf-8").rstrip().endswith("</html>")
        case ".yaml":
            return _text(path, names)
        case _:
            return hashlib.sha256(path.read_bytes()).hexdigest()


def _text(path: Path, names: Sequence[str]) -> str:
    return _placeless(path.read_text(encoding="utf-8"), names)


def _placeless(text: str, names: Sequence[str]) -> str:
    for name in names:
        text = text.replace(json.dumps(name, ensure_ascii=False)[1:-1], _HERE)
    return text


def _timeless(value: Any) -> Any:
    return _without(value, _TIMINGS.__contains__)


def _is_spending(key: str) -> bool:
    return key.startswith("tokens/")


def _without(value: Any, left_out: Callable[[str], bool]) -> Any:
    """The JSON value without these keys, wherever they are."""
    if isinstance(value, dict):
        return {key: _without(inner, left_out) for key, inner in value.items() if not left_out(key)}
    return [_without(inner, left_out) for inner in value] if isinstance(value, list) else value


def _events(path: Path) -> list[list[Any]]:
    """Without the stages' beginnings, of which there is one for each start."""
    events = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    kept = [_timeless(event) for event in events if event["event"] != "stage_started"]
    return sorted(sorted(map(str, event.items())) for event in kept)
