"""`make gpu` without a GPU: its arithmetic, its answers, and its program on tiny models."""

import json
import os
import subprocess
import sys
import time

import pytest
from benchmarks.gpu_bench import REAL, TINY, Bench, LeftOut, PhaseFailed
from benchmarks.gpu_phases import Resumption, colocated_vllm, matrix_parameters, served_vllm, summary
from benchmarks.gpu_report import Outcome, line, run
from benchmarks.gpu_steps import Step, append_step, read_steps

from benchmarks import wheels
from seif.config_file import build_config
from seif.footprint import Architecture, Device
from seif.planning.hardware import HARDWARE
from support import ROOT

H200 = Device("NVIDIA H200", 150_000_000_000, True, "bfloat16", "")
QWEN_1_5B = Architecture(1_543_714_304, 28, 1536, 8960, 256, 151_936, 28 * 46_592, 32_768)
QWEN_7B = Architecture(7_615_616_512, 28, 3584, 18_944, 512, 152_064, 28 * 96_256, 32_768, tied=False)
FIRST = Step(1, 60.0, 50.0, 1.0, 64, 24_000, 32_000, 40, 90, 100)
LATER = [Step(n, 10.0, 4.0, 1.0, 64, 24_000, 32_000, 50, 80, 95) for n in (2, 3)]


def bench(folder, device=H200, sizes=REAL, seconds=60.0):
    return Bench(folder, sizes, time.monotonic() + seconds, device, HARDWARE["h200"])


def test_rates_leave_the_first_step_out_and_peaks_do_not(tmp_path):
    settings = {"model": "m", "follower": {"grpo": {"micro_batch": 16}}}
    found = summary("qwen-1.5b", QWEN_1_5B, build_config(settings, ""), bench(tmp_path), [FIRST, *LATER])
    assert found.rollout_tokens_per_s == 32_000 / 4
    assert found.training_tokens_per_s == pytest.approx(56_000 / 6)
    assert 0.1 < found.rollout_tokens_per_s / found.planned_rollout_tokens_per_s < 10
    assert found.tokens_per_s == 56_000 / 10
    assert found.mfu == pytest.approx(6 * 1_543_714_304 * 56_000 / 5 / 989e12)
    assert (found.generate_peak, found.update_peak, found.device_used) == (50, 90, 100)
    assert found.trained == found.parameters == 1_543_714_304


def test_an_adapter_is_what_lora_trains(tmp_path):
    config = build_config({"model": "m", "lora": {"r": 16}}, "")
    found = summary("qwen-7b", QWEN_7B, config, bench(tmp_path), [FIRST, *LATER])
    assert found.trained == 16 * QWEN_7B.linear_widths
    multiplied = 7_615_616_512 - 152_064 * 3584
    assert matrix_parameters(QWEN_7B) == multiplied
    assert found.mfu == pytest.approx((4 * multiplied + 6 * found.trained) * 56_000 / 5 / 989e12)


def test_a_training_without_steps_has_no_figures(tmp_path):
    with pytest.raises(PhaseFailed, match="wrote no step"):
        summary("qwen-1.5b", QWEN_1_5B, build_config({"model": "m"}, ""), bench(tmp_path), [])


def test_the_batches_are_the_largest_that_fit(tmp_path):
    def fitted(memory, architecture, **changes):
        found = bench(tmp_path, Device("d", memory, True, "bfloat16", ""))
        config = found.config(tmp_path, 3, 512, **changes)
        fitting = found.fitting(config, architecture)
        return fitting.follower.grpo.micro_batch, fitting.engine.token_budget

    lora = {"lora": {"r": 16, "alpha": 32}, "grpo": {"dtype": "bfloat16"}}
    (tmp_path / "instructions.parquet").touch()
    assert fitted(150_000_000_000, QWEN_1_5B) == (16, 131_072)
    assert fitted(150_000_000_000, QWEN_7B, **lora) == (16, 131_072)
    assert fitted(45_000_000_000, QWEN_7B, **lora) < (16, 131_072)
    with pytest.raises(PhaseFailed, match=r"needs about \d+ GB"):
        fitted(80_000_000_000, QWEN_7B)


def test_steps_are_read_as_they_were_written(tmp_path):
    path = tmp_path / "steps.jsonl"
    assert read_steps(path) == []
    for step in (FIRST, *LATER):
        append_step(path, step)
    assert read_steps(path) == [FIRST, *LATER]
    assert LATER[0].update_seconds == 5.0


def test_a_phase_that_fails_is_reported_and_the_others_run(tmp_path, monkeypatch, capsys):
    def broken(_):
        raise PhaseFailed("out of\nmemory")

    def without_vllm(_):
        raise LeftOut("vLLM is not installed here")

    phases = {"broken": broken, "missing": without_vllm, "sound": lambda _: Resumption(2, 2, 4, True, 0.0)}
    monkeypatch.setattr("benchmarks.gpu_report.PHASES", phases)
    assert run(tmp_path / "gpu.json", bench(tmp_path), {"torch": "2.11"}, list(phases))
    report = json.loads((tmp_path / "gpu.json").read_text())
    assert {name: outcome["status"] for name, outcome in report["phases"].items()} == {
        "broken": "failed",
        "missing": "left out",
        "sound": "done",
    }
    assert report["peak_bf16_flops"] == 989e12
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "broken: failed: out of memory"
    assert printed[1] == "missing: left out: vLLM is not installed here"
    assert "resumed at step 2, the same weights" in printed[2]


@pytest.mark.slow
def test_commands_fail_in_one_line(tmp_path):
    with pytest.raises(PhaseFailed, match=r"^no such thing$"):
        bench(tmp_path).run([sys.executable, "-c", "import sys; sys.exit('first\\nno such thing')"])
    with pytest.raises(PhaseFailed, match=r"not done after .*--minutes"):
        bench(tmp_path, seconds=0.3).run([sys.executable, "-c", "import time; time.sleep(30)"])
    with pytest.raises(LeftOut, match="no time is left"):
        bench(tmp_path, seconds=-1.0).run([sys.executable, "-c", ""])


def test_vllm_is_left_out_where_it_can_not_run(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.gpu_phases.find_spec", lambda name: None)
    with pytest.raises(LeftOut, match="vLLM is not installed"):
        colocated_vllm(bench(tmp_path, sizes=TINY))
    with pytest.raises(LeftOut, match="--vllm-python names another"):
        served_vllm(bench(tmp_path, sizes=TINY))


def test_rates_without_a_gpu_have_no_memory():
    outcome = Outcome("done", 3.0, result=Resumption(2, 2, 4, False, 1.5e-7))
    assert line("kill_and_resume", outcome).endswith("weights differ by up to 1.5e-07 (3 s)")


def test_the_wheels_are_pinned_as_the_constraints():
    def pins(path):
        lines = [line for line in path.read_text().splitlines() if "==" in line and not line.startswith("#")]
        return dict(line.split("==") for line in lines)

    ours, everywhere = pins(wheels.LIST), pins(ROOT / "constraints.txt")
    shared = ours.keys() & everywhere.keys()
    assert {"trl", "datasets", "peft", "langdetect", "openai", "nltk", "pydantic"} <= shared
    assert {name: ours[name] for name in shared} == {name: everywhere[name] for name in shared}
    assert wheels.missing() == []


def program(*arguments, **environment):
    command = [sys.executable, "-m", "benchmarks.gpu", *map(str, arguments)]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )


@pytest.mark.slow
def test_without_a_gpu_it_says_so_and_exits_with_2():
    done = program(CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 2
    assert done.stderr.startswith("benchmarks.gpu: torch finds no GPU here; ")
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_tiny_models_go_through_a_phase(tmp_path):
    out = tmp_path / "gpu.json"
    done = program("--device", "cpu", "--tiny", "--phases", "lora", "vllm", "--out", out, "--work", tmp_path / "work")
    assert done.returncode == 0, done.stderr
    report = json.loads(out.read_text())
    assert report["tiny"]
    assert report["phases"]["vllm"]["status"] == "left out"
    found = report["phases"]["lora"]["result"]
    assert [step["step"] for step in found["steps"]] == [1, 2]
    assert found["rollout_tokens_per_s"] > 0
    assert found["training_tokens_per_s"] > found["tokens_per_s"] > 0
    assert found["trained"] < found["parameters"]
    assert (found["mfu"], found["update_peak"]) == (None, None)
    assert list((tmp_path / "work").iterdir()) == []
