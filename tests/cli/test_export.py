import shutil

from fake_run import make_run


def test_a_folder_is_written_once(call, tmp_path, model):
    run = make_run(tmp_path / "run", model=str(model))
    shutil.copytree(model, run.follower(2))
    code, out, err = call("export", run.root, "--out", tmp_path / "out")
    assert (code, err) == (0, "")
    assert f"turn 2, model: {tmp_path}/out" in out
    code, _, err = call("export", run.root, "--out", tmp_path / "out")
    assert code == 2
    assert err == f"error: {tmp_path}/out exists already and is not empty; remove it or choose another --out\n"
    assert call("export", run.root, "--out", tmp_path / "b", "--public")[0] == 2
