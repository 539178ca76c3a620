"""Experiment trackers that TRL reports to."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

from seif.errors import UsageError


def finish_trackers(names: Sequence[str]) -> None:
    """End wandb's open run, so that the next stage starts one of its own; transformers itself ends those of the others."""
    if "wandb" in names:
        importlib.import_module("wandb").finish()


def check_trackers(names: Sequence[str]) -> None:
    """Raises UsageError for a tracker that transformers does not know or that is not installed."""
    if not names:
        return
    from transformers.integrations import get_available_reporting_integrations
    from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

    for name in names:
        if name not in INTEGRATION_TO_CALLBACK:
            raise UsageError(f"report_to: {name!r} is no tracker; choose from {', '.join(sorted(INTEGRATION_TO_CALLBACK))}")
        if name not in get_available_reporting_integrations():
            raise UsageError(f"report_to: {name} is not installed; pip install {name}")
