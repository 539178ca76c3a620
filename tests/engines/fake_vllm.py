"""A process that takes vLLM's flags and serves answers without a model; the JSON in $FAKE says how it fails.

`lives`: a folder in which each start leaves a file. `at_start`: what the first so many starts do. `answers`: after
how many answers the first so many lives end.
"""

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.server import Behaviour, Server

PLAN = json.loads(os.environ["FAKE"])


class FakeVllm(Server):
    def __init__(self, behaviour, limit):
        super().__init__(behaviour)
        self.limit, self.adapters, self.taken, self.sick = limit, set(), 0, False

    async def respond(self, method, path, authorization, body):
        if path == "/health":
            return (500 if self.sick else 200), b"", {}
        if path == "/v1/load_lora_adapter":
            wanted = json.loads(body)
            if (
                authorization != f"Bearer {self.behaviour.key}"
                or not Path(wanted["lora_path"], "adapter_model.safetensors").is_file()
            ):
                return 400, b"no such adapter", {}
            self.adapters.add(wanted["lora_name"])
            return 200, b"loaded", {}
        if path == "/v1/unload_lora_adapter":
            self.adapters.remove(json.loads(body)["lora_name"])
            return 200, b"unloaded", {}
        if path == "/v1/completions":
            return self.sample(json.loads(body))
        if path == "/v1/chat/completions":
            self.taken += 1
            if self.limit is not None and self.taken > self.limit:
                self.end()
            if self.sick:
                return 500, b"EngineCore encountered an issue", {}
            asked = json.loads(body)
            if asked["model"] in self.adapters:
                body = json.dumps({**asked, "model": self.behaviour.model}).encode()
        return await super().respond(method, path, authorization, body)

    def sample(self, asked):
        """One token: how many versions of the adapter there are."""
        self.taken += 1
        if self.limit is not None and self.taken > self.limit:
            self.end()
        if asked["model"] not in self.adapters:
            return 404, b"no such model", {}
        choice = {
            "prompt_token_ids": asked["prompt"],
            "token_ids": [len(self.adapters)],
            "logprobs": {"token_logprobs": [-0.5]},
        }
        return 200, json.dumps({"choices": [choice]}).encode(), {}

    def end(self):
        if PLAN.get("end") == "sick":
            self.sick = True
            return
        if PLAN.get("end") == "hangs":
            time.sleep(3600)
        print("(EngineCore pid=7) ERROR 01-01 00:00:00 [core.py:1] ValueError: out of luck", flush=True)
        print("leaked 3 types", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)


async def serve(behaviour, port, limit):
    async with await FakeVllm(behaviour, limit).listen(port) as listening:
        await listening.serve_forever()


def main():
    lives = Path(PLAN["lives"])
    life = len(list(lives.iterdir()))
    (lives / str(life)).write_text(json.dumps({"pid": os.getpid(), "flags": sys.argv[1:]}))
    parser = argparse.ArgumentParser(prog="api_server.py")
    for flag in (
        "--model",
        "--served-model-name",
        "--host",
        "--port",
        "--generation-config",
        "--dtype",
        "--max-lora-rank",
        "--logprobs-mode",
    ):
        parser.add_argument(flag)
    for flag in ("--enable-lora", "--disable-uvicorn-access-log"):
        parser.add_argument(flag, action="store_true")
    options = parser.parse_args()
    child = subprocess.Popen(["sleep", "3600"])
    (lives / str(life)).write_text(json.dumps({"pid": os.getpid(), "child": child.pid, "flags": sys.argv[1:]}))
    starts = dict(enumerate(PLAN.get("at_start", [])))
    if starts.get(life) == "crashes":
        raise RuntimeError("no memory for the cache; raise --gpu-memory-utilization")
    if starts.get(life) == "hangs":
        time.sleep(3600)
    limit = dict(enumerate(PLAN.get("answers", []))).get(life)
    behaviour = Behaviour(
        model=options.served_model_name, key=os.environ["VLLM_API_KEY"], answer_s=0.002, verdict_s=0.002
    )
    asyncio.run(serve(behaviour, int(options.port), limit))


main()
