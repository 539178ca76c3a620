"""vLLM servers that are started, watched and stopped here: one for each base model and its LoRA adapters."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from seif.chat import DEFAULT, ChatFormat
from seif.config import EngineSettings
from seif.engines.adapter import adapter_settings, base_of, is_adapter
from seif.engines.devices import serving_devices
from seif.engines.openai import Limits, OpenAIEngine
from seif.engines.precision import choose
from seif.engines.process import ServerProcess
from seif.errors import RunError, UsageError
from seif.redaction import redacted

HOST = "127.0.0.1"
RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""The values of --max-lora-rank that vLLM takes."""
HEALTH_TIMEOUT = 30.0
"""Seconds in which a server whose process runs must answer its health check."""
EXIT_TIMEOUT = 5.0
"""Seconds in which an unhealthy server may exit by itself, and log why."""
_BAD_FLAGS = 2
"""The exit status of a program that refuses its flags."""


class VllmServers:
    """The servers of one stage. What is asked for together can be used at the same time; what is not is stopped.

    `adapter_rank`: the largest rank of adapters that will be loaded later; by default that of those asked for.
    """

    def __init__(self, settings: EngineSettings, log: Path, adapter_rank: int = 0, chat: ChatFormat = DEFAULT) -> None:
        self.settings, self.log, self.adapter_rank, self.chat = settings, log, adapter_rank, chat
        self._servers: dict[str, VllmServer] = {}

    def together(self, paths: Sequence[str]) -> list[OpenAIEngine]:
        """An engine for each checkpoint or adapter.

        Raises RunError when its server does not come up, UsageError when it refuses its flags or an adapter's base
        is not there.
        """
        places = {path: _place(base_of(path)) for path in paths}
        ranks = {
            base: max(self.adapter_rank, *(_rank(path) for path in places if places[path] == base))
            for base in places.values()
        }
        for base in self._servers.keys() - ranks.keys():
            self._servers.pop(base).stop()
        for base, rank in ranks.items():
            if base not in self._servers:
                log = self.log.with_suffix(f".{len(self._servers) + 1}{self.log.suffix}") if self._servers else self.log
                server = VllmServer(base, rank, self.settings, log, self.chat)
                server.start()
                self._servers[base] = server
            self._servers[base].make_room(rank)
        return [self._servers[places[path]].engine(path) for path in paths]

    def server_of(self, base: str) -> VllmServer:
        """The server of a base that was asked for."""
        return self._servers[_place(base)]

    def close(self) -> None:
        """Stop all servers."""
        while self._servers:
            self._servers.popitem()[1].stop()


class VllmServer:
    """One `vllm` process that serves a base model, and adapters of up to `rank` (0: none), until `stop`.

    When it ends, or does not answer its health check, it is started again, up to `restarts` times; what had been
    asked of it is asked again. A server that never came up is not, because it would fail again for the same reason.
    """

    def __init__(self, base: str, rank: int, settings: EngineSettings, log: Path, chat: ChatFormat = DEFAULT) -> None:
        self.base, self.rank, self.settings, self.chat = base, rank, settings, chat
        self.restarts = settings.vllm.restarts
        # The user's choice of devices stays theirs.
        self._devices = [] if "CUDA_VISIBLE_DEVICES" in settings.vllm.env else serving_devices()
        # Bound but not listening, the port is kept for the server, which may listen on it, and for its restarts.
        self._kept_port = socket.socket()
        self._kept_port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._kept_port.bind((HOST, 0))
        self.port = int(self._kept_port.getsockname()[1])
        # Only this process may send requests; a key in the environment appears in no process list, config or log.
        self._key = secrets.token_hex(16)
        self.process = self._new_process(log)
        self._adapters: list[str] = []
        self._engines: dict[str, OpenAIEngine] = {}
        self._up_since = 0.0
        self._lock = threading.Lock()
        self._stopping = threading.Event()

    def start(self) -> None:
        """Start it and wait until it is well.

        Raises RunError when it does not come up, UsageError when it refuses its flags.
        """
        try:
            self._come_up()
        except _Died as died:
            self.stop()
            if died.status == _BAD_FLAGS:
                raise UsageError(
                    f"vLLM refuses its flags: {self.process.last_error()}; correct engine.vllm.args"
                ) from died
            raise RunError(f"the vLLM server of {self.base} {died} at its start: {self._last_error()}") from died
        except BaseException:
            self.stop()
            raise

    def engine(self, path: str) -> OpenAIEngine:
        """The engine for the base or one of its adapters. Raises RunError when the server can't load the adapter."""
        if path not in self._engines:
            if is_adapter(path):
                self.load(path)
            s = self.settings
            self._engines[path] = OpenAIEngine(
                path if is_adapter(path) else self.base,
                [f"http://{HOST}:{self.port}/v1"],
                self._key,
                Limits(s.concurrency, s.requests_per_minute, s.timeout, s.retries),
                recover=self.recover,
                chat=self.chat,
            )
        return self._engines[path]

    def load(self, adapter: str) -> None:
        """Serve an adapter under its path, after a restart too. Raises RunError when the server can't load it."""
        self._adapters.append(adapter)
        try:
            self._load(adapter)
        except _Died:
            self._recover(time.monotonic())

    def unload(self, adapter: str) -> None:
        """Serve an adapter no longer."""
        self._adapters.remove(adapter)
        # Should it fail, then nothing but memory is lost: nobody asks for that name any more.
        self._ask("POST", "/v1/unload_lora_adapter", HEALTH_TIMEOUT, {"lora_name": adapter})

    def make_room(self, rank: int) -> None:
        """Serve adapters of up to `rank` too. For a larger one than before vLLM is started again, with the same
        address and the same adapters, so all its engines stay valid. Raises as `start` does."""
        with self._lock:
            if rank <= self.rank:
                return
            self.process.stop()
            self.rank = rank
            self.process = self._new_process(self.process.log)
            self.start()

    async def recover(self, began: float) -> bool:
        """Whether an attempt that began at `began` (time.monotonic) failed because the server was down, and it is back.

        Raises RunError when it can't be started again.
        """
        try:
            return await asyncio.to_thread(self._recover, began)
        except asyncio.CancelledError:
            # The request was cancelled, and the event loop would wait for the thread.
            self._stopping.set()
            raise

    def stop(self) -> None:
        """Stop it and all its processes."""
        self._stopping.set()
        self.process.stop()
        self._kept_port.close()

    @property
    def dtype(self) -> str:
        """What it computes in, by name."""
        return choose(self.settings.dtype).dtype

    def _new_process(self, log: Path) -> ServerProcess:
        loading = {"VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True"} if self.rank else {}
        devices = {"CUDA_VISIBLE_DEVICES": ",".join(self._devices)} if self._devices else {}
        env = {**os.environ, **devices, **loading, **self.settings.vllm.env, "VLLM_API_KEY": self._key}
        return ServerProcess(self._command(), env, log)

    def _command(self) -> list[str]:
        flags = ["--model", self.base, "--served-model-name", self.base, "--host", HOST, "--port", str(self.port)]
        # Without the first of these it adds the checkpoint's own top-k and repetition penalty to what is asked for.
        flags += [
            "--generation-config",
            "vllm",
            "--dtype",
            self.dtype,
            "--disable-uvicorn-access-log",
        ]
        # One replica for each device, behind one address.
        replicas = len(self._devices) // _flag(self.settings.vllm.args, "--tensor-parallel-size", "-tp")
        if replicas > 1 and not _flag(self.settings.vllm.args, "--data-parallel-size", "-dp", default=0):
            flags += ["--data-parallel-size", str(replicas)]
        if self.rank:
            flags += ["--enable-lora", "--max-lora-rank", str(self.rank)]
            # Of rollouts, at the temperature that they are sampled with. Verdicts are greedy: nothing changes there.
            flags += ["--logprobs-mode", "processed_logprobs"]
        # The `vllm` command looks for a distribution of that name, which the one for CPUs has not.
        return [
            interpreter(self.settings),
            "-m",
            "vllm.entrypoints.openai.api_server",
            *flags,
            *self.settings.vllm.args,
        ]

    def _recover(self, began: float) -> bool:
        with self._lock:
            if self._up_since > began:
                return True
            if self.process.ended() is None and self._healthy(HEALTH_TIMEOUT):
                return False
            why = _Died(self.process.ended(within=EXIT_TIMEOUT))
            while True:
                self._restart_is_left(why)
                try:
                    self._come_up()
                except _Died as died:
                    why = died
                else:
                    return True

    def _restart_is_left(self, why: _Died) -> None:
        self.process.stop()
        if self._stopping.is_set():
            raise RunError("the vLLM server was stopped")
        left = f"the vLLM server of {self.base} {why}: {self._last_error()}"
        if self.restarts == 0:
            raise RunError(
                f"{left}; it was started again {self.settings.vllm.restarts} "
                "times (engine.vllm.restarts); the same command resumes"
            )
        self.restarts -= 1
        print(f"note: {redacted(left)}; it is started again", file=sys.stderr, flush=True)

    def _come_up(self) -> None:
        """Start the process, wait until it is well, and give it its adapters."""
        self.process.start()
        deadline = time.monotonic() + self.settings.vllm.startup
        while not self._healthy(1.0):
            status = self.process.ended()
            if status is not None:
                raise _Died(status)
            if time.monotonic() > deadline:
                raise _Died(None, f"was not up within {self.settings.vllm.startup:g} s (engine.vllm.startup)")
            if self._stopping.wait(0.2):
                raise RunError("the vLLM server was stopped")
        for adapter in self._adapters:
            self._load(adapter)
        self._up_since = time.monotonic()

    def _healthy(self, limit: float) -> bool:
        return self._ask("GET", "/health", limit)[0] == http.HTTPStatus.OK

    def _load(self, adapter: str) -> None:
        wanted = {"lora_name": adapter, "lora_path": str(Path(adapter).absolute())}
        status, said = self._ask("POST", "/v1/load_lora_adapter", self.settings.vllm.startup, wanted)
        if status != http.HTTPStatus.OK:
            if self.process.ended() is not None:
                raise _Died(self.process.ended())
            raise RunError(
                f"vLLM can't load the adapter {adapter}: "
                f"{' '.join(said.split())[:200] or 'no answer'}; its log: {self.process.log}"
            )

    def _ask(self, method: str, path: str, limit: float, body: object = None) -> tuple[int, str]:
        """Status and body of an answer; 0 when there is none."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=limit)
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            return response.status, response.read().decode(errors="replace")
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()

    def _last_error(self) -> str:
        return f"{self.process.last_error() or 'its log is empty'}; its log: {self.process.log}"


class _Died(Exception):
    """A server that ended with `status`, or no longer answers (None)."""

    def __init__(self, status: int | None, how: str = "does not answer its health check") -> None:
        if status is not None:
            how = f"was killed (signal {status - 128})" if status > 128 else f"ended with status {status}"
        super().__init__(how)
        self.status = status


def _flag(args: Sequence[str], *names: str, default: int = 1) -> int:
    """The number that a flag among `args` has."""
    for i, arg in enumerate(args):
        name, _, value = arg.partition("=")
        if name in names:
            value = value or "".join(args[i + 1 : i + 2])
            return int(value) if value.isdigit() else default
    return default


def interpreter(settings: EngineSettings) -> str:
    """The Python that has vLLM."""
    return settings.vllm.python or sys.executable


def check_vllm(settings: EngineSettings) -> None:
    """Raises UsageError, within seconds, when there is no vLLM to start."""
    python = interpreter(settings)
    fix = "set engine.vllm.python to the Python of an environment with vLLM"
    script = "import importlib.util, sys; sys.exit(importlib.util.find_spec('vllm') is None)"
    try:
        environment = {**os.environ, **settings.vllm.env}
        found = subprocess.run(
            [python, "-c", script],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environment,
            timeout=25,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(f"engine.vllm.python: {python} can't be run; {fix}") from error
    if found.returncode:
        raise UsageError(f"{python} has no vLLM: pip install vllm there, or {fix}")


def _place(base: str) -> str:
    """One name for one base, however an adapter and the config write it."""
    return str(Path(base).resolve()) if Path(base).is_dir() else base


def _rank(path: str) -> int:
    """The --max-lora-rank that an adapter needs; 0 for any other model.

    Raises UsageError for a rank that vLLM does not serve.
    """
    if not is_adapter(path):
        return 0
    settings = adapter_settings(path)
    own = settings.get("rank_pattern")
    ranks = [settings.get("r"), *(own.values() if isinstance(own, dict) else ())]
    return room_for(max((r for r in ranks if isinstance(r, int)), default=0))


def room_for(rank: int) -> int:
    """The smallest --max-lora-rank for adapters of that rank. Raises UsageError when there is none."""
    for supported in RANKS:
        if supported >= rank:
            return supported
    raise UsageError(
        f"vLLM serves adapters of rank up to {RANKS[-1]}, and not {rank}; lower lora.r, or set engine.kind: local"
    )
