"""The guide's examples are plugins that load."""

import re

import pytest

from seif.plugins import load_plugins, unload_plugin
from support import ROOT

GUIDE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", GUIDE, flags=re.DOTALL)


@pytest.mark.parametrize(
    "code", BLOCKS, ids=[re.findall(r"(?:def|add\(\"|class) ?(\w+)", block)[0] for block in BLOCKS]
)
def test_an_example_of_the_guide_registers_its_part(tmp_path, code):
    plugin = tmp_path / "example.py"
    plugin.write_text(code, encoding="utf-8")
    try:
        load_plugins([str(plugin)])
    finally:
        unload_plugin(str(plugin))


@pytest.mark.parametrize("code", BLOCKS)
def test_an_example_of_the_guide_is_the_text_of_an_example_file(code):
    assert any(code in path.read_text(encoding="utf-8") for path in (ROOT / "examples").glob("*.py"))


def test_every_example_file_of_the_guide_exists():
    named = re.findall(r"`(examples/[\w./]+)`", GUIDE)
    assert len(named) >= 9
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_guide_has_its_ten_tasks():
    headings = re.findall(r"^## (\d+)\.", GUIDE, flags=re.MULTILINE)
    assert headings == [str(number) for number in range(1, 11)]
    assert len(BLOCKS) >= 7
