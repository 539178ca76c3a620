"""`seif` commands in processes of their own that need not import anything: a server has, and forks for each of them.

with Forks() as forks:
    forks.seif("run", "nano-tiny", "--run-dir", folder, moment=Moment("rename", "report.html"), root=folder)
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from faults.campaign import Ended, Overran
from faults.moments import Moment, moment_of, watch
from support import ROOT


class Forks(AbstractContextManager["Forks"]):
    """The server; one command at a time."""

    def __init__(self) -> None:
        path = os.pathsep.join(filter(None, [str(ROOT / "tests"), os.environ.get("PYTHONPATH")]))
        # One thread: a process that has started others can't be forked safely.
        self._server = subprocess.Popen(
            [sys.executable, "-m", "faults.forks"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "NO_COLOR": "1"},
            text=True,
        )

    def __exit__(self, *_: object) -> None:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.close()
        self._server.wait()
        self._server.stdout.close()

    def seif(
        self,
        *arguments: object,
        root: Path | None = None,
        moment: Moment | None = None,
        record: Path | None = None,
        env: Mapping[str, str | None] | None = None,
        prepare: str = "",
        timeout: float = 3600,
    ) -> Ended:
        """`seif ARGUMENTS`, which ends at `moment` of what happens to the files below `root`.

        `env` None unsets a variable; `prepare` is Python that the process runs first. The code of a process that died
        by a signal is negative. Raises Overran after `timeout` seconds.
        """
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="seif-fork-") as folder:
            out, err = Path(folder) / "out", Path(folder) / "err"
            order = {
                "arguments": list(map(str, arguments)),
                "root": root and str(root),
                "moment": moment and moment.as_json(),
                "record": record and str(record),
                "env": dict(env or {}),
                "prepare": prepare,
                "out": str(out),
                "err": str(err),
                "timeout": timeout,
            }
            self._server.stdin.write(json.dumps(order) + "\n")
            self._server.stdin.flush()
            code = json.loads(self._server.stdout.readline())
            if code is None:
                raise Overran(f"still running after {timeout:.0f} s")
            texts = [file.read_text(encoding="utf-8", errors="replace") for file in (out, err)]
        return Ended(code, *texts, time.monotonic() - began)


@functools.cache
def forks() -> Forks:
    """One server for all, until this process ends."""
    server = Forks()
    atexit.register(server.__exit__)
    return server


def _serve() -> None:
    """Import what commands import, then fork one for each line on stdin, and answer with its exit code."""
    from seif import cli  # noqa: F401
    from seif.engines.quiet import quiet

    quiet()
    _import_all()
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(order)
        print(json.dumps(_wait(child, order["timeout"])), flush=True)


def _import_all() -> None:
    import peft  # noqa: F401
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer  # noqa: F401

    import seif.cli.commands
    import seif.distributed.launch
    import seif.engines.local
    import seif.report.page
    import seif.self_supervised.reward_model
    import seif.training.grpo  # noqa: F401


def _wait(child: int, timeout: float) -> int | None:
    deadline = time.monotonic() + timeout
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.kill(child, 9)
            os.waitpid(child, 0)
            return None
        time.sleep(0.005)


def _become(order: dict[str, Any]) -> None:
    """The command itself; never returns."""
    from seif import cli

    code = 1
    try:
        for number, file in ((1, order["out"]), (2, order["err"])):
            opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(opened, number)
            os.close(opened)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        for name, value in order["env"].items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        exec(order["prepare"], {})
        sys.argv = ["seif", *order["arguments"]]
        if order["root"]:
            moment = order["moment"] and moment_of(order["moment"])
            watch(Path(order["root"]), moment, order["record"] and Path(order["record"]))
        try:
            cli.main()
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        except BaseException:  # noqa: BLE001
            sys.excepthook(*sys.exc_info())
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


if __name__ == "__main__":
    _serve()
