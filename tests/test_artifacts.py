import json
import subprocess
import sys

import pytest

from seif.artifacts import EarlyStop, RunDir
from seif.config import Stop
from seif.config_file import build_config
from seif.errors import UsageError
from seif.manifest import FORMAT, Manifest

CONFIG = build_config({"model": "x"}, "test")


def test_rewind_forgets_later_steps_stages_and_turns(tmp_path):
    run = RunDir(tmp_path)
    for turn in (1, 2):
        for stage in ("train_instructor", "train_follower"):
            for step in (1, 2):
                run.metrics.append({"turn": turn, "stage": stage, "step": step})
    run.rewind(1, "train_follower", 1)
    assert [(r["turn"], r["stage"], r["step"]) for r in run.metrics.read()] == [
        (1, "train_instructor", 1),
        (1, "train_instructor", 2),
        (1, "train_follower", 1),
    ]


def test_another_config_is_refused_naming_the_keys(tmp_path):
    run = RunDir(tmp_path / "run")
    run.open(CONFIG, Manifest({"seeds": "a"}))
    run.open(CONFIG, Manifest({"seeds": "a"}))
    with pytest.raises(UsageError, match=r"these keys differ: seed\. Use a new --run-dir"):
        run.open(build_config({"model": "x", "seed": 9}, "test"), Manifest({"seeds": "a"}))
    with pytest.raises(UsageError, match="seeds file changed"):
        run.open(CONFIG, Manifest({"seeds": "b"}))


def test_a_run_may_move_to_another_server(tmp_path):
    """What can't change a result may differ, and only that."""

    def config(**engine):
        return build_config(
            {"model": "x", "engine": {"kind": "openai", "base_urls": ["http://one/v1"], **engine}}, "test"
        )

    run = RunDir(tmp_path / "run")
    run.open(config(), Manifest())
    moved = {
        "base_urls": ["http://two/v1", "http://three/v1"],
        "api_key_env": "OTHER_KEY",
        "concurrency": 7,
        "requests_per_minute": 60.0,
        "timeout": 9.0,
        "retries": 1,
        "vllm": {"python": "p", "args": ["--a"], "env": {"A": "1", "B": "2"}, "startup": 1.0, "restarts": 0},
    }
    run.open(config(**moved), Manifest())
    assert run.config() == config(**moved)
    for key, value in {"served_model": "other", "dtype": "float32", "cache": False, "token_budget": 1024}.items():
        with pytest.raises(UsageError, match=f"these keys differ: engine.{key}. Use"):
            run.open(config(**moved, **{key: value}), Manifest())
    run.open(config(), Manifest())


def test_a_reward_model_may_be_served_elsewhere_but_not_appear_or_vanish(tmp_path):
    def config(url):
        classifier = {"judger": {"kind": "hybrid", "model": "classifier"}} if url else {}
        return build_config({"model": "x", "self_supervised": {"reward_model": {"url": url}}, **classifier}, "test")

    served, local = RunDir(tmp_path / "served"), RunDir(tmp_path / "local")
    served.open(config("http://one:8001"), Manifest())
    served.open(config("http://two:8001"), Manifest())
    assert served.config() == config("http://two:8001")
    local.open(config(None), Manifest())
    for run, url in ((served, None), (local, "http://one:8001")):
        with pytest.raises(UsageError, match=r"reward_model\.url"):
            run.open(config(url), Manifest())


@pytest.mark.slow
def test_a_second_process_is_refused(tmp_path):
    run = RunDir(tmp_path / "run")
    script = (
        "import sys; from pathlib import Path; from seif.artifacts import RunDir; from seif.errors import UsageError\n"
        f"try:\n with RunDir(Path({str(run.root)!r})).locked(): "
        "pass\nexcept UsageError as e: print(e); sys.exit(e.exit_code)"
    )
    with run.locked():
        second = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert second.returncode == 2
    assert "another seif run" in second.stdout
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_not_a_run(tmp_path):
    with pytest.raises(UsageError, match="not a run directory"):
        RunDir(tmp_path).config()


def test_a_run_of_another_format_is_read_and_not_continued(tmp_path):
    run = RunDir(tmp_path)
    run.open(CONFIG, Manifest())
    kept = json.loads((tmp_path / "manifest.json").read_text())
    assert kept.pop("format") == FORMAT
    (tmp_path / "manifest.json").write_text(json.dumps(kept))
    with pytest.raises(UsageError, match=r"written by another version of seif .* Use a new --run-dir"):
        run.open(CONFIG, Manifest())
    assert run.state() == "new"
    assert run.config() == CONFIG


def test_a_run_that_stopped_early_is_finished_until_it_goes_on(tmp_path):
    run = RunDir(tmp_path)
    run.open(CONFIG, Manifest())
    assert (run.state(), run.stopped_early()) == ("new", None)
    run.stop_early(EarlyStop(1, "why"))
    assert (run.state(), run.stopped_early()) == ("finished", EarlyStop(1, "why"))
    run.stop_early(None)
    assert (run.state(), run.stopped_early()) == ("new", None)


def test_a_resumed_run_may_change_when_it_stops(tmp_path):
    run = RunDir(tmp_path)
    run.open(CONFIG, Manifest())
    changed = CONFIG.model_copy(update={"stop": Stop(enabled=False, gap=0.1, patience=3, fall=False, collapse=0.0)})
    run.open(changed, Manifest())
    assert run.config().stop == changed.stop


def test_best_is_a_link_that_moves_with_the_run(tmp_path):
    run = RunDir(tmp_path / "run")
    for turn in (1, 2):
        run.follower(turn).mkdir(parents=True)
        run.choose_best({"turn": turn}, run.follower(turn))
    assert json.loads(run.best_numbers.read_text()) == {"turn": 2}
    assert str(run.best.readlink()) == "turn_02/follower"
    run.choose_best({"turn": 0}, tmp_path)
    assert run.best.readlink() == tmp_path
    run.choose_best({"turn": 0}, None)
    assert not run.best.is_symlink()
