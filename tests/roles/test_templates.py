from pathlib import Path

import pytest

from seif.config_file import load_config
from seif.errors import UsageError
from seif.judges.asking import question
from seif.roles import follower, templates
from seif.roles.templates import STYLES, VALUES, check_prompts, prompts_digest, render
from seif.types import Constraint, Instruction
from support import call

TASK = Instruction("Why is the sky blue?", (Constraint("Be brief."),))


@pytest.fixture(autouse=True)
def read_anew():
    templates._environment.cache_clear()


@pytest.fixture
def folder(tmp_path):
    """Writes prompt files; returns the folder as the config names it."""

    def write(**files):
        for name, text in files.items():
            (tmp_path / f"{name}.jinja").write_text(text, encoding="utf-8")
        return str(tmp_path)

    return write


def test_the_built_in_prompts_keep_to_the_rules_for_ones_own(tmp_path, root):
    for name in VALUES:
        (tmp_path / f"{name}.jinja").write_bytes((root / "src/seif/roles/prompts/full" / f"{name}.jinja").read_bytes())
    check_prompts(str(tmp_path))
    for name, values in VALUES.items():
        assert render(str(tmp_path), name, **values) == render("full", name, **values)
    assert all(prompts_digest(style) is None for style in STYLES)


def test_a_folder_replaces_the_files_that_it_has(folder):
    style = folder(follower="{{ instruction }} Go.")
    assert follower.messages(style, TASK, "plain")[0]["content"] == f"{TASK.prompt} Go."
    assert follower.messages(style, TASK, "think_answer") == follower.messages("full", TASK, "think_answer")


def test_the_example_is_used(root):
    style = load_config(Path("nano-tiny"), [f"prompts={root}/examples/prompts", "filter.model=false"]).prompts
    assert follower.messages(style, TASK, "plain")[0]["content"].endswith("write nothing but the answer.")
    shown = question(style, "judger_generative", TASK, "It is blue.", TASK.constraints[0])[0]["content"]
    assert shown.startswith("Request:\nWhy is the sky blue?")
    assert "It is blue." in shown
    assert "one constraint? Be brief." in shown


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"follower": "a\n{{ instruction"}, r"follower.jinja, line 2: unexpected end of template"),
        (
            {"follower": "{{ instruction }}\n\n{{ instructon }}"},
            r"follower.jinja, line 3: no value 'instructon'; did you mean 'instruction'\?",
        ),
        ({"follower": "Answer."}, r"follower.jinja: the prompt does not contain {{ instruction }}; add it"),
        (
            {"judger": "{{ response }}\n{{ constraint.name }}"},
            r"judger.jinja, line 2: UndefinedError: .*no attribute 'name'",
        ),
        ({"filter": "{{ constraints }}\n\n{{ 1 // 0 }}"}, r"filter.jinja, line 3: ZeroDivisionError"),
        ({"folower": "{{ instruction }}"}, r"folower.jinja is no role's prompt; did you mean follower.jinja\?"),
        ({}, r"has no \*.jinja files"),
    ],
)
def test_a_prompt_that_can_not_be_used_is_one_line_with_file_and_line(folder, files, message):
    with pytest.raises(UsageError, match=message) as refused:
        check_prompts(folder(**files))
    assert "\n" not in str(refused.value)


def test_it_is_refused_before_anything_runs(tmp_path, folder, capsys, monkeypatch, root):
    run = ("run", Path("nano-tiny"), "--run-dir", tmp_path / "run", "--set", "follower.format=plain", "--set")
    code, _, err = call(capsys, monkeypatch, *run, f"prompts={folder(follower='{% if %}')}")
    assert (code, "follower.jinja, line 1" in err, (tmp_path / "run" / "config.yaml").exists()) == (2, True, False)
    code, _, err = call(capsys, monkeypatch, *run, "prompts=compcat")
    assert (code, "no folder at compcat; give full, compact, or a folder" in err) == (2, True)


def test_the_digest_tells_other_prompts_apart(folder):
    style = folder(follower="{{ instruction }}")
    before = prompts_digest(style)
    assert before is not None
    folder(follower="{{ instruction }}!")
    assert prompts_digest(style) not in (before, None)
