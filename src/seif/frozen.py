"""The frozen roles: which engine has whose weights, and the Filter and Judger that the config names."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seif.config import Config
from seif.engines.base import Engine
from seif.engines.cache import VerdictCache, weights_of_checkpoint, weights_of_server
from seif.errors import UsageError
from seif.roles.filter import Filter
from seif.roles.judger import GenerativeJudger, HybridJudger, Judger, LogprobJudger, RulesJudger

if TYPE_CHECKING:
    from seif.engines.openai import OpenAIEngine


@dataclass
class Engines:
    """One engine per set of weights, however many roles it plays; loading another one frees the one before.

    `verdicts` is the file in which verdicts are kept, where the config wants that. Raises UsageError for a bad key.
    """

    config: Config
    verdicts: Path | None = None
    _path: str = ""
    _engine: Engine | None = None
    _caches: dict[str, VerdictCache] = field(default_factory=dict)

    def get(self, path: str) -> Engine:
        if self._engine is None or path != self._path:
            self._close_engine()
            self._engine, self._path = self._load(path), path
        return self._engine

    def cache(self, path: str) -> VerdictCache | None:
        """Where the verdicts of the weights at `path` are kept; None: they are not."""
        settings = self.config.engine
        serving = served(self.config, path)
        if self.verdicts is None or not (serving if settings.cache is None else settings.cache):
            return None
        if path not in self._caches:
            weights = weights_of_server(served_model(self.config), settings.base_urls) if serving else weights_of_checkpoint(path)
            self._caches[path] = VerdictCache(self.verdicts, weights)
        return self._caches[path]

    def close(self) -> None:
        self._close_engine()
        for cache in self._caches.values():
            cache.close()
        self._caches.clear()

    def _load(self, path: str) -> Engine:
        settings = self.config.engine
        if served(self.config, path):
            return endpoint(self.config, settings.base_urls)
        from seif.engines.local import LocalEngine

        return LocalEngine.load(path, settings.dtype, settings.token_budget, self.config.attn_implementation)

    def _close_engine(self) -> None:
        if self._engine is not None:
            self._engine.close()
        self._engine = None


def served_model(config: Config) -> str:
    """The model's name on the server."""
    return config.engine.served_model or config.model


def served(config: Config, path: str) -> bool:
    """Whether a server has the weights at `path`: those of the base. A checkpoint that the run made is never passed off as them."""
    return config.engine.kind == "openai" and path in (config.model, served_model(config))


def endpoint(config: Config, base_urls: Sequence[str], **changes: Any) -> OpenAIEngine:
    """The engine for the config's server. Raises UsageError for a key that is not there although its variable was named, or is no key."""
    from seif.engines.openai import OpenAIEngine

    e = config.engine
    key = os.environ.get(e.api_key_env, "")
    if not key.strip() and e.api_key_env != "OPENAI_API_KEY":
        raise UsageError(f"engine.api_key_env names ${e.api_key_env}, which is not set; export it")
    limits = {"concurrency": e.concurrency, "requests_per_minute": e.requests_per_minute, "timeout": e.timeout, "retries": e.retries}
    return OpenAIEngine(served_model(config), base_urls, key, **{**limits, **changes})


def check_engine(config: Config) -> None:
    """Ask every server one tiny question. Raises UsageError, within 30 s, for one that can't do what the config needs of it."""
    if config.engine.kind != "openai":
        return
    from seif.engines.probe import check_server

    judger = config.judger
    one_token = (judger.model if judger.kind == "hybrid" else judger.kind) == "logprob" or (config.prompts == "compact" and config.filter.model)
    for url in config.engine.base_urls:
        check_server(endpoint(config, [url], timeout=20.0, retries=3), config.engine.api_key_env, logprobs=one_token)


def make_judger(config: Config, engine: Engine, cache: VerdictCache | None = None) -> Judger:
    """The Judger that the config names."""
    judger = model_judger(config, engine, cache)
    return HybridJudger(judger, config.judger.sample) if config.judger.kind == "hybrid" else judger


def model_judger(config: Config, engine: Engine, cache: VerdictCache | None = None) -> Judger:
    """The model behind the Judger, without the rules that a hybrid one puts first; the verifiers where there is no model."""
    settings = config.judger
    match settings.model if settings.kind == "hybrid" else settings.kind:
        case "logprob":
            return LogprobJudger(engine, config.prompts, cache)
        case "generative":
            return GenerativeJudger(engine, config.prompts, settings.max_new_tokens, cache)
        case _:
            return RulesJudger()


def make_filter(config: Config, engine: Engine, cache: VerdictCache | None = None) -> Filter:
    """The Filter that the config names."""
    f = config.filter
    return Filter(engine, config.prompts, f.rules, f.model, f.max_new_tokens, cache)
