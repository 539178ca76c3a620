"""The frozen roles: which engine has whose weights, and the Filter and Judger that the config names."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seif.chat import chat_format
from seif.config import Config
from seif.engines.base import Engine
from seif.engines.cache import VerdictCache, weights_of_checkpoint, weights_of_server
from seif.errors import UsageError
from seif.roles.filter import Filter
from seif.roles.judger import GenerativeJudger, HybridJudger, Judger, LogprobJudger, RulesJudger

if TYPE_CHECKING:
    from seif.engines.openai import OpenAIEngine
    from seif.engines.vllm import VllmServers
    from seif.self_supervised.classifier import ClassifierJudger


@dataclass
class Engines:
    """One engine per set of weights, however many roles it plays; loading others frees those before.

    `out` is what the stage will write: verdicts and the servers' log are kept beside it, where the config wants them. Raises
    UsageError for a bad key.
    """

    config: Config
    out: Path | None = None
    _engines: dict[str, Engine] = field(default_factory=dict)
    _servers: VllmServers | None = None
    _caches: dict[str, VerdictCache] = field(default_factory=dict)
    _classifiers: dict[str, ClassifierJudger] = field(default_factory=dict)

    def get(self, path: str) -> Engine:
        """The engine for the weights at `path`. Raises RunError when a server does not come up."""
        return self.together(path)[0]

    def together(self, *paths: str) -> Sequence[Engine]:
        """An engine for each of the weights, all of which can be asked at the same time."""
        if self.config.engine.kind == "vllm":
            return self._vllm().together(paths)
        for path in self._engines.keys() - set(paths):
            self._engines.pop(path).close()
        for path in paths:
            if path not in self._engines:
                self._engines[path] = self._load(path)
        return [self._engines[path] for path in paths]

    def cache(self, path: str) -> VerdictCache | None:
        """Where the verdicts of the weights at `path` are kept; None: they are not."""
        settings = self.config.engine
        endpoints = served(self.config, path)
        by_default = endpoints or settings.kind == "vllm"
        if self.out is None or not (by_default if settings.cache is None else settings.cache):
            return None
        if path not in self._caches:
            weights = weights_of_server(served_model(self.config)) if endpoints else weights_of_checkpoint(path)
            self._caches[path] = VerdictCache(self.out.with_name(f"{self.out.name}.verdicts.jsonl"), weights + chat_format(self.config.chat).fingerprint)
        return self._caches[path]

    def classifier(self, path: str | None) -> ClassifierJudger | None:
        """The Judger with the reward model at `path`, or with the one that the config names; None where no classifier judges.

        Raises UsageError for a path that holds no classifier with two labels.
        """
        if self.config.judging_model != "classifier":
            return None
        settings = self.config.self_supervised.reward_model
        where = settings.url or settings.checkpoint or path
        if where is None:
            raise UsageError("a classifier judges: name it with self_supervised.reward_model.checkpoint or url")
        if where not in self._classifiers:
            self._classifiers[where] = self._load_classifier(where)
        return self._classifiers[where]

    def _load_classifier(self, where: str) -> ClassifierJudger:
        from seif.self_supervised.classifier import ClassifierJudger, Service, in_process

        hard, e = self.config.self_supervised.hard_labels, self.config.engine
        if where == self.config.self_supervised.reward_model.url:
            return ClassifierJudger(Service(where, e.timeout, e.retries).ask, hard)
        from seif.self_supervised.scorer import Scorer

        scorer = Scorer.load(where, e.dtype, e.token_budget, self.config.attn_implementation)
        return ClassifierJudger(in_process(scorer), hard, scorer.close)

    def close(self) -> None:
        for classifier in self._classifiers.values():
            classifier.close()
        self._classifiers.clear()
        for engine in self._engines.values():
            engine.close()
        self._engines.clear()
        if self._servers is not None:
            self._servers.close()
        for cache in self._caches.values():
            cache.close()
        self._caches.clear()

    def _load(self, path: str) -> Engine:
        settings = self.config.engine
        if served(self.config, path):
            return endpoint(self.config, settings.base_urls)
        from seif.engines.local import LocalEngine

        return LocalEngine.load(path, settings.dtype, settings.token_budget, self.config.attn_implementation, chat_format(self.config.chat))

    def _vllm(self) -> VllmServers:
        if self._servers is None:
            from seif.engines.vllm import VllmServers, room_for

            out = self.out or Path(tempfile.mkdtemp(prefix="seif-")) / "seif"
            rank = room_for(self.config.lora.r) if self.config.lora else 0
            self._servers = VllmServers(self.config.engine, out.with_name(f"{out.name}.vllm.log"), rank, chat_format(self.config.chat))
        return self._servers


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
    return OpenAIEngine(served_model(config), base_urls, key, chat=chat_format(config.chat), **{**limits, **changes})


def check_engine(config: Config) -> None:
    """Ask every server one tiny question. Raises UsageError, within 30 s, for one that can't do what the config needs of it, or that can't be started."""
    if config.engine.kind == "vllm":
        from seif.engines.vllm import check_vllm

        check_vllm(config.engine)
    if config.engine.kind != "openai":
        return
    from seif.engines.probe import check_server

    one_token = config.judging_model == "logprob" or (config.prompts == "compact" and config.filter.model)
    for url in config.engine.base_urls:
        check_server(endpoint(config, [url], timeout=20.0, retries=3), config.engine.api_key_env, logprobs=one_token)


def make_judger(config: Config, engine: Engine | None, cache: VerdictCache | None = None, classifier: Judger | None = None) -> Judger:
    """The Judger that the config names; `classifier` is the reward model's where one judges, and then no engine is needed."""
    judger = classifier
    if judger is None:
        assert engine is not None
        judger = model_judger(config, engine, cache)
    return HybridJudger(judger, config.judger.sample, config.self_supervised.soft_types) if config.judger.kind == "hybrid" else judger


def model_judger(config: Config, engine: Engine, cache: VerdictCache | None = None) -> Judger:
    """The language model behind the Judger, without the rules that a hybrid one puts first; the verifiers where there is none."""
    settings = config.judger
    match config.judging_model:
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
