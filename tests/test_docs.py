import re

import pytest
import yaml

from seif.cli.reference import command_reference
from seif.reference import config_reference, types_reference
from support import ROOT

DOCS = sorted(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md"))


def test_the_config_reference_is_current(root):
    assert (root / "docs" / "config.md").read_text(encoding="utf-8") == config_reference() + "\n", "run `make docs`"


def test_the_type_reference_is_current(root):
    assert (root / "docs" / "types.md").read_text(encoding="utf-8") == types_reference() + "\n", "run `make docs`"


def test_the_command_reference_is_current(root):
    assert (root / "docs" / "commands.md").read_text(encoding="utf-8") == command_reference() + "\n", "run `make docs`"


def test_the_site_has_every_page(root):
    """MkDocs warns of a page that is missing; this one is of a page that nobody finds."""

    def pages(nav):
        for entry in nav:
            for target in entry.values():
                yield from [target] if isinstance(target, str) else pages(target)

    settings = (root / "mkdocs.yml").read_text(encoding="utf-8")
    listed = list(pages(yaml.safe_load(settings)["nav"]))
    assert sorted(listed) == sorted(path.name for path in (root / "docs").glob("*.md"))


def test_every_path_in_the_file_map_exists(root):
    readme = (root / "README.md").read_text(encoding="utf-8")
    block = readme.split("## Files", 1)[1].split("```")[1]
    paths = re.findall(r"^(\S+)", block, flags=re.MULTILINE)
    assert len(paths) > 15
    missing = [p for p in paths if not (root / p).exists()]
    assert not missing


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", *DOCS])
def test_links_lead_somewhere(root, name):
    page = root / name
    for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]+))?\)", page.read_text(encoding="utf-8")):
        led_to = page.parent / target if target else page
        assert led_to.exists(), f"{name} links to {target}"
        if anchor and led_to.suffix == ".md":
            assert anchor in anchors(led_to), f"{name} links to {target}#{anchor}"


def anchors(page):
    """Of its headings, as MkDocs and GitHub make them."""
    heads = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}
