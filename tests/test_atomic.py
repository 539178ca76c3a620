import pytest

from seif.atomic import JsonLines, new_directory, read_json, write_atomically, write_json


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"old": 1})

    def fail(partial):
        partial.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, fail)
    assert read_json(path) == {"old": 1}


def test_a_directory_appears_whole_or_not_at_all(tmp_path):
    out = tmp_path / "model"

    def fail():
        with new_directory(out) as folder:
            (folder / "half").write_text("x")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert not out.exists()
    with new_directory(out) as folder:
        assert not (folder / "half").exists()
        (folder / "whole").write_text("x")
    assert (out / "whole").exists()


def test_a_line_cut_off_by_a_kill_is_forgotten(tmp_path):
    lines = JsonLines(tmp_path / "a.jsonl")
    for step in (1, 2, 3):
        lines.append({"step": step})
    with lines.path.open("a") as file:
        file.write('{"step": 4, "rew')
    assert [r["step"] for r in lines.read()] == [1, 2, 3]
    lines.append({"step": 4})
    assert [r["step"] for r in lines.read()] == [1, 2, 3, 4]
    lines.keep(lambda r: r["step"] <= 2)
    lines.append({"step": 3})
    assert [r["step"] for r in lines.read()] == [1, 2, 3]
