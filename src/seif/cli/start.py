"""Commands to start with: `seif demo`, `seif configs`, `seif init`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seif import configs as shipped
from seif.cli import loop
from seif.cli.options import console, quiet
from seif.errors import UsageError
from seif.outputs import check_new

if TYPE_CHECKING:
    from seif.footprint import Device


def demo(
    tiny: Annotated[bool, typer.Option("--tiny", help="One short turn: under a minute.")] = False,
    run_dir: Annotated[
        Path | None,
        typer.Option(help="Where the run lives; runs/demo or runs/demo-tiny by default. The same command resumes."),
    ] = None,
) -> None:
    """Run the whole loop on the embedded model, in two minutes.

    Three turns, which take two to three minutes on two cores.
    """
    config, name = ("nano-tiny", "demo-tiny") if tiny else ("nano", "demo")
    loop.run(Path(config), run_dir or Path("runs") / name)
    if tiny:
        console.print("Five training steps show that everything works, not that anything is learned: `seif demo` does.")


def configs(
    name: Annotated[str | None, typer.Argument(help="Print this config; without a name, list them all.")] = None,
) -> None:
    """List the shipped configs, or print one."""
    if name is not None:
        path = shipped.find(Path(name))
        if path not in shipped.shipped():
            near = shipped.nearest(name)
            meant = f"did you mean {near!r}? " if near else ""
            raise UsageError(f"no shipped config is called {name}; {meant}`seif configs` lists them")
        console.print(path.read_text(encoding="utf-8"), end="", highlight=False, markup=False)
        return
    width = max(len(path.stem) for path in shipped.shipped())
    for path in shipped.shipped():
        console.print(f"{path.stem:<{width}}  {shipped.summary(path)}", highlight=False, markup=False)


def init(
    model: Annotated[
        str, typer.Option(help="Your model: a checkpoint directory, or a hub id that is in the local cache.")
    ],
    seeds: Annotated[Path, typer.Option(help="Your seed questions (parquet, JSONL, JSON, CSV or TXT).")],
    out: Annotated[
        Path | None,
        typer.Option(help="The config to write; MODEL'S NAME.yaml by default, after which its run is named."),
    ] = None,
    gpu_memory: Annotated[
        float | None,
        typer.Option(
            min=1, metavar="GB", help="Choose for a GPU with so many GB, instead of for the device found here."
        ),
    ] = None,
) -> None:
    """Write a config for your own model, sized for the device.

    Each size comes with its reason.
    """
    from seif.atomic import write_text
    from seif.engines.architecture import describe
    from seif.seeds import iter_seeds
    from seif.starter import Model, starter_config

    path = str(Path(model).resolve()) if Path(model).is_dir() else model
    out = out or Path(f"{Path(path).name}.yaml")
    check_new(out, [seeds], stream=True)
    count = sum(1 for _ in iter_seeds(seeds))
    quiet()
    found = describe(model)
    text = starter_config(Model(path, found.architecture, found.thinks), seeds.resolve(), count, _device(gpu_memory))
    write_text(out, text)
    console.print(f"{out}: read its comments, then: seif plan {out}; seif run {out}", highlight=False, markup=False)


def _device(gpu_memory: float | None) -> Device:
    """The device that training would use here, or a GPU with so many GB."""
    from seif.engines.devices import this_device
    from seif.footprint import Device

    if gpu_memory is None:
        return this_device()
    return Device("one GPU", round(gpu_memory * 1e9), True, "bfloat16", "GPUs since Ampere compute in bf16")
