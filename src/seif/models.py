"""The models of a stage: which engine holds which weights, and the Filter and the Judger that ask them.

    with ModelPool(config, out) as pool, pool.use(answerer) as engine, judging(pool, judge) as judge:
        ...

What a stage does not use is never loaded: a Judger of rules alone acquires no weights.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from seif.activity import doing
from seif.artifacts import Beside
from seif.atomic import read_json
from seif.chat import chat_format
from seif.config import Config
from seif.engines.adapter import base_of
from seif.engines.base import Engine, NoEngine
from seif.engines.cache import VerdictCache, weights_of_checkpoint, weights_of_server
from seif.engines.metered import Metered
from seif.errors import UsageError
from seif.evaluation.audit import Audit, reliance
from seif.judges import JUDGES, Judge, JudgeContext, judging_kind, options_of
from seif.judges.audited import AuditedJudge, Reliance
from seif.redaction import keep_secret
from seif.roles.filter import Filter
from seif.self_supervised.curriculum import soft

if TYPE_CHECKING:
    from seif.engines.openai import OpenAIEngine
    from seif.engines.policy import ServedPolicy
    from seif.engines.vllm import VllmServers


@dataclass(frozen=True)
class JudgeWeights:
    """What judges in a stage; only what the config's Judger asks is loaded."""

    model: str
    """The language model, which is the Filter's too."""
    reward_model: str | None = None
    """The classifier that a turn trained; None where none is trained."""
    audit: str | None = None
    """The `audit.json` that says how far it is to be relied on; None: no audit did."""


class ModelPool:
    """One engine per set of weights, however many roles use it at the same time.

    Weights that nobody uses stay loaded until others are wanted, so using the same ones again needs no loading. `out`
    is what the stage will write: verdicts and the servers' log are kept beside it, where the config wants them.
    """

    def __init__(self, config: Config, out: Path | None = None) -> None:
        self.config, self.out = config, out
        self._engines: dict[str, Engine] = {}
        self._users: Counter[str] = Counter()
        self._servers: VllmServers | None = None
        self._caches: dict[str, VerdictCache] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._servers is not None:
            self._servers.close()
        else:
            for engine in self._engines.values():
                engine.close()
        self._engines.clear()
        for cache in self._caches.values():
            cache.close()
        self._caches.clear()

    @property
    def loaded(self) -> Mapping[str, Engine]:
        """Which engine holds which weights now."""
        return dict(self._engines)

    @contextmanager
    def use(self, weights: str) -> Iterator[Engine]:
        """The engine for these weights, until the block ends.

        Weights that nobody uses then are given back before others are loaded.

        Raises UsageError for a bad key of a server, RunError when a server does not come up.
        """
        self._users[weights] += 1
        try:
            yield self._acquire(weights)
        finally:
            self._users[weights] -= 1

    @contextmanager
    def policy(self, start: str) -> Iterator[ServedPolicy]:
        """The adapter that is trained from `start`, on the vLLM server of its base, until the block ends. Raises as
        `use` does."""
        from seif.engines.policy import ServedPolicy

        base = base_of(start)
        with self.use(base):
            policy = ServedPolicy(self._vllm().server_of(base))
            try:
                yield policy
            finally:
                policy.close()

    def _acquire(self, weights: str) -> Engine:
        used = [path for path, users in self._users.items() if users]
        if self.config.engine.kind == "vllm":
            with doing("waiting for vLLM"):
                self._engines = dict(zip(used, self._vllm().together(used), strict=True))
            return self._engines[weights]
        for path in self._engines.keys() - set(used):
            self._engines.pop(path).close()
        if weights not in self._engines:
            with doing(f"loading {Path(weights).name}"):
                self._engines[weights] = self._load(weights)
        return self._engines[weights]

    def cache(self, weights: str) -> VerdictCache | None:
        """Where the verdicts of these weights are kept; None: they are not."""
        settings = self.config.engine
        on_server = served(self.config, weights)
        by_default = on_server or settings.kind == "vllm"
        if self.out is None or not (by_default if settings.cache is None else settings.cache):
            return None
        if weights not in self._caches:
            fingerprint = fingerprint_of(self.config, weights) + chat_format(self.config.chat).fingerprint
            self._caches[weights] = VerdictCache(Beside(self.out).verdicts, fingerprint)
        return self._caches[weights]

    def _load(self, weights: str) -> Engine:
        settings = self.config.engine
        if served(self.config, weights):
            return endpoint(self.config, settings.base_urls)
        from seif.engines.local import LocalEngine

        return LocalEngine.load(
            weights,
            settings.dtype,
            settings.token_budget,
            self.config.attn_implementation,
            chat_format(self.config.chat),
        )

    def _vllm(self) -> VllmServers:
        if self._servers is None:
            from seif.engines.vllm import VllmServers, room_for

            out = self.out or Path(tempfile.mkdtemp(prefix="seif-")) / "seif"
            rank = room_for(self.config.lora.r) if self.config.lora else 0
            self._servers = VllmServers(self.config.engine, Beside(out).server_log, rank, chat_format(self.config.chat))
        return self._servers


@contextmanager
def filtering(pool: ModelPool, weights: str, *, cached: bool = True) -> Iterator[Filter]:
    """The Filter that the config names; `weights` are acquired if it asks a model, and its tokens are metered.

    Raises as `ModelPool.use` does.
    """
    config, settings = pool.config, pool.config.filter
    with ExitStack() as stack:
        engine = Metered(stack.enter_context(pool.use(weights)), "filter") if settings.model else NoEngine()
        cache = pool.cache(weights) if settings.model and cached else None
        yield Filter(engine, config.prompts, settings.rules, settings.model, settings.max_new_tokens, cache)


@contextmanager
def judging(
    pool: ModelPool, weights: str, reward_model: str | None = None, *, alone: bool = False, cached: bool = True
) -> Iterator[Judge]:
    """The Judger that the config names; `weights` are acquired if it asks a language model, `reward_model` if it asks a
    classifier. Its tokens are metered, but for those of a classifier's service.

    `alone`: without the rules that `hybrid` asks first. Raises as `ModelPool.use` does, and UsageError for a reward
    model that is none.
    """
    config = pool.config
    with ExitStack() as stack:
        asks = judging_kind(config).uses_model
        context = JudgeContext(
            config,
            engine=Metered(stack.enter_context(pool.use(weights)), "judger") if asks else NoEngine(),
            cache=pool.cache(weights) if asks and cached else None,
            reward_model=reward_model,
            options=options_of(config),
            on_close=stack.callback,
        )
        yield (judging_kind(config) if alone else JUDGES.get(config.judger.kind)).make(context)


@contextmanager
def rewarding(pool: ModelPool, judge: JudgeWeights, *, cached: bool = True) -> Iterator[Judge]:
    """The Judger as rewards count it: on types where its audit found it unreliable it judges nothing.

    What rules decide is as without an audit. Raises as `judging` does, and RunError where the judge is reliable on no
    type.
    """
    config = pool.config
    # Read before anything is loaded: it may say that the judge is reliable on nothing.
    known = relied_on(config, judge.audit) if judge.audit is not None else None
    with judging(pool, judge.model, judge.reward_model, cached=cached) as found:
        yield found if known is None else AuditedJudge(found, known, soft(config))


def relied_on(config: Config, audit: str) -> Reliance:
    """What the audit of a turn, the file `audit`, says of the judge of the next. Raises as `reliance` does, and
    UsageError for a file that is damaged."""
    return reliance(Audit.from_json(read_json(Path(audit)), audit).known, config.judger)


def same_judge(config: Config, a: JudgeWeights, b: JudgeWeights) -> bool:
    """Whether the Judger is the same with both; of a classifier, the language model is the Filter's alone."""
    return a.reward_model == b.reward_model and (a.model == b.model or not judging_kind(config).uses_model)


def served_model(config: Config) -> str:
    """The model's name on the server."""
    return config.engine.served_model or config.model


def served(config: Config, path: str) -> bool:
    """Whether a server has the weights at `path`: those of the base.

    A checkpoint that the run made is never one of them.
    """
    return config.engine.kind == "openai" and path in (config.model, served_model(config))


def fingerprint_of(config: Config, path: str) -> str:
    """What tells the weights at `path` from all others: their hash, or their name where a server has them. Raises as
    `weights_of_checkpoint` does."""
    return weights_of_server(served_model(config)) if served(config, path) else weights_of_checkpoint(path)


def endpoint(config: Config, base_urls: Sequence[str], **changes: Any) -> OpenAIEngine:
    """The engine for the config's server.

    Raises UsageError for a key that is not there although its variable was named, or is no key.
    """
    from seif.engines.openai import Limits, OpenAIEngine

    e = config.engine
    keep_secret(e.api_key_env)
    key = os.environ.get(e.api_key_env, "")
    if not key.strip() and e.api_key_env != "OPENAI_API_KEY":
        raise UsageError(f"engine.api_key_env names ${e.api_key_env}, which is not set; export it")
    limits = replace(Limits(e.concurrency, e.requests_per_minute, e.timeout, e.retries), **changes)
    return OpenAIEngine(served_model(config), base_urls, key, limits, chat=chat_format(config.chat))


def check_engine(config: Config) -> None:
    """Ask every server one tiny question.

    Raises UsageError, within 30 s, for one that can't do what the config needs of it, or that can't be started.
    """
    if config.engine.kind == "vllm":
        from seif.engines.vllm import check_vllm, room_for

        if config.lora:
            room_for(config.lora.r)
        check_vllm(config.engine)
    if config.engine.kind != "openai":
        return
    from seif.engines.probe import check_server

    one_token = config.judging_model == "logprob" or (config.prompts == "compact" and config.filter.model)
    for url in config.engine.base_urls:
        check_server(endpoint(config, [url], timeout=20.0, retries=3), config.engine.api_key_env, logprobs=one_token)
