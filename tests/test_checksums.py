import json
import os

import pytest

from seif.checksums import Checksums
from seif.errors import DamagedFile


@pytest.fixture
def model(tmp_path):
    (tmp_path / "turn_01" / "model").mkdir(parents=True)
    for name in ("weights", "config.json", "README.md"):
        (tmp_path / "turn_01" / "model" / name).write_text(f"{name}: 1")
    return tmp_path / "turn_01" / "model"


def test_what_is_as_it_was_noted_is_whole(tmp_path, model):
    checksums = Checksums(tmp_path / "checksums.json")
    assert checksums.damage([model]) is None
    checksums.note([model])
    assert sorted(checksums.of([model])) == ["turn_01/model/config.json", "turn_01/model/weights"]
    (model / "README.md").write_text("mine")
    (model / "more").write_text("mine")
    assert checksums.damage([model]) is None
    checksums.forget([model])
    assert checksums.of([model]) == {}


@pytest.mark.parametrize(
    ("content", "said"), [("weights: 2", "not as it was written"), ("", "has 0 bytes and not 10"), (None, "is gone")]
)
def test_a_changed_file_is_named_also_with_its_old_time(tmp_path, model, content, said):
    checksums = Checksums(tmp_path / "checksums.json")
    checksums.note([model])
    file = model / "weights"
    before = file.stat()
    file.unlink()
    if content is not None:
        file.write_text(content)
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    found = checksums.damage([model])
    assert found.startswith(str(file))
    assert said in found
    # Of a large file, the time is believed where the size is the same.
    assert bool(checksums.all_damage(small=1)) == (content != "weights: 2")


def test_a_folder_that_only_begins_with_the_name_is_another(tmp_path, model):
    other = model.with_name("model2")
    other.mkdir()
    (other / "weights").write_text("2")
    checksums = Checksums(tmp_path / "checksums.json")
    checksums.note([model, other])
    checksums.forget([model])
    assert sorted(checksums.of([model, other])) == ["turn_01/model2/weights"]


@pytest.mark.parametrize("content", ["{", "[]", json.dumps({"a": 1}), json.dumps({"a": {"sha256": ""}})])
def test_damaged_checksums_are_named(tmp_path, content):
    (tmp_path / "checksums.json").write_text(content)
    with pytest.raises(DamagedFile, match=r"checksums\.json( line 1)? is damaged"):
        Checksums(tmp_path / "checksums.json").check()
