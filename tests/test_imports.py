"""Imports go one way, and the heavy libraries stay in their rooms."""

import ast
import subprocess
import sys

import pytest

HEAVY = {"torch", "transformers", "trl", "peft", "accelerate", "datasets", "vllm", "tokenizers"}
LATE = HEAVY | {"openai"}
MAY_BE_HEAVY = ("analysis/embeddings", "distributed/", "engines/", "training/", "nano/", "self_supervised/")
LAYERS = (
    {
        "activity",
        "atomic",
        "configs",
        "errors",
        "listener",
        "outputs",
        "quantities",
        "redaction",
        "registry",
        "signals",
        "text_rows",
        "types",
        "user_code",
    },
    {
        "chat",
        "config",
        "config_file",
        "constraints",
        "engines",
        "footprint",
        "plugins",
        "progress",
        "rewards",
        "tables",
    },
    {"artifacts", "beside", "checksums", "manifest", "reference", "seeds", "stage_log", "starter"},
    {"instructions", "journal", "pipeline", "repair", "tracking"},
    {"archive", "judges", "roles"},
    {"allocation", "frontier", "outcomes", "replay", "scoring"},
    {"evaluation", "metrics", "training"},
    {"datasets", "edits", "extensions", "models", "nano", "questions", "self_supervised"},
    {"analysis", "comparison", "planning", "report", "results", "selection", "spending", "stages"},
    {"distributed", "exporting", "model_card"},
    {"lengths", "preflight"},
    {"bench", "conversation", "judging", "loop", "recipes", "suite_run"},
    {"api", "cli"},
)
"""Packages and modules of seif; what stands in one layer may import from its own and from those before it."""
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}


def modules(root):
    source = root / "src" / "seif"
    return [
        (str(path.relative_to(source)), ast.parse(path.read_text(encoding="utf-8"))) for path in source.rglob("*.py")
    ]


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names if node.module == "seif")


def test_only_engines_training_and_nano_know_the_heavy_libraries(root):
    for name, tree in modules(root):
        heavy = {module.split(".")[0] for module in imported(tree)} & HEAVY
        assert not heavy or name.startswith(MAY_BE_HEAVY), f"{name} imports {heavy}"


def test_only_engines_know_the_client_of_servers(root):
    for name, tree in modules(root):
        known = {module.split(".")[0] for module in imported(tree)} & {"openai", "httpx", "httpx2"}
        assert not known or name.startswith("engines/"), f"{name} imports {known}"


ALLOWED = {("judges/classifier.py", "self_supervised")}
"""A judge may stand on what its one file alone imports, and only when it is made."""


def test_imports_go_one_way(root):
    for name, tree in modules(root):
        room = name.split("/")[0].removesuffix(".py")
        if room in ("__init__", "__main__"):
            continue
        for module in imported(tree):
            parts = module.split(".")
            if (
                parts[0] == "seif"
                and len(parts) > 1
                and parts[1] in RANK
                and parts[1] != room
                and (name, parts[1]) not in ALLOWED
            ):
                assert RANK[parts[1]] <= RANK[room], f"{name} imports {module}"


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    ["import seif", "import seif; seif.load_config, seif.run, seif.Config", "import seif.cli", "import seif.loop"],
)
def test_light_imports(command):
    script = f"{command}; import sys; heavy = {LATE!r} & set(sys.modules); assert not heavy, heavy"
    subprocess.run([sys.executable, "-c", script], check=True)
