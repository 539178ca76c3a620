from pathlib import Path

import pytest

from seif.configs import find, shipped
from seif.report.table import run_status
from seif.run_dir import RunDir
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
    assert err == "error: no shipped config is called nanno; `seif configs` lists them\n"


@pytest.mark.slow
def test_demo_runs_in_an_empty_folder(tmp_path):
    result = seif("demo", "--tiny", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert run_status(RunDir(tmp_path / "runs" / "demo-tiny"))["state"] == "finished"
