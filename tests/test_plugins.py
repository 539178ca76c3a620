import ast
import subprocess
import sys

import pytest

from seif import plugins
from seif.constraints import TYPES
from seif.errors import UsageError
from seif.plugins import REGISTRIES, load_plugins, unload_plugin

PLUGIN = """
from seif.constraints import ConstraintType, register
{name} = register(ConstraintType("soft:{name}", "Content", "{definition}", "Mention a {name}.", cues="{name}"))
"""


def plugin(name, definition="of the sea"):
    return PLUGIN.format(name=name, definition=definition)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "my_types.py"
    path.write_text(plugin("tide"))
    yield path
    unload_plugin(str(path))


def test_a_file_is_loaded_once(file, monkeypatch):
    load_plugins([str(file)])
    tide = TYPES.get("soft:tide")
    monkeypatch.chdir(file.parent)
    load_plugins([file.name, f"./{file.name}"])
    assert TYPES.get("soft:tide") is tide


def test_a_changed_file_replaces_what_it_registered(file):
    load_plugins([str(file)])
    file.write_text(plugin("wave") + plugin("tide", "of the moon"))
    load_plugins([str(file)])
    assert TYPES.get("soft:tide").definition == "of the moon"
    file.write_text(plugin("wave"))
    load_plugins([str(file)])
    assert "soft:wave" in TYPES
    assert "soft:tide" not in TYPES


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n1 / 0", "line 4: ZeroDivisionError: division by zero"),
        ("import sys; sys.exit(0)", "line 3: SystemExit: 0"),
        ("raise ValueError('a\\nb')", "line 3: ValueError: a b"),
        ("def", "SyntaxError: "),
        (plugin("tide"), "there is a constraint type 'soft:tide' already; choose another name"),
    ],
)
def test_a_broken_file_is_told_in_one_line_and_adds_nothing(file, text, message):
    known = list(TYPES)
    file.write_text(plugin("tide").strip() + "\n" + text)
    for _ in range(2):
        with pytest.raises(UsageError) as error:
            load_plugins([str(file)])
        assert str(error.value).startswith(f"plugin {file}")
        assert message in str(error.value)
        assert "\n" not in str(error.value)
        assert list(TYPES) == known
    file.write_text(plugin("tide"))
    load_plugins([str(file)])
    assert "soft:tide" in TYPES


def test_what_is_not_there_is_told(tmp_path):
    with pytest.raises(UsageError, match=r"absent.py: No such file"):
        load_plugins([str(tmp_path / "absent.py")])
    with pytest.raises(UsageError, match=r"plugin no_such.module: .*No module named 'no_such'"):
        load_plugins(["no_such.module"])


def test_modules_and_installed_plugins(tmp_path, monkeypatch):
    class Entry:
        name, value = "tides", "tides_plugin"

        def load(self):
            return __import__("tides_plugin")

    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [Entry()] if group == "seif.plugins" else [])
    (tmp_path / "tides_plugin.py").write_text(plugin("tide"))
    (tmp_path / "waves").mkdir()
    (tmp_path / "waves" / "own.py").write_text(plugin("wave"))
    try:
        for _ in range(2):
            load_plugins(["waves.own"])
        assert "soft:tide" in TYPES
        assert "soft:wave" in TYPES
    finally:
        for name in ("soft:tide", "soft:wave"):
            TYPES.remove(name)


def test_a_file_may_define_dataclasses(file):
    file.write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass\nclass A:\n    a: int\n"
    )
    load_plugins([str(file)])


@pytest.mark.slow
def test_the_built_in_parts_are_never_a_plugins(file):
    script = (
        "import sys; from seif.plugins import load_plugins, unload_plugin; load_plugins(sys.argv[1:])\n"
        "unload_plugin(sys.argv[1]); from seif.constraints import TYPES; assert len(TYPES) == 108, len(TYPES)\n"
        "heavy = {'torch', 'transformers', 'openai'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", script, str(file)], check=True)


def test_every_registry_is_filled_before_a_plugin_runs(root):
    source = root / "src"
    for path in source.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        made = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "Registry"]
        module = ".".join(path.relative_to(source).with_suffix("").parts)
        assert not made or any(f"{module}.".startswith(f"{known}.") for known in REGISTRIES), module
