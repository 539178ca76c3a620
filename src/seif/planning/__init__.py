"""Hours and memory of a run, from a config, a model's sizes and a machine's rates: nothing is loaded or downloaded."""

from seif.planning.estimating import estimate
from seif.planning.hardware import HARDWARE, hardware, nearest_hardware
from seif.planning.placement import Placement, placement_of
from seif.planning.price import Price
from seif.planning.rates import Rates, read_rates, rough_rates
from seif.planning.work import HeldOut

__all__ = [
    "HARDWARE",
    "HeldOut",
    "Placement",
    "Price",
    "Rates",
    "estimate",
    "hardware",
    "nearest_hardware",
    "placement_of",
    "read_rates",
    "rough_rates",
]
