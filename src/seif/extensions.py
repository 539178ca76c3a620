"""The plugins that a config lists, and the registered parts that it names."""

from __future__ import annotations

from typing import Any

from seif.config import Config
from seif.errors import UsageError
from seif.judges import JUDGES, options_of
from seif.plugins import load_plugins
from seif.registry import Registry
from seif.rewards import FOLLOWER_REWARDS, INSTRUCTOR_REWARDS


def load_extensions(config: Config) -> Config:
    """The config itself, once its plugins are loaded and every part that it names is known.

    Raises UsageError, in one line with the nearest name, for a part that no registry has, and for a plugin that
    can't be loaded.
    """
    load_plugins(config.plugins)
    _check("instructor.reward", INSTRUCTOR_REWARDS, config.instructor.reward)
    _check("follower.reward", FOLLOWER_REWARDS, config.follower.reward)
    _check("judger.kind", JUDGES, config.judger.kind)
    _check("judger.model", JUDGES, config.judger.model)
    options_of(config)
    return config


def _check(key: str, registry: Registry[Any], name: str) -> None:
    try:
        registry.get(name)
    except UsageError as error:
        raise UsageError(f"{key}: {error}") from error
