"""An estimate of a whole run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from seif.config import Config
from seif.evaluation.held_out import load_tasks
from seif.footprint import Architecture
from seif.planning.advice import advice, problems
from seif.planning.hardware import hardware, nearest_hardware
from seif.planning.machine import Machine
from seif.planning.memory import devices
from seif.planning.placement import placement_of
from seif.planning.price import Price
from seif.planning.rates import Rates, read_rates, rough_rates
from seif.planning.work import Measured, TaskSet, Work
from seif.results import Estimate, Plan


def forecast(config: Config, plan: Plan, machine: Machine, note: Callable[[str], None]) -> Estimate | None:
    """Hours and memory of the run that `plan` lays out; None where the model's sizes are not known, which `note`
    says. Raises UsageError for a device, a file of rates or a price that is none."""
    from seif.engines.architecture import sizes

    price = Price.parse(machine.price) if machine.price is not None else None
    measured = read_rates(machine.rates) if machine.rates else None
    device = hardware(machine.gpu) if machine.gpu is not None else None
    model = sizes(config.model)
    if model is None:
        note(f"{config.model} has no config.json on this machine, so hours and memory are not known")
        return None
    rates = measured or rough_rates(device or nearest_hardware(), model, config)
    files = (config.held_out, config.held_out_types, config.audit)
    return estimate(config, plan, model, rates, Measured(*map(_tasks, files)), price)


def _tasks(file: str | None) -> TaskSet:
    tasks = load_tasks(Path(file)) if file else []
    return TaskSet(len(tasks), sum(len(task.constraints) for task in tasks) / max(1, len(tasks)))


def estimate(
    config: Config,
    plan: Plan,
    model: Architecture,
    rates: Rates,
    measured: Measured,
    price: Price | None = None,
) -> Estimate:
    """Seconds per stage and bytes per device, at `rates`."""
    rates = rates.for_model(model.parameters)
    placement = placement_of(config)
    stages = tuple(Work(config, plan, rates, placement, measured).stages())
    read, written = sum(stage.read for stage in stages), sum(stage.written for stage in stages)
    return Estimate(
        source=rates.source,
        parameters=model.parameters,
        stages=stages,
        devices=devices(model, config, rates, placement),
        advice=tuple(advice(model, config, rates)),
        price=price.of(read, written) if price else None,
        fits=not any(problems(model, config, rates)),
        measured=rates.measured,
        notes=tuple(_notes(config, measured.held_out)),
    )


def _notes(config: Config, held_out: TaskSet) -> Iterator[str]:
    if config.devices.serve and config.engine.kind != "vllm":
        yield (
            f"devices.serve: {config.devices.serve} serve nothing, because engine.kind is {config.engine.kind}; "
            "set engine.kind: vllm"
        )
    if not held_out.tasks:
        yield "held_out is not set, so the evaluate stages measure no accuracy on held-out tasks"
