"""The guide's examples are plugins that load."""

import re

import pytest

from seif.plugins import load_plugins, unload_plugin
from support import ROOT

BLOCKS = re.findall(
    r"```python\n(.*?)```", (ROOT / "docs" / "extending.md").read_text(encoding="utf-8"), flags=re.DOTALL
)


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


def test_the_guide_has_its_ten_tasks():
    headings = re.findall(
        r"^## (\d+)\.", (ROOT / "docs" / "extending.md").read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    assert headings == [str(number) for number in range(1, 11)]
    assert len(BLOCKS) >= 7
