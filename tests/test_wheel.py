"""The wheel holds everything that a run needs."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from seif.configs import shipped
from support import NANO, ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    pytest.importorskip("hatchling", reason="`make install` installs it")
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(out.glob("seif-*.whl"))


@pytest.fixture(scope="module")
def unpacked(wheel, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_the_wheel_holds_every_file_of_the_package(unpacked):
    def files(folder):
        found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
        return {path for path in found if not any(part.startswith((".", "__pycache__")) for part in path.parts)}

    assert files(unpacked / "seif") == files(ROOT / "src" / "seif")
    assert {"seif"} == {path.name for path in unpacked.iterdir() if not path.name.endswith(".dist-info")}


def test_the_embedded_model_is_in_it_unchanged(unpacked):
    for path in (NANO / "model" / "model.safetensors", NANO / "data" / "seeds.parquet"):
        assert (unpacked / path.relative_to(ROOT / "src")).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("name", ["nano", "nano-self-supervised"])
def test_a_shipped_config_is_planned_from_the_wheel_in_an_empty_folder(unpacked, tmp_path, name):
    environment = {**os.environ, "PYTHONPATH": str(unpacked), "NO_COLOR": "1"}
    plan = [sys.executable, "-m", "seif", "plan", name]
    result = subprocess.run(plan, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert str(unpacked / "seif" / "nano" / "model") in result.stdout.replace("\n", "")


def test_the_installed_command_lists_the_configs(unpacked, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(unpacked)}
    command = [sys.executable, "-m", "seif", "configs"]
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert [Path(line.split()[0]).name for line in result.stdout.splitlines()] == [path.stem for path in shipped()]
