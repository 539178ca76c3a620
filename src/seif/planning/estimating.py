"""An estimate of a whole run."""

from __future__ import annotations

from seif.config import Config
from seif.footprint import Architecture
from seif.planning.advice import advice
from seif.planning.memory import devices
from seif.planning.placement import placement_of
from seif.planning.price import Price
from seif.planning.rates import Rates
from seif.planning.work import HeldOut, Work
from seif.results import Estimate, Plan


def estimate(
    config: Config, plan: Plan, model: Architecture, rates: Rates, held_out: HeldOut, price: Price | None = None
) -> Estimate:
    """Seconds per stage and bytes per device of the run that `plan` lays out."""
    rates = rates.for_model(model.parameters)
    placement = placement_of(config)
    stages = tuple(Work(config, plan, rates, placement, held_out).stages())
    read, written = sum(stage.read for stage in stages), sum(stage.written for stage in stages)
    return Estimate(
        source=rates.source,
        parameters=model.parameters,
        stages=stages,
        devices=devices(model, config, rates, placement),
        advice=tuple(advice(model, config, rates)),
        price=price.of(read, written) if price else None,
    )
