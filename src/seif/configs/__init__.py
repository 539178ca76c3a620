"""The configs that are shipped with seif. Each is known by its name: `nano` is nano.yaml in this folder."""

from __future__ import annotations

import difflib
from pathlib import Path

_FOLDER = Path(__file__).parent
_PLACES = (Path(), Path("configs"))
"""Where a name may seem to lie: `nano.yaml`, and `configs/nano.yaml`, where a checkout used to have it."""


def shipped() -> list[Path]:
    """The shipped config files, by name."""
    return sorted(_FOLDER.glob("*.yaml"), key=lambda path: path.stem)


def find(config: Path) -> Path:
    """The file that `config` names. A file of the user's comes first, then a shipped config, with or without `.yaml`.

    Where there is neither, `config` itself is returned, so that the reader of the file can say so.
    """
    if config.is_file() or config.parent not in _PLACES:
        return config
    return next((path for path in shipped() if config.name in (path.stem, path.name)), config)


def nearest(name: str) -> str | None:
    """The shipped config whose name is most like `name`; None where none is."""
    near = difflib.get_close_matches(Path(name).stem, [path.stem for path in shipped()], n=1)
    return near[0] if near else None


def summary(path: Path) -> str:
    """What a config file is for: its first comment line; empty where it starts with no comment."""
    with path.open(encoding="utf-8") as file:
        line = file.readline().strip()
    return line.removeprefix("#").strip() if line.startswith("#") else ""
