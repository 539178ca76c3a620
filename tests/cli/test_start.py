import shutil
from pathlib import Path

import pytest

import support
from seif.artifacts import RunDir
from seif.config_file import load_config
from seif.configs import find, shipped
from seif.results import read_run
from support import seif


def test_configs_lists_every_shipped_config_on_one_line(call):
    code, out, _ = call("configs")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == [path.stem for path in shipped()]


def test_configs_prints_a_config_as_it_is(call):
    assert call("configs", "nano")[:2] == (0, find(Path("nano")).read_text(encoding="utf-8"))


def test_configs_refuses_an_unknown_name(call):
    code, _, err = call("configs", "nanno")
    assert code == 2
    assert err == "error: no shipped config is called nanno; did you mean 'nano'? `seif configs` lists them\n"


@pytest.mark.parametrize("name", [path.stem for path in shipped()])
def test_a_printed_config_is_the_same_in_any_folder(call, tmp_path, name):
    mine = tmp_path / "mine.yaml"
    mine.write_text(call("configs", name)[1], encoding="utf-8")
    assert load_config(mine) == load_config(Path(name))


@pytest.mark.slow
def test_demo_runs_in_an_empty_folder(tmp_path):
    result = seif("demo", "--tiny", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert read_run(RunDir(tmp_path / "runs" / "demo-tiny")).state == "finished"


def seeds_file(folder):
    path = folder / "seeds.jsonl"
    path.write_text('{"prompt": "Describe a cheese."}\n{"prompt": "Tell me about the owl."}\n', encoding="utf-8")
    return path


def test_init_writes_a_config_that_plan_takes(call, tmp_path, model):
    out = tmp_path / "config.yaml"
    assert call("init", "--model", model, "--seeds", seeds_file(tmp_path), "--out", out)[0] == 0
    code, shown, _ = call("plan", out)
    assert code == 0
    assert "on 2 seeds" in shown


def test_init_names_the_config_after_the_model(capsys, monkeypatch, tmp_path, model):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(model, "my-model.v2")
    seeds_file(tmp_path)
    code, shown, _ = support.call(capsys, monkeypatch, "init", "--model", "my-model.v2", "--seeds", "seeds.jsonl")
    assert code == 0
    assert shown.endswith("seif run my-model.v2.yaml\n")
    assert load_config(tmp_path / "my-model.v2.yaml").model == str(tmp_path / "my-model.v2")


def test_init_does_not_overwrite(call, tmp_path, model):
    out = tmp_path / "config.yaml"
    out.write_text("mine", encoding="utf-8")
    code, _, err = call("init", "--model", model, "--seeds", seeds_file(tmp_path), "--out", out)
    assert (code, out.read_text(encoding="utf-8")) == (2, "mine")
    assert "exists already" in err


def test_init_for_a_model_that_is_elsewhere_says_how_to_get_it(call, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    code, _, err = call(
        "init", "--model", "nobody/nothing-here", "--seeds", seeds_file(tmp_path), "--out", tmp_path / "config.yaml"
    )
    assert code == 2
    assert err.strip().endswith("get it with: hf download nobody/nothing-here")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("broken", "message"), [("chat_template.jinja", "no chat template"), ("config.json", "not a model directory")]
)
def test_init_refuses_an_incomplete_model_in_one_line(call, tmp_path, model, broken, message):
    copy = tmp_path / "copy"
    shutil.copytree(model, copy)
    (copy / broken).unlink()
    code, _, err = call("init", "--model", copy, "--seeds", seeds_file(tmp_path), "--out", tmp_path / "config.yaml")
    assert code == 2
    assert message in err
    assert len(err.splitlines()) == 1


def test_init_refuses_an_adapter(call, tmp_path, adapter):
    code, _, err = call("init", "--model", adapter, "--seeds", seeds_file(tmp_path), "--out", tmp_path / "config.yaml")
    assert code == 2
    assert "is an adapter" in err


@pytest.mark.slow
def test_what_init_writes_runs(tmp_path, model):
    out, run_dir = tmp_path / "config.yaml", tmp_path / "run"
    assert seif("init", "--model", model, "--seeds", seeds_file(tmp_path), "--out", out).returncode == 0
    short = [part for setting in ("turns=1", "instructor.steps=1", "follower.steps=1") for part in ("--set", setting)]
    result = seif("run", out, "--run-dir", run_dir, *short)
    assert result.returncode == 0, result.stderr
    assert read_run(RunDir(run_dir)).state == "finished"
