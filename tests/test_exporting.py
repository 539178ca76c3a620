from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import ClassVar

import huggingface_hub
import pytest
import yaml
from fake_run import audit, evaluation, make_run

import seif
from seif.artifacts import RunDir
from seif.atomic import write_json
from seif.engines import publishing
from seif.engines.base import Request
from seif.engines.local import LocalEngine
from support import ROOT

QUESTIONS = [
    Request([{"role": "user", "content": f"Write about the {thing}.\nAvoid commas."}], 32) for thing in ("river", "cat")
]


@pytest.fixture
def run(tmp_path: Path, model: Path, adapter: Path) -> RunDir:
    """A run of two turns: the first trained all weights, the second an adapter."""
    made = make_run(tmp_path / "night", model=str(model))
    shutil.copytree(model, made.follower(1))
    shutil.copytree(adapter, made.follower(2))
    return made


def front_matter(folder: Path) -> dict[str, object]:
    text = (folder / "README.md").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text.split("---\n")[1]))


def answers(model: Path) -> list[str]:
    return [completion.text for completion in LocalEngine.load(model, dtype="float32").answer(QUESTIONS)]


def test_a_merged_adapter_answers_as_the_checkpoint_does(run: RunDir, tmp_path: Path, model: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    found = seif.export(run.root, tmp_path / "out")
    assert (found.turn, found.adapter) == (2, False)
    assert answers(found.path) == answers(run.follower(2))
    assert (found.path / "model.safetensors").read_bytes() != (model / "model.safetensors").read_bytes()
    names = {file.name for file in found.path.iterdir()}
    assert {"config.json", "generation_config.json", "tokenizer.json", "chat_template.jinja"} <= names
    assert not names & {"adapter_config.json", "adapter_model.safetensors"}
    # As anybody else would use it.
    loaded, base = (AutoModelForCausalLM.from_pretrained(path, dtype="auto") for path in (found.path, model))
    assert loaded.dtype == base.dtype
    tokenizer = AutoTokenizer.from_pretrained(found.path)
    asked = tokenizer.apply_chat_template(
        QUESTIONS[0].messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    written = loaded.float().generate(**asked, max_new_tokens=32, do_sample=False)[0][asked["input_ids"].shape[1] :]
    assert tokenizer.decode(written, skip_special_tokens=True) == answers(run.follower(2))[0]


def test_an_adapter_alone_and_a_whole_model(run: RunDir, tmp_path: Path) -> None:
    alone = seif.export(run.root, tmp_path / "adapter", adapter=True)
    assert not (alone.path / "model.safetensors").exists()
    assert answers(alone.path) == answers(run.follower(2))
    assert front_matter(alone.path)["library_name"] == "peft"
    whole = seif.export(run.root, tmp_path / "whole", turn="1")
    assert (whole.path / "model.safetensors").read_bytes() == (run.follower(1) / "model.safetensors").read_bytes()
    with pytest.raises(seif.UsageError, match=r"turn 1 of .* trained all weights, so there is no adapter"):
        seif.export(run.root, tmp_path / "none", turn="1", adapter=True)


def test_the_best_turn_is_the_default_where_an_audit_knows_it(run: RunDir, tmp_path: Path) -> None:
    with pytest.raises(seif.UsageError, match="has no audit"):
        seif.export(run.root, tmp_path / "out", turn="best")
    for turn, accuracy in enumerate((0.1, 0.9, 0.5)):
        write_json(run.audit(turn), audit(turn, accuracy))
    assert seif.export(run.root, tmp_path / "out", adapter=False).turn == 1


def test_the_card_has_the_runs_numbers(run: RunDir, tmp_path: Path) -> None:
    folder = seif.export(run.root, tmp_path / "out").path
    matter, text = front_matter(folder), (folder / "README.md").read_text(encoding="utf-8")
    assert matter["library_name"] == "transformers"
    assert matter["license"] == "apache-2.0"
    assert "base_model" not in matter
    (index,) = matter["model-index"]
    first = index["results"][0]
    assert first["dataset"]["args"] == {"n": 600}
    assert first["metrics"][0]["value"] == 0.612
    for shown in (
        "| constraints, greedy | 40.0% ± 1.0 | 61.2% ± 1.0 | 600 |",
        "| constraints, sampled | 35.0% ± 1.0 | 56.2% ± 1.0 | 600 |",
        "weights: previous |",
        "| seif | 0.9.9 |",
        "abab",
        "held_out: held_out.parquet",
        "nano/model",
    ):
        assert shown in text, shown
    assert str(tmp_path) not in text
    assert str(ROOT) not in text


def test_the_base_is_named_by_its_hub_id(run: RunDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from seif.model_card import model_card

    monkeypatch.setattr(publishing, "card_of", lambda model: {"license": "other", "license_name": "qwen"})
    theirs = make_run(tmp_path / "hub", model="Qwen/Qwen2.5-0.5B-Instruct")
    matter = yaml.safe_load(model_card(theirs, 2, adapter=True).split("---\n")[1])
    assert (matter["base_model"], matter["base_model_relation"]) == ("Qwen/Qwen2.5-0.5B-Instruct", "adapter")
    assert (matter["license"], matter["license_name"]) == ("other", "qwen")


def test_names_and_settings_can_not_break_the_card_or_give_the_machine_away(tmp_path: Path) -> None:
    from seif.model_card import model_card

    odd = make_run(
        tmp_path / "a | b\n---\nlicense: mit `x` <img src=x>",
        model="org/model",
        seeds="/home/somebody/secret/seeds.parquet",
        engine={"kind": "openai", "base_urls": ["http://10.1.2.3:8000/v1"]},
        judger={"kind": "logprob"},
    )
    numbers = evaluation(2, 0.5)
    numbers["suites"] = {"my|suite\n# x": {"numbers": {"a|b": 0.5}, "n": 3}}
    write_json(odd.evaluation(2), numbers)
    text = model_card(odd, 2, adapter=False)
    front, body = text.split("---\n")[1], text.split("---\n", 2)[2]
    assert "license" not in yaml.safe_load(front)
    assert "\n# x" not in body
    assert "<img" not in re.sub(r"`[^`\n]*`", "", body).replace("\\<img", "")
    assert "10.1.2.3" not in text
    assert "/home/somebody" not in text
    assert "seeds.parquet" in text


def test_what_is_not_measured_is_not_claimed(tmp_path: Path) -> None:
    from seif.model_card import model_card

    text = model_card(make_run(tmp_path / "new", accuracies=(), model="org/model"), 1, adapter=False)
    assert "did not measure" in text
    assert "model-index" not in text


def test_mistakes_are_one_line_and_leave_nothing(run: RunDir, tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").touch()
    empty = make_run(tmp_path / "empty")
    for arguments, said in (
        ((run.root, full), "exists already and is not empty"),
        ((run.root, full / "mine.txt"), "exists already"),
        ((tmp_path / "nowhere", tmp_path / "out"), "is not a run directory"),
        ((empty.root, tmp_path / "out"), "has no trained Follower yet"),
        ((run.root, tmp_path / "out", "7"), "no Follower of turn 7; it has those of turns 1, 2"),
        ((run.root, tmp_path / "out", "0"), "no Follower of the base"),
        ((run.root, tmp_path / "out", "frist"), "--turn is best, last or a number"),
    ):
        with pytest.raises(seif.UsageError, match=said) as error:
            seif.export(*arguments)
        assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()
    assert [file.name for file in full.iterdir()] == ["mine.txt"]
    (tmp_path / "new").mkdir()
    assert seif.export(run.root, tmp_path / "new").path == tmp_path / "new"


def test_a_card_that_fails_leaves_no_folder(run: RunDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_off(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("seif.exporting.write_text", break_off)
    with pytest.raises(OSError, match="No space"):
        seif.export(run.root, tmp_path / "out")
    assert not (tmp_path / "out").exists()


class FakeHub:
    """Stands for HfApi: repositories by name, and what was pushed to them."""

    repositories: ClassVar[dict[str, bool]] = {}
    pushed: ClassVar[dict[str, set[str]]] = {}

    def model_info(self, name: str) -> object:
        from types import SimpleNamespace

        import httpx

        if name not in self.repositories:
            response = httpx.Response(404, request=httpx.Request("GET", "https://hub"))
            raise huggingface_hub.errors.RepositoryNotFoundError("no such repository", response=response)
        return SimpleNamespace(private=self.repositories[name])

    def create_repo(self, name: str, private: bool, exist_ok: bool) -> huggingface_hub.RepoUrl:
        assert exist_ok
        self.repositories.setdefault(name, private)
        return huggingface_hub.RepoUrl(f"https://huggingface.co/{name}")

    def upload_folder(self, repo_id: str, folder_path: Path, commit_message: str) -> None:
        self.pushed[repo_id] = {file.name for file in folder_path.iterdir()}


@pytest.fixture
def fake_hub(monkeypatch: pytest.MonkeyPatch) -> type[FakeHub]:
    monkeypatch.setattr(FakeHub, "repositories", {"me/public": False, "me/private": True})
    monkeypatch.setattr(FakeHub, "pushed", {})
    monkeypatch.setattr(huggingface_hub, "HfApi", FakeHub)
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: "hf_x")
    return FakeHub


def test_a_push_is_private_unless_asked_for(run: RunDir, tmp_path: Path, fake_hub: type[FakeHub]) -> None:
    found = seif.export(run.root, tmp_path / "a", push=seif.Push("me/new"))
    assert found.url == "https://huggingface.co/me/new"
    assert fake_hub.repositories["me/new"] is True
    assert {"README.md", "model.safetensors"} <= fake_hub.pushed["me/new"]
    with pytest.raises(seif.UsageError, match="me/public is public on the hub; add --public"):
        seif.export(run.root, tmp_path / "b", push=seif.Push("me/public"))
    assert not (tmp_path / "b").exists()
    seif.export(run.root, tmp_path / "c", turn="1", push=seif.Push("me/open", public=True))
    assert fake_hub.repositories["me/open"] is False


def test_a_push_needs_a_login(run: RunDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: None)
    with pytest.raises(seif.UsageError, match="hf auth login"):
        seif.export(run.root, tmp_path / "out", push=seif.Push("me/new"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("status", "kind"), [(403, seif.UsageError), (500, seif.RunError)])
def test_a_push_that_fails_keeps_the_folder(
    run: RunDir,
    tmp_path: Path,
    fake_hub: type[FakeHub],
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    kind: type[Exception],
) -> None:
    import httpx

    def refuse(self: FakeHub, **_: object) -> None:
        response = httpx.Response(status, request=httpx.Request("POST", "https://hub"))
        raise huggingface_hub.errors.HfHubHTTPError("the hub says\nno", response=response)

    monkeypatch.setattr(fake_hub, "upload_folder", refuse)
    with pytest.raises(kind, match=f"{tmp_path}/out is whole: hf upload me/new") as error:
        seif.export(run.root, tmp_path / "out", turn="1", push=seif.Push("me/new"))
    assert "\n" not in str(error.value)
    assert json.loads((tmp_path / "out" / "config.json").read_text())


@pytest.mark.vllm
def test_vllm_loads_the_folder(run: RunDir, tmp_path: Path) -> None:
    import asyncio

    from seif.config_file import load_config
    from seif.models import ModelPool

    folder = seif.export(run.root, tmp_path / "out").path
    config = load_config(Path("nano-vllm"), [f"engine.vllm.python={ROOT}/.venv-vllm/bin/python"])
    with ModelPool(config, tmp_path / "vllm") as pool, pool.use(str(folder)) as engine:

        async def ask() -> list[str]:
            return [(await engine.complete(question)).text for question in QUESTIONS]

        served = asyncio.run(ask())
    assert served == [completion.text for completion in LocalEngine.load(folder).answer(QUESTIONS)]
