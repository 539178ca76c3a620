import pytest

from seif.atomic import JsonLines, new_directory, read_json, set_aside, write_atomically, write_json
from seif.errors import DamagedFile


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


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000])
def test_damaged_json_is_named(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(DamagedFile, match=r"a\.json( line 1)? is damaged: .*; restore or remove it"):
        read_json(tmp_path / "a.json")


def test_a_directory_in_the_place_of_json_is_named(tmp_path):
    with pytest.raises(DamagedFile, match="Is a directory"):
        read_json(tmp_path)


def test_a_log_names_its_damaged_line(tmp_path):
    lines = JsonLines(tmp_path / "a.jsonl", lambda record: record["step"])
    lines.append({"step": 1}, {"other": 2}, {"step": 3})
    with pytest.raises(DamagedFile, match=r"a\.jsonl line 2 is damaged: it has no 'step'"):
        lines.read()
    assert [record["step"] for record in lines.whole()] == [1, 3]


def test_what_is_set_aside_never_takes_the_place_of_another(tmp_path):
    for number in (1, 2):
        (tmp_path / "a").write_text(str(number))
        assert set_aside(tmp_path / "a").name == f"a.damaged-{number}"


def test_files_of_a_new_directory_get_the_permissions_of_new_files(tmp_path):
    with new_directory(tmp_path / "model") as folder:
        (folder / "weights").write_text("x")
        (folder / "weights").chmod(0o600)
    (tmp_path / "plain").write_text("x")
    assert (tmp_path / "model" / "weights").stat().st_mode == (tmp_path / "plain").stat().st_mode
