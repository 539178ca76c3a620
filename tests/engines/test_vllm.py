"""The managed server with a real process in the place of vLLM."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
import torch

from seif.config import EngineSettings, Vllm
from seif.config_file import build_config, load_config
from seif.engines import vllm
from seif.engines.base import Request
from seif.engines.failures import MALFORMED, Failure
from seif.engines.policy import SampledTokens, TokenRequest, read_tokens
from seif.engines.precision import Precision
from seif.engines.vllm import VllmServer, VllmServers, check_vllm, room_for
from seif.errors import RunError, UsageError
from seif.models import ModelPool
from support import ROOT, call

pytestmark = pytest.mark.slow

QUESTIONS = [Request([{"role": "user", "content": f"Why {i}?"}], 64) for i in range(40)]


@pytest.fixture
def fake(tmp_path):
    """Makes engine settings whose server is the fake one, failing as told."""
    python = tmp_path / "python"
    python.write_text(
        f'#!/bin/sh\n[ "$1" = -c ] && exit 0\nshift 2\nPYTHONPATH={ROOT} exec '
        f'{sys.executable} {Path(__file__).with_name("fake_vllm.py")} "$@"\n'
    )
    python.chmod(0o755)
    (tmp_path / "lives").mkdir()

    def settings(plan=None, engine=None, **vllm):
        env = {"FAKE": json.dumps({"lives": str(tmp_path / "lives"), **(plan or {})})}
        tree = {
            "kind": "vllm",
            "retries": 0,
            "timeout": 30.0,
            **(engine or {}),
            "vllm": {"python": str(python), "env": env, "startup": 30.0, **vllm},
        }
        return build_config({"model": "base", "engine": tree}, "test").engine

    return settings


@pytest.fixture
def lives(tmp_path):
    """What each start of the server left."""
    return lambda: [
        json.loads((tmp_path / "lives" / str(i)).read_text()) for i in range(len(list((tmp_path / "lives").iterdir())))
    ]


@pytest.fixture
def log(tmp_path):
    return tmp_path / "run" / "out.vllm.log"


def ask(engine, requests=QUESTIONS):
    async def together():
        return await asyncio.gather(*(engine.complete(r) for r in requests))

    return asyncio.run(together())


def gone(*pids, within=10.0):
    """Whether the processes are no more."""
    deadline = time.monotonic() + within
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(map(alive, pids))


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def adapter(folder, base="base", rank=8, weights=True, **settings):
    folder.mkdir()
    if weights:
        (folder / "adapter_model.safetensors").touch()
    (folder / "adapter_config.json").write_text(
        json.dumps({"peft_type": "LORA", "base_model_name_or_path": base, "r": rank, **settings})
    )
    return str(folder)


@pytest.fixture
def sound(fake, tmp_path):
    """The answers of a server to which nothing happens."""
    with closing(VllmServers(fake(), tmp_path / "sound.log")) as servers:
        answers = ask(servers.together(["base"])[0])
    for file in (tmp_path / "lives").iterdir():
        file.unlink()
    assert all(a.text for a in answers)
    return answers


def test_it_is_started_asked_and_stopped_with_all_its_processes(fake, lives, log):
    with closing(VllmServers(fake(args=["--dtype", "float16"]), log)) as servers:
        first, second = servers.together(["base", "base"])
        assert first is second
        assert all(c.text for c in ask(first))
        (life,) = lives()
        assert alive(life["pid"])
        assert alive(life["child"])
        assert life["flags"][-2:] == ["--dtype", "float16"]
        assert life["flags"][life["flags"].index("--host") + 1] == "127.0.0.1"
    assert gone(life["pid"], life["child"], within=0)


def test_its_key_is_written_nowhere(fake, lives, log, tmp_path):
    with closing(VllmServers(fake(), log)) as servers:
        key = servers.together(["base"])[0].api_key
        assert len(key) >= 32
        command = Path(f"/proc/{lives()[0]['pid']}/cmdline").read_text()
    assert key not in command + log.read_text()


def test_other_weights_take_the_servers_place(fake, lives, log):
    with closing(VllmServers(fake(), log)) as servers:
        ask(servers.together(["base"])[0], QUESTIONS[:1])
        (engine,) = servers.together(["turn_01/follower"])
        assert ask(engine, QUESTIONS[:1])[0].text
        first, second = lives()
        assert gone(first["pid"], within=0)
        assert alive(second["pid"])
        assert second["flags"][:2] == ["--model", "turn_01/follower"]


def test_what_is_asked_for_together_runs_together(fake, lives, log):
    with closing(VllmServers(fake(), log)) as servers:
        one, two = servers.together(["base", "other"])
        assert ask(one) != [None] * len(QUESTIONS)
        assert ask(two)[0].text
        assert len(lives()) == 2
        assert servers.together(["other"])[0] is two
        assert [alive(life["pid"]) for life in lives()] == [False, True]


@pytest.mark.parametrize("end", ["killed", "sick"])
def test_a_crash_at_work_costs_no_answer(fake, lives, log, sound, capsys, monkeypatch, end):
    monkeypatch.setattr("seif.engines.vllm.EXIT_TIMEOUT", 0.1 if end == "sick" else 5.0)
    with closing(VllmServers(fake({"answers": [10, 15], "end": end}), log)) as servers:
        assert ask(servers.together(["base"])[0]) == sound
    assert len(lives()) == 3
    told = capsys.readouterr().err
    assert told.count("it is started again") == 2
    assert str(log) in told
    assert end == "sick" or "was killed (signal 9): ValueError: out of luck" in told


def test_a_server_that_hangs_is_started_again(fake, lives, log, sound, capsys, monkeypatch):
    monkeypatch.setattr("seif.engines.vllm.HEALTH_TIMEOUT", 0.5)
    monkeypatch.setattr("seif.engines.vllm.EXIT_TIMEOUT", 0.1)
    plan = {"answers": [10], "end": "hangs"}
    with closing(VllmServers(fake(plan, {"timeout": 1.0}), log)) as servers:
        assert ask(servers.together(["base"])[0]) == sound
    assert len(lives()) == 2
    assert "does not answer its health check" in capsys.readouterr().err


def test_when_the_restarts_are_used_up_the_stage_stops(fake, lives, log, capsys):
    plan = {"answers": [10, 0, 0, 0]}
    with (
        closing(VllmServers(fake(plan, restarts=2), log)) as servers,
        pytest.raises(RunError, match="was killed") as told,
    ):
        ask(servers.together(["base"])[0])
    assert len(lives()) == 3
    assert "ValueError: out of luck" in str(told.value)
    assert "started again 2 times" in str(told.value)
    assert str(log) in str(told.value)
    assert "\n" not in str(told.value)
    assert gone(*(life["child"] for life in lives()), within=0)


def test_a_start_that_fails_after_a_crash_counts_too(fake, lives, log, sound):
    with closing(VllmServers(fake({"answers": [10], "at_start": ["", "crashes"]}), log)) as servers:
        assert ask(servers.together(["base"])[0]) == sound
    assert len(lives()) == 3


def test_a_server_that_dies_at_its_first_start_is_told_at_once(fake, lives, log):
    with closing(VllmServers(fake({"at_start": ["crashes"]}), log)) as servers, pytest.raises(RunError) as told:
        servers.together(["base"])
    assert (
        "of base ended with status 1 at its start: RuntimeError: "
        "no memory for the cache; raise --gpu-memory-utilization" in str(told.value)
    )
    assert str(log) in str(told.value)
    assert len(lives()) == 1
    assert gone(lives()[0]["child"], within=0)


def test_a_start_takes_no_longer_than_it_may(fake, lives, log):
    with (
        closing(VllmServers(fake({"at_start": ["hangs"]}, startup=1.0), log)) as servers,
        pytest.raises(RunError, match=r"within 1 s \(engine.vllm.startup\)"),
    ):
        servers.together(["base"])
    assert gone(lives()[0]["pid"], within=0)


def test_a_flag_that_it_does_not_know_is_the_users_mistake(fake, log):
    with (
        closing(VllmServers(fake(args=["--no-such-flag"]), log)) as servers,
        pytest.raises(UsageError, match="unrecognized arguments: --no-such-flag"),
    ):
        servers.together(["base"])


def test_a_port_stays_its_servers_over_a_restart(fake, log):
    """Two servers at once, and both with a port that stays theirs over a restart."""
    with (
        closing(VllmServers(fake({"answers": [5, None]}), log)) as servers,
        closing(VllmServers(fake(), log.with_name("2"))) as others,
    ):
        one, two = servers.together(["base"])[0], others.together(["base"])[0]
        assert one.base_urls != two.base_urls
        assert all(c.text for c in ask(one) + ask(two))


def test_base_and_adapters_share_one_server(fake, lives, log, tmp_path):
    base = tmp_path / "base"
    base.mkdir()
    small, large = (
        adapter(tmp_path / "a1", str(base)),
        adapter(tmp_path / "a2", str(base), 8, rank_pattern={"q_proj": 20}),
    )
    with closing(VllmServers(fake({"answers": [None, 50]}), log)) as servers:
        ask(servers.together([str(base)])[0])
        engines = servers.together([str(base), small, large])
        assert len(lives()) == 2
        assert [e.model for e in engines] == [str(base), small, large]
        for engine in engines:
            assert all(c.text for c in ask(engine))
        servers.together([str(base)])
        servers.together([small])
    first, second, third = lives()
    assert "--enable-lora" not in first["flags"]
    for life in (second, third):
        assert life["flags"][life["flags"].index("--max-lora-rank") + 1] == "32"


def test_with_lora_in_the_config_the_first_server_has_room_for_adapters(fake, lives, tmp_path, model):
    config = build_config({"model": str(model), "lora": {"r": 12}, "engine": fake().model_dump()}, "test")
    with ModelPool(config, tmp_path / "out") as pool:
        for weights in (str(model), adapter(tmp_path / "a", str(model), 12)):
            with pool.use(weights):
                pass
    (life,) = lives()
    assert life["flags"][life["flags"].index("--max-lora-rank") + 1] == "16"


def test_an_adapter_without_room_leaves_the_engines_in_use_valid(fake, lives, tmp_path, model):
    """Without `lora` in the config the base's server has no room for adapters when it starts."""
    config = build_config({"model": str(model), "engine": fake().model_dump()}, "test")
    with ModelPool(config, tmp_path / "out") as pool, pool.use(str(model)) as base:
        before = ask(base)
        with pool.use(adapter(tmp_path / "a", str(model))) as tuned:
            assert all(c.text for c in ask(tuned))
            assert ask(base) == before
            with pool.use(adapter(tmp_path / "b", str(model), 20)) as wide:
                assert all(c.text for c in ask(wide) + ask(tuned))
                assert ask(base) == before
        assert pool.loaded[str(model)] is base
    assert len(lives()) == 3
    assert [life["flags"].count("--enable-lora") for life in lives()] == [0, 1, 1]


def test_the_newest_version_of_a_policy_is_served_also_after_a_crash(fake, lives, tmp_path, model):
    config = build_config(
        {"model": str(model), "lora": {"r": 8}, "engine": fake({"answers": [7]}).model_dump()}, "test"
    )
    prompts = [TokenRequest([1, 2, i], 4, 1.0, i, [0]) for i in range(5)]
    with ModelPool(config, tmp_path / "out") as pool, pool.policy(str(model)) as policy:
        for version in ("policy-000000", "policy-000001", "policy-000002"):
            policy.push(Path(adapter(tmp_path / version, str(model))))
            assert [s.ids for s in policy.sample(prompts)] == [[1]] * 5
    assert len(lives()) == 2


def test_a_rollout_that_fails_is_one_line(fake, tmp_path, model):
    config = build_config({"model": str(model), "lora": {"r": 8}, "engine": fake().model_dump()}, "test")
    with ModelPool(config, tmp_path / "out") as pool, pool.policy(str(model)) as policy:
        policy.push(Path(adapter(tmp_path / "a", str(model))))
        policy.server.unload(str(tmp_path / "a"))
        with pytest.raises(RunError, match=r"failed to sample 3 of 3 rollouts \(most often: no such model") as failed:
            policy.sample([TokenRequest([1], 4, 1.0, i, [0]) for i in range(3)])
        assert "\n" not in str(failed.value)
        policy.server.load(str(tmp_path / "a"))


@pytest.mark.parametrize(
    "change",
    [
        {"prompt_token_ids": [9, 1, 2]},
        {"token_ids": []},
        {"token_ids": [3]},
        {"logprobs": None},
        {"logprobs": {"token_logprobs": [-0.5, None]}},
        {"logprobs": {"token_logprobs": [-0.5, float("nan")]}},
    ],
)
def test_tokens_that_do_not_answer_the_prompt_are_malformed(change):
    asked = TokenRequest([1, 2], 4, 1.0, 0, [0])
    whole = {"prompt_token_ids": [1, 2], "token_ids": [3, 4], "logprobs": {"token_logprobs": [-0.5, -1]}}
    assert read_tokens(json.dumps({"choices": [whole]}), asked) == SampledTokens([3, 4], [-0.5, -1.0])
    assert read_tokens(json.dumps({"choices": [whole | change]}), asked) == Failure(MALFORMED)


def test_an_adapter_that_it_refuses(fake, log, tmp_path):
    lost = adapter(tmp_path / "a", weights=False)
    with (
        closing(VllmServers(fake(), log)) as servers,
        pytest.raises(RunError, match=r"can't load the adapter .*: no such adapter"),
    ):
        servers.together([lost])


def test_no_server_outlives_us(fake, lives, log, tmp_path):
    """Even when nobody is left to stop it."""
    script = (
        "import sys, time; from pathlib import Path; from seif.config "
        "import EngineSettings; from seif.engines.vllm import VllmServers\n"
        "VllmServers(EngineSettings.model_validate_json(sys.argv[1]), "
        "Path(sys.argv[2])).together(['base']); print('up', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, fake().model_dump_json(), log], stdout=subprocess.PIPE, text=True
    ) as seif:
        assert seif.stdout.readline() == "up\n"
        (life,) = lives()
        assert alive(life["child"])
        os.kill(seif.pid, signal.SIGKILL)
    assert gone(life["pid"], life["child"])


def test_nor_does_one_whose_guard_was_killed(fake, lives, log):
    with closing(VllmServers(fake(), log)) as servers:
        servers.together(["base"])
        (life,) = lives()
        os.kill(int(Path(f"/proc/{life['pid']}/stat").read_text().rpartition(")")[2].split()[1]), signal.SIGKILL)
    assert gone(life["pid"], life["child"])


def test_a_scoring_that_stopped_resumes_and_asks_only_what_is_missing(
    fake, lives, tmp_path, model, capsys, monkeypatch
):
    rows, file, out = 60, tmp_path / "rows.jsonl", tmp_path / "judged.jsonl"
    file.write_text(
        "".join(
            json.dumps({"prompt": f"Why {i}?", "response": "So.", "constraint": ["Be kind."]}) + "\n"
            for i in range(rows)
        )
    )

    def judge(answers):
        settings = fake({"answers": answers}, {"concurrency": 4}, restarts=0)
        config = tmp_path / "config.yaml"
        config.write_text(
            json.dumps({"model": str(model), "judger": {"kind": "logprob"}, "engine": settings.model_dump()})
        )
        return call(capsys, monkeypatch, "judge", file, "--model", model, "--config", config, "--out", out, "--json")

    code, _, err = judge([30])
    assert code == 3
    assert "out of luck" in err
    assert err.count("\n") == 1
    kept = len((tmp_path / "judged.jsonl.verdicts.jsonl").read_text().splitlines())
    assert 20 < kept <= 30
    code, shown, err = judge([0, rows - kept])
    assert code == 0, err
    assert json.loads(shown)["verdicts"] == rows
    assert not json.loads(shown)["unjudged"]
    assert "out of luck" in (tmp_path / "judged.jsonl.vllm.log").read_text()


def test_an_interpreter_without_vllm_is_told_in_one_line(fake, tmp_path):
    for python, message in (
        (sys.executable, "has no vLLM: pip install vllm there, or set engine.vllm.python"),
        (str(tmp_path / "none"), "can't be run"),
    ):
        with pytest.raises(UsageError, match=message) as told:
            check_vllm(fake(python=python))
        assert "\n" not in str(told.value)
    check_vllm(fake())


def test_a_run_without_vllm_ends_before_it_begins(tmp_path, capsys, monkeypatch):
    run = ("run", "nano-vllm", "--run-dir", tmp_path / "run", "--set", f"engine.vllm.python={sys.executable}")
    code, _, err = call(capsys, monkeypatch, *run)
    assert code == 2
    assert "has no vLLM" in err
    assert not (tmp_path / "run" / "config.yaml").exists()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("lora.r=600", "vLLM serves adapters of rank up to 512, and not 600; lower lora.r"),
        ("lora.dropout=0.1", "set lora.dropout: 0"),
        ("lora=null", "without a `lora` section all weights are trained"),
        ("engine.kind=local", "asks the servers of engine.kind: vllm"),
    ],
)
def test_rollouts_that_no_server_can_sample_end_a_run_before_it_begins(tmp_path, capsys, monkeypatch, setting, message):
    run = ("run", "nano-vllm-lora", "--run-dir", tmp_path / "run", "--set", setting)
    code, _, err = call(capsys, monkeypatch, *run)
    assert code == 2
    assert message in err
    assert err.count("\n") == 1
    assert not (tmp_path / "run" / "config.yaml").exists()


def test_adapters_of_odd_ranks_find_room():
    assert [room_for(r) for r in (1, 8, 12, 64, 300)] == [8, 8, 16, 64, 320]
    with pytest.raises(UsageError, match="up to 512, and not 600"):
        room_for(600)


@pytest.mark.parametrize(
    ("vllm", "message"),
    [
        ({"args": ["--port=1"]}, "--port is set by seif itself"),
        ({"args": ["--api_key", "sk-secret"]}, "--api-key is set by seif itself"),
        ({"args": ["--logprobs-mode", "raw_logprobs"]}, "--logprobs-mode is set by seif itself"),
        ({"env": {"HF_TOKEN": "sk-secret"}}, "export HF_TOKEN in your own environment"),
        ({"startup": 0.0}, "engine.vllm.startup"),
        ({"restart": 1}, "did you mean 'engine.vllm.restarts'"),
    ],
)
def test_bad_settings_are_one_line_without_secrets(vllm, message):
    with pytest.raises(UsageError, match=message) as told:
        build_config({"model": "m", "engine": {"kind": "vllm", "vllm": vllm}}, "test")
    assert "secret" not in str(told.value)
    assert "\n" not in str(told.value)


def test_the_interpreter_lies_beside_the_config_and_stays_a_link(tmp_path):
    (tmp_path / "python").symlink_to(sys.executable)
    (tmp_path / "c.yaml").write_text("model: m\nengine: {kind: vllm, vllm: {python: python}}\n")
    assert load_config(tmp_path / "c.yaml").engine.vllm.python == str(tmp_path / "python")


@pytest.mark.parametrize(
    ("environment", "args", "visible", "replicas"),
    [
        ({}, (), "0,1,2,3", "4"),
        ({"SEIF_SERVE_DEVICES": "6,7"}, (), "6,7", "2"),
        ({"SEIF_SERVE_DEVICES": ""}, (), None, None),
        ({}, ("--tensor-parallel-size", "2"), "0,1,2,3", "2"),
        ({}, ("--tensor-parallel-size=4",), "0,1,2,3", None),
        ({}, ("--data-parallel-size", "3"), "0,1,2,3", "3"),
    ],
)
def test_a_server_has_a_replica_on_every_device_that_is_for_it(
    monkeypatch, tmp_path, environment, args, visible, replicas
):
    """In a training process those that are set apart, else all."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(vllm, "choose", lambda _: Precision("bfloat16", ""))
    server = VllmServer("base", 0, EngineSettings(kind="vllm", vllm=Vllm(args=args)), tmp_path / "log")
    command = " ".join(server.process.command).replace("=", " ")
    assert server.process.env.get("CUDA_VISIBLE_DEVICES") == visible
    if replicas is None:
        assert "--data-parallel-size" not in command
    else:
        assert command.count(f"--data-parallel-size {replicas}") == command.count("--data-parallel-size") == 1
