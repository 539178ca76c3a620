"""Keys and passwords, and everything that is printed or written where they could turn up."""

from __future__ import annotations

import contextlib
import http.server
import itertools
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from unittest import mock

from faults.campaign import Crashed, Ended, Fault, Lost, Silent, call, start
from support import NANO

CANARIES = {
    "OPENAI_API_KEY": "canary-openai-4f1d9c27",
    "HF_TOKEN": "hf_CanaryAbCdEfGhIjKlMnOpQrStUvWxYz012345",
    "WANDB_API_KEY": "canary0wandb0d2c8b7a6f5e4d3c2b1a0",
    "GATEWAY_PASS": "canary-gateway-77aa55",
}
"""By environment variable; the last one is known to be secret because a config names it."""
PASSWORD = "canary-password-93b1"
TOKEN = "hf_CanaryZyXwVuTsRqPoNmLkJiHgFeDcBa543210"
SECRETS = (*CANARIES.values(), PASSWORD, TOKEN)


def expect_hidden(ended: Ended, folder: Path, *shown: str) -> None:
    """None of the secrets is in what was printed, or in any file. `shown`: files that are the user's own."""
    for secret in SECRETS:
        if secret in ended.out + ended.err:
            where = next(line for line in (ended.out + ended.err).splitlines() if secret in line)
            raise Lost(f"printed: {where[:300]}")
        for file in folder.rglob("*"):
            if file.is_file() and file.name not in shown and secret.encode() in file.read_bytes():
                raise Lost(f"in {file.relative_to(folder)}")


# --- in a config ------------------------------------------------------------------------------------------------------

IN_CONFIG = {
    "a password in engine.base_urls": ["engine.kind=openai", f"engine.base_urls=[https://me:{PASSWORD}@host/v1]"],
    "a key in the query of engine.base_urls": [
        "engine.kind=openai",
        f"engine.base_urls=[https://h/v1?api_key={PASSWORD}]",
    ],
    "a key for its variable's name": [f"engine.api_key_env={PASSWORD}"],
    "a token for its variable's name": [
        "engine.kind=openai",
        "engine.base_urls=[http://h/v1]",
        f"engine.api_key_env={TOKEN}",
    ],
    "a token in engine.vllm.env": [f"engine.vllm.env={{HF_TOKEN: {PASSWORD}}}"],
    "a password in engine.vllm.env": [f"engine.vllm.env={{PROXY: 'http://me:{PASSWORD}@proxy'}}"],
    "--api-key in engine.vllm.args": [f"engine.vllm.args=[--api-key, {PASSWORD}]"],
    "--hf-token X in engine.vllm.args": [f"engine.vllm.args=[--hf-token, {PASSWORD}]"],
    "--hf-token=X in engine.vllm.args": [f"engine.vllm.args=[--hf-token={PASSWORD}]"],
    "a token in launcher": [f"launcher=[srun, --auth-token={PASSWORD}]"],
    "a token in chat.template_kwargs": [f"chat.template_kwargs={{api_key: {PASSWORD}}}"],
    "a password in the reward model's url": [
        "judger.kind=classifier",
        f"self_supervised.reward_model.url=http://me:{PASSWORD}@host:8001",
    ],
    "a token for the model": [f"model={TOKEN}"],
    "a password in the model's url": [f"model=https://me:{PASSWORD}@hub/model"],
    "a misspelt key": [f"engine.api_key={PASSWORD}"],
    "a wrong type": [f"engine.api_key_env=[{TOKEN}]"],
}


def _in_config(overrides: Sequence[str], folder: Path) -> None:
    options = itertools.chain.from_iterable(("--set", override) for override in overrides)
    ended = call("run", "nano-tiny", "--run-dir", folder / "run", *options)
    expect_hidden(ended, folder)
    if ended.code == 0:
        raise Silent("it is taken")
    if ended.code != 2:
        raise Crashed(f"exit code {ended.code}: {ended.err[-300:]}")


def _in_a_file(text: str, folder: Path) -> None:
    config = folder / "mine.yaml"
    config.write_text(f"model: {NANO / 'model'}\n{text}\n", encoding="utf-8")
    ended = call("plan", config)
    expect_hidden(ended, folder, "mine.yaml")
    if ended.code != 2:
        raise Crashed(f"exit code {ended.code}: {ended.err[-300:]}")


# --- servers that echo them -------------------------------------------------------------------------------------------

Answer = Callable[[Mapping[str, str]], tuple[int, Mapping[str, str], bytes]]
ECHOES: dict[str, Answer] = {
    "401 with the header": lambda h: (401, {}, _error(f"bad key: {h['Authorization']}")),
    "400 with the header": lambda h: (400, {}, _error(f"bad request with {h['Authorization']}")),
    "404 with the header": lambda h: (404, {}, _error(f"no such path for {h['Authorization']}")),
    "500 with the header": lambda h: (500, {}, _error(f"crashed on {dict(h)}")),
    "429 with the header": lambda h: (429, {"Retry-After": "0"}, _error(h["Authorization"])),
    "418 with the header": lambda h: (418, {}, h["Authorization"].encode()),
    "HTML with the header": lambda h: (200, {"Content-Type": "text/html"}, f"<pre>{h['Authorization']}</pre>".encode()),
    "JSON that is cut off after the header": lambda h: (200, {}, b'{"key": "' + h["Authorization"].encode()),
    "a redirect to a URL with the key": lambda h: (
        *(302, {"Location": f"http://127.0.0.1:9/?api_key={h['Authorization'].split()[-1]}"}),
        b"",
    ),
    "a status line of its own": lambda h: (599, {"X-Echo": h["Authorization"]}, h["Authorization"].encode()),
}


def _error(message: str) -> bytes:
    return json.dumps({"error": {"message": message, "code": message}}).encode()


@contextlib.contextmanager
def _echoing(answer: Answer) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, headers, body = answer(self.headers)
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()


def _judge_arguments(url: str, variable: str, folder: Path) -> list[object]:
    row = {"prompt": "Why?", "response": "So it is.", "constraint": ["Be kind."]}
    (folder / "rows.jsonl").write_text(json.dumps(row), encoding="utf-8")
    engine = ["engine.kind=openai", f"engine.base_urls=[{url}]", "engine.retries=0", "judger.kind=generative"]
    options = itertools.chain.from_iterable(("--set", o) for o in [*engine, f"engine.api_key_env={variable}"])
    return ["judge", folder / "rows.jsonl", "--model", "fake", "--out", folder / "out.jsonl", *options]


def _echo(answer: Answer, variable: str, probed: bool, traced: bool, folder: Path) -> None:
    environment = {**CANARIES, **({"SEIF_TRACEBACK": "1"} if traced else {})}
    unprobed = contextlib.nullcontext() if probed else mock.patch("seif.models.check_engine")
    with _echoing(answer) as url, mock.patch.dict(os.environ, environment), unprobed:
        ended = call(*_judge_arguments(url, variable, folder))
    expect_hidden(ended, folder)
    if ended.code == 0:
        raise Silent("a server that fails is no error")


# --- code that quotes them --------------------------------------------------------------------------------------------

PLUGIN = """
import os
from seif.judges import JUDGES
raise {error}(f"can't log in at https://me:{password}@host?token={token} with " + os.environ["HF_TOKEN"])
"""


def _plugin(error: str, traced: bool, folder: Path) -> None:
    """A plugin whose error quotes what is in the environment."""
    file = folder / "mine.py"
    file.write_text(
        PLUGIN.replace("{error}", error).replace("{password}", PASSWORD).replace("{token}", TOKEN), encoding="utf-8"
    )
    (folder / "rows.jsonl").write_text("{}", encoding="utf-8")
    environment = {**CANARIES, **({"SEIF_TRACEBACK": "1"} if traced else {})}
    ended = start("verify", folder / "rows.jsonl", "--types", file, env=environment)
    if ended.code == 0:
        raise Silent("a plugin that can't be loaded is no error")
    # The traceback shows the lines of the plugin itself, in which the user has written them.
    own = {PASSWORD, TOKEN}
    for secret in set(SECRETS) - own:
        if secret in ended.out + ended.err:
            raise Lost(ended.err[-300:])


def _server_log(folder: Path) -> None:
    """The log of a server of ours begins with its command."""
    from seif.engines.process import ServerProcess

    command = [sys.executable, "-c", "raise ValueError('no way in with ' + __import__('os').environ['HF_TOKEN'])"]
    with mock.patch.dict(os.environ, CANARIES):
        log = folder / "server.log"
        process = ServerProcess(
            [*command, f"--hf-token={TOKEN}", "--api-key", CANARIES["OPENAI_API_KEY"]], os.environ, log
        )
        process.start()
        process.ended(within=60)
        said = process.last_error()
        process.stop()
    expect_hidden(
        Ended(0, said, log.read_text(encoding="utf-8").partition("\nTraceback")[0], 0.0), folder, "server.log"
    )
    if "ValueError" not in said:
        raise Silent(f"the error is not told: {said}")


def _run_directory(folder: Path) -> None:
    """A whole run, with every variable set and a judge behind a server that refuses the key at last."""
    verdict = {"content": [{"top_logprobs": [{"token": "1", "logprob": -0.1}]}]}
    reply = {"choices": [{"message": {"content": "1"}, "finish_reason": "stop", "logprobs": verdict}], "usage": {}}
    asked = itertools.count()

    def answer(headers: Mapping[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        if next(asked) < 40:
            return 200, {}, json.dumps(reply).encode()
        return 401, {}, _error(f"expired: {headers['Authorization']}")

    short = ["instructor.train=false", "evaluation.tasks=6", "follower.steps=1", "judger.kind=logprob"]
    engine = ["engine.kind=openai", "engine.served_model=fake", "engine.retries=0", "engine.api_key_env=GATEWAY_PASS"]
    with _echoing(answer) as url:
        options = itertools.chain.from_iterable(("--set", o) for o in [*short, *engine, f"engine.base_urls=[{url}]"])
        environment = {**CANARIES, "SEIF_TRACEBACK": "1"}
        ended = start("run", "nano-tiny", "--run-dir", folder / "run", *options, env=environment)
    expect_hidden(ended, folder)
    if not (folder / "run" / "config.yaml").is_file():
        raise Crashed(f"the run never began: {ended.err[-500:]}")


def faults() -> Iterator[Fault]:
    refused = "exit code 2, and it is shown nowhere"
    for kind, overrides in IN_CONFIG.items():
        yield Fault("--set", kind, refused, partial(_in_config, overrides))
    for kind, text in {
        "a password in engine.base_urls": f"engine: {{kind: openai, base_urls: ['https://me:{PASSWORD}@host/v1']}}",
        "a key of its own": f"engine: {{api_key: {PASSWORD}}}",
        "a token in a plugin's name": f"plugins: ['{TOKEN}']",
        "bad YAML around a token": f"engine: [api_key: {TOKEN}",
    }.items():
        yield Fault("config file", kind, refused, partial(_in_a_file, text))
    hidden = "an error, and the key is shown nowhere"
    for (kind, answer), variable in itertools.product(ECHOES.items(), ("OPENAI_API_KEY", "GATEWAY_PASS")):
        yield Fault(f"server with ${variable}", kind, hidden, partial(_echo, answer, variable, True, False))
    for kind, answer in ECHOES.items():
        yield Fault("server while it judges", kind, hidden, partial(_echo, answer, "GATEWAY_PASS", False, False))
        yield Fault("server, SEIF_TRACEBACK=1", kind, hidden, partial(_echo, answer, "GATEWAY_PASS", True, True))
    for error, traced in itertools.product(("ValueError", "OSError", "RuntimeError", "SystemError"), (False, True)):
        place = "plugin" + (", SEIF_TRACEBACK=1" if traced else "")
        yield Fault(place, f"{error} with a token", hidden, partial(_plugin, error, traced), quick=False)
    yield Fault("server log", "a key among the arguments", hidden, _server_log, quick=False)
    yield Fault("a run directory", "a judge that refuses the key", "no file has it", _run_directory, quick=False)
