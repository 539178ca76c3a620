"""`seif plan` with hours and memory, `seif bench`, and what `seif status` says of both."""

import json
import shutil
from pathlib import Path

import pytest

from seif.artifacts import RunDir
from seif.planning.hardware import hardware
from seif.planning.rates import read_rates


@pytest.fixture
def sizes(tmp_path, model):
    """A model directory with config.json alone."""
    folder = tmp_path / "sizes"
    folder.mkdir()
    shutil.copy(model / "config.json", folder)
    return folder


def test_plan_tells_hours_and_memory_from_config_json_alone(call, sizes):
    code, out, err = call("plan", "nano-tiny", "--set", f"model={sizes}", "--gpu", "h100", "--price-per-mtok", "1,2")
    assert (code, err) == (0, "")
    for words in (
        "memory of a device",
        "train Follower",
        "of 80.0 GB",
        "H100 80 GB, by its data sheet",
        "\ncost: 0.",
        "(in the currency of --price-per-mtok)\n",
        "by data sheet, so hours are right to a factor of three or so; measure with `seif bench`",
    ):
        assert words in out
    assert "computing in" not in out, "this machine's type says nothing about another"
    assert "won't fit" not in out


def test_plan_as_json_has_the_same_numbers(call, sizes):
    numbers = json.loads(call("plan", "nano-tiny", "--set", f"model={sizes}", "--gpu", "cpu", "--json")[1])
    estimate = numbers["estimate"]
    assert estimate["parameters"] == 2_078_912
    assert [stage["stage"] for stage in estimate["stages"]][-1] == "evaluate"
    assert all(stage["seconds"] > 0 for stage in estimate["stages"])
    assert estimate["devices"][0]["capacity"] == hardware("cpu").memory


def test_what_will_not_fit_is_said_and_is_in_the_json(call, sizes):
    arguments = ["plan", "nano-tiny", "--set", f"model={sizes}", "--gpu", "24gb"]
    small = ["--set", "engine.kind=vllm", "--set", "engine.vllm.args=[--gpu-memory-utilization, '0.1']"]
    code, out, _ = call(*arguments, *small)
    assert code == 0
    assert "won't fit: --gpu-memory-utilization 0.1 gives vLLM 2 GB of the device, and it needs 3 GB" in out
    assert "vLLM: its share of the device" in out
    assert json.loads(call(*arguments, *small, "--json")[1])["estimate"]["fits"] is False
    assert json.loads(call(*arguments, "--json")[1])["estimate"]["fits"] is True


@pytest.mark.parametrize(
    ("setting", "note"),
    [("devices.serve=1", "devices.serve: 1 serve nothing"), ("held_out=null", "held_out is not set")],
)
def test_what_has_no_effect_is_noted(call, sizes, setting, note):
    out = call("plan", "nano-tiny", "--set", f"model={sizes}", "--set", setting, "--gpu", "h100")[1]
    assert note in out
    assert "that serve" not in out


def test_without_config_json_the_plan_still_counts_steps_and_calls(call, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    code, _, err = call("plan", "nano-tiny", "--set", f"model={empty}")
    assert code == 2
    assert "is not a model directory: it has no config.json" in err
    code, out, err = call("plan", "nano-tiny", "--set", f"model={empty}", "--gpu", "cpu")
    assert code == 0
    assert "calls per step" in out
    assert "memory" not in out
    assert "has no config.json on this machine, so hours and memory are not known" in err
    assert len(err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--gpu", "h10"], "did you mean 'h100'"),
        (["--set", "devices=7"], "7 devices do not divide the 80 rows of an update of the Follower"),
        (["--price-per-mtok", "cheap"], "IN or IN,OUT"),
        (["--rates", "README.md"], "is not JSON"),
        (["--rates", "docs/evolution.json"], "holds no rates"),
        (["--rates", "nothing.json"], "No such file"),
        (
            ["--set", "engine.kind=vllm", "--set", "engine.vllm.args=[--gpu-memory-utilization, x]", "--gpu", "a100"],
            "x",
        ),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(call, options, message):
    code, _, err = call("plan", "nano-tiny", *options)
    assert code == 2
    assert message in err
    assert len(err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give --config CONFIG"),
        (["--model", "src/seif/nano/model", "--set", "turnz=1"], "did you mean"),
        (["--model", "nowhere/model"], "nowhere/model"),
        (["--config", "nano", "--out", "README.md"], "exists already"),
    ],
)
def test_bench_refuses_what_it_can_not_measure(call, arguments, message):
    code, _, err = call("bench", *arguments)
    assert (code, len(err.strip().splitlines())) == (2, 1)
    assert message in err


def test_status_puts_the_estimate_beside_what_was_taken(call, finished_run):
    code, out, err = call("status", finished_run, "--gpu", "cpu")
    assert (code, err) == (0, "")
    assert "estimate" in out
    assert "actual" in out
    assert "0:12" in out
    assert "1.5 GB" in out
    numbers = json.loads(call("status", finished_run, "--json")[1])
    assert numbers["stages"] == [{"turn": 0, "stage": "generate", "seconds": 12.0, "peak_bytes": 1_500_000_000}]
    assert numbers["estimate"]["stages"][0]["seconds"] > 0


def test_status_of_a_run_whose_seeds_are_gone_still_tells_what_it_took(call, finished_run):
    (finished_run.parent / "seeds.jsonl").unlink()
    code, out, err = call("status", finished_run)
    assert code == 0
    assert "0:12" in out
    assert "nothing is estimated" in err


@pytest.fixture
def finished_run(tmp_path):
    from seif.config_file import load_config
    from seif.manifest import Manifest

    seeds = tmp_path / "seeds.jsonl"
    seeds.write_text("".join(json.dumps({"prompt": f"question {i}"}) + "\n" for i in range(20)), encoding="utf-8")
    root = RunDir(tmp_path / "run")
    root.root.mkdir()
    root.open(load_config(Path("nano-tiny"), seeds=str(seeds)), Manifest())
    root.event("stage_finished", turn=0, stage="generate", seconds=12.0, peak_bytes=1_500_000_000)
    return root.root


@pytest.mark.slow
def test_what_bench_measures_is_what_plan_reads(call, tmp_path):
    out = tmp_path / "rates.json"
    code, said, _ = call("bench", "--config", "nano-tiny", "--out", out)
    assert code == 0
    assert "tokens/s" in said
    rates = read_rates(out)
    assert rates.parameters == 2_078_912
    assert 0 < rates.speed.read < rates.speed.trained
    assert rates.lengths.follower_reply < 64
    assert 3e8 < rates.process < 3e9
    code, said, _ = call("plan", "nano-tiny", "--rates", out)
    assert code == 0
    assert "measured" in said
