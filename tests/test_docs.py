import re

import pytest

from seif.reference import config_reference, types_reference


def test_the_config_reference_is_current(root):
    assert (root / "docs" / "config.md").read_text(encoding="utf-8") == config_reference() + "\n", "run `make docs`"


def test_the_type_reference_is_current(root):
    assert (root / "docs" / "types.md").read_text(encoding="utf-8") == types_reference() + "\n", "run `make docs`"


def test_every_path_in_the_file_map_exists(root):
    readme = (root / "README.md").read_text(encoding="utf-8")
    block = readme.split("## Files", 1)[1].split("```")[1]
    paths = re.findall(r"^(\S+)", block, flags=re.MULTILINE)
    assert len(paths) > 15
    missing = [p for p in paths if not (root / p).exists()]
    assert not missing


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "docs/evolving.md",
        "docs/extending.md",
        "docs/faq.md",
        "docs/troubleshooting.md",
        "docs/fidelity.md",
        "docs/lora.md",
        "docs/self_supervised.md",
        "docs/chat.md",
        "docs/engines.md",
        "docs/scale.md",
        "docs/dependencies.md",
        "docs/results.md",
        "docs/constraints.md",
    ],
)
def test_links_lead_somewhere(root, name):
    page = root / name
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{name} links to {target}"
