"""What a run needs, and what it took, in the terminal. Made for 80 columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from seif.artifacts import RunDir
from seif.progress import NAMES, clock
from seif.quantities import quantity
from seif.report.table import plain_table
from seif.report.text import NOTHING
from seif.results import DeviceEstimate, Estimate, StageEstimate

_MINUTE, _HOUR, _SMALL = 60, 3600, 10**8
_BY_DATA_SHEET = "by data sheet, so hours are right to a factor of three or so; measure with `seif bench`"
_VLLM = "vLLM"
_VLLM_TAKES = (
    "vLLM: its share of the device, for weights, keys and values, and 3 GB of its own; where it sleeps during updates, "
    "what is beyond the activations"
)


@dataclass(frozen=True)
class StageActual:
    """What a finished stage took."""

    seconds: float
    cpu_seconds: float | None
    """Of this process; None where an older version ran it, as below."""
    peak: int | None
    """Bytes of the process at its peak."""


def stages_of(run_dir: RunDir) -> dict[tuple[int, str], StageActual]:
    """The finished stages by turn and name. A stage that was run in several sittings has the last one's peak."""
    found: dict[tuple[int, str], StageActual] = {}
    for event in run_dir.events.whole():
        if event["event"] == "stage_finished":
            found[event["turn"], event["stage"]] = StageActual(
                event["seconds"], event.get("cpu_seconds"), event.get("peak_bytes")
            )
    return found


def estimate_parts(estimate: Estimate) -> list[RenderableType]:
    """Hours per stage, memory per device, calls and their price, and what won't fit."""
    parts: list[RenderableType] = [Text(), _hours(estimate)]
    if not estimate.measured:
        parts.append(Text(_BY_DATA_SHEET))
    parts += [Text(), _memory(estimate)]
    if any(_VLLM in device.parts for device in estimate.devices):
        parts.append(Text(_VLLM_TAKES))
    calls, read, written = (
        sum(getattr(stage, name) for stage in estimate.stages) for name in ("calls", "read", "written")
    )
    tokens = f"{_tokens(read)} tokens read, {_tokens(written)} written"
    line = f"Filter, answerer and Judger: {quantity(calls, 'call')}, {tokens}"
    parts += [Text(), Text(line)]
    if estimate.price is not None:
        parts.append(Text(f"cost: {estimate.price:,.2f} (in the currency of --price-per-mtok)"))
    return [*parts, *map(Text, estimate.notes), *(Text(advice, style="yellow") for advice in estimate.advice)]


def comparison(estimate: Estimate | None, actual: Mapping[tuple[int, str], StageActual]) -> Table:
    """One row per stage: estimated and actual time, and the peak of memory."""
    needed = None if estimate is None else max(device.total for device in estimate.devices)
    caption = "estimates: no sizes of the model are known"
    if estimate is not None and needed is not None:
        caption = f"estimates: {estimate.source}; memory {_bytes(needed)} a device at the peak"
    table = plain_table(caption=caption)
    for head in ("turn", "stage"):
        table.add_column(head, no_wrap=True)
    for head in ("estimate", "actual", "peak memory"):
        table.add_column(head, justify="right", no_wrap=True)
    planned = {(stage.turn, stage.stage): stage for stage in estimate.stages} if estimate else {}
    for turn, stage in planned or actual:
        expected, took = planned.get((turn, stage)), actual.get((turn, stage))
        table.add_row(
            str(turn),
            NAMES[stage],
            clock(expected.seconds) if expected else NOTHING,
            clock(took.seconds) if took else NOTHING,
            _bytes(took.peak) if took and took.peak else NOTHING,
        )
    return table


def _hours(estimate: Estimate) -> Table:
    """Stages by name, over all turns."""
    table = plain_table(caption=f"by arithmetic, at the rates of: {estimate.source}")
    table.add_column("stage", no_wrap=True)
    for head in ("times", "each", "all", "tokens trained", "tokens written"):
        table.add_column(head, justify="right", no_wrap=True)
    by_name: dict[str, list[StageEstimate]] = {}
    for stage in estimate.stages:
        by_name.setdefault(stage.stage, []).append(stage)
    for name, stages in by_name.items():
        seconds = sum(stage.seconds for stage in stages)
        table.add_row(
            NAMES[name],
            str(len(stages)),
            _time(seconds / len(stages)),
            _time(seconds),
            _tokens(sum(stage.trained for stage in stages)),
            _tokens(sum(stage.sampled for stage in stages)),
        )
    table.add_row("all", "", "", _time(estimate.seconds), "", "")
    return table


def _memory(estimate: Estimate) -> Table:
    """The parts of each kind of device."""
    table = plain_table()
    table.add_column("memory of a device")
    for device in estimate.devices:
        number = f"{device.devices} that {device.role}{'s' if device.devices == 1 else ''}"
        table.add_column(number, justify="right", no_wrap=True)
    for name in dict.fromkeys(name for device in estimate.devices for name in device.parts):
        table.add_row(name, *(_bytes(device.parts.get(name, 0)) for device in estimate.devices))
    table.add_row("all", *(_bytes(device.total) for device in estimate.devices))
    table.add_row("usable", *(_usable(device) for device in estimate.devices))
    return table


def _usable(device: DeviceEstimate) -> str:
    if not device.usable or not device.capacity:
        return NOTHING
    return f"{_bytes(device.usable)} of {_bytes(device.capacity)}"


def _bytes(size: int) -> str:
    if not size:
        return NOTHING
    return f"{size / 1e9:,.1f} GB" if size >= _SMALL else f"{size / 1e6:,.1f} MB"


def _time(seconds: float) -> str:
    """In the largest unit of which there are two or more."""
    if seconds < 2 * _MINUTE:
        return f"{seconds:.0f} s"
    return f"{seconds / _MINUTE:.0f} min" if seconds < 2 * _HOUR else f"{seconds / _HOUR:,.1f} h"


def _tokens(count: int) -> str:
    if not count:
        return NOTHING
    return f"{count / 1e6:,.1f} M" if count >= 10**5 else f"{count:,}"
