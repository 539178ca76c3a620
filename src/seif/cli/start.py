"""Commands to start with: `seif demo`, `seif configs`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seif import configs as shipped
from seif.cli import loop
from seif.cli.options import console
from seif.errors import UsageError


def demo(
    tiny: Annotated[bool, typer.Option("--tiny", help="One short turn: under a minute.")] = False,
    run_dir: Annotated[Path | None, typer.Option(help="Where the run lives; runs/demo or runs/demo-tiny by default. The same command resumes.")] = None,
) -> None:
    """Run the whole loop on the embedded model: three turns, about four minutes on two cores."""
    config, name = ("nano-tiny", "demo-tiny") if tiny else ("nano", "demo")
    loop.run(Path(config), run_dir or Path("runs") / name)


def configs(name: Annotated[str | None, typer.Argument(help="Print this config; without a name, list them all.")] = None) -> None:
    """List the configs that are shipped with seif, or print one."""
    if name is not None:
        path = shipped.find(Path(name))
        if path not in shipped.shipped():
            raise UsageError(f"no shipped config is called {name}; `seif configs` lists them")
        console.print(path.read_text(encoding="utf-8"), end="", highlight=False, markup=False)
        return
    width = max(len(path.stem) for path in shipped.shipped())
    for path in shipped.shipped():
        console.print(f"{path.stem:<{width}}  {shipped.summary(path)}", highlight=False, markup=False)
