import pytest

from seif.errors import UsageError
from seif.training.checkpoints import claim, finish_killed


def job(run):
    return [str(run / "turn_01" / "follower"), ["Write about /tmp/x."], 3]


@pytest.mark.parametrize("name", ["renamed", 'späces and "quotes"'])
def test_the_directory_of_a_run_may_be_moved(tmp_path, name):
    before, after = tmp_path / "run", tmp_path / name
    claim(before / "turn_02" / "follower.checkpoints", job(before), "float32")
    before.rename(after)
    claim(after / "turn_02" / "follower.checkpoints", job(after), "float32")
    with pytest.raises(UsageError, match="holds work on another model"):
        claim(after / "turn_02" / "follower.checkpoints", job(tmp_path / "another"), "float32")


def test_the_directory_of_a_run_may_be_named_from_elsewhere(tmp_path, monkeypatch):
    run = tmp_path / "runs" / "x"
    claim(run / "turn_02" / "follower.checkpoints", job(run), "float32")
    monkeypatch.chdir(tmp_path)
    relative = (run / "turn_02" / "follower.checkpoints").relative_to(tmp_path)
    claim(relative, job(relative.parent.parent), "float32")


def test_the_output_of_a_training_may_be_named_from_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "model.checkpoints"
    claim(out, [str(tmp_path / "base")], "float32")
    claim(out.relative_to(tmp_path), [str(tmp_path / "base")], "float32")


def test_a_job_that_was_killed_at_its_very_end_only_has_its_work_removed(tmp_path):
    work, out = tmp_path / "model.checkpoints", tmp_path / "model"
    claim(work, ["a job"], "float32")
    assert not finish_killed(work, out)
    assert work.exists()
    out.mkdir()
    assert finish_killed(work, out)
    assert out.exists()
    assert not work.exists()
