"""`transformers serve`, a second OpenAI-compatible server that is not ours."""

import asyncio
import os
import socket
import subprocess
import time
import urllib.request

import pytest

from seif.engines.base import Request
from seif.engines.local import LocalEngine
from seif.engines.openai import Limits, OpenAIEngine
from seif.engines.probe import check_server
from seif.errors import UsageError
from support import NANO, ROOT

MODEL = str(NANO / "model")


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("serve") / "log.txt"
    command = [ROOT / ".venv-vllm/bin/transformers", "serve", MODEL, "--port", str(port), "--device", "cpu"]
    with (
        log.open("w") as file,
        subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=file, stderr=file) as process,
    ):
        try:
            deadline = time.monotonic() + 180
            while True:
                try:
                    urllib.request.urlopen(f"http://localhost:{port}/health", timeout=2)
                    break
                except OSError:
                    assert process.poll() is None, log.read_text()
                    assert time.monotonic() < deadline, log.read_text()
                    time.sleep(0.5)
            yield f"http://localhost:{port}/v1"
        finally:
            process.terminate()


@pytest.mark.vllm
def test_greedy_answers_are_those_of_the_local_engine(url):
    things = ("river", "cat", "train", "clock", "library", "owl", "cake", "violin")
    asked = [Request([{"role": "user", "content": f"Write about the {thing}.\nAvoid commas."}], 48) for thing in things]
    served = OpenAIEngine(MODEL, [url], limits=Limits(concurrency=2, timeout=120.0))

    async def together():
        return await asyncio.gather(*(served.complete(request) for request in asked))

    answers = [c.text for c in asyncio.run(together())]
    same = sum(a == b.text for a, b in zip(answers, LocalEngine.load(MODEL).answer(asked), strict=True))
    # bf16 may tip a word that is on the edge.
    assert same >= len(things) - 1


@pytest.mark.vllm
def test_it_has_no_log_probabilities_and_that_is_said_beforehand(url):
    with pytest.raises(UsageError, match="no log-probabilities, which one-token verdicts need"):
        check_server(OpenAIEngine(MODEL, [url], limits=Limits(timeout=60.0)), "OPENAI_API_KEY", logprobs=True)
    check_server(OpenAIEngine(MODEL, [url], limits=Limits(timeout=60.0)), "OPENAI_API_KEY", logprobs=False)
