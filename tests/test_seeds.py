import json
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seif.errors import UsageError
from seif.seeds import Fingerprints, distinct, drawn, load_seeds


def jsonl(tmp_path, rows):
    path = tmp_path / "seeds.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    return path


def test_formats_agree(tmp_path):
    prompts = ["One?", "Zwei, 三?\nwith a line"]
    rows = [{"prompt": p} for p in prompts]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "seeds.parquet")
    (tmp_path / "seeds.json").write_text(json.dumps(rows))
    for path in (jsonl(tmp_path, rows), tmp_path / "seeds.parquet", tmp_path / "seeds.json"):
        assert load_seeds(path) == prompts


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "no seeds"),
        ([{"title": "a"}], "no `prompt` column, only title"),
        ([{"prompt": "a"}, {"prompt": " "}], "row 2"),
        ([{"prompt": "a"}, {"prompt": 3}], "row 2"),
        ([{"prompt": "a"}, {"prompt": "b"}, {"prompt": "a "}], "row 3 repeats the seed of row 1"),
    ],
)
def test_mistakes_name_the_row(tmp_path, rows, message):
    with pytest.raises(UsageError, match=message.replace("`", ".")):
        load_seeds(jsonl(tmp_path, rows))


def test_unreadable_files(tmp_path):
    with pytest.raises(UsageError, match="no file"):
        load_seeds(tmp_path / "none.parquet")
    for name, content in (("a.parquet", b"no"), ("a.json", b"{"), ("a.jsonl", b"\xff\xfe"), ("a.csv", b"prompt\n")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UsageError, match=name):
            load_seeds(tmp_path / name)
    (tmp_path / "b.jsonl").write_text('{"prompt": "a"}\n{oops\n')
    with pytest.raises(UsageError, match="line 2"):
        load_seeds(tmp_path / "b.jsonl")


def test_distinct_texts_keep_their_order():
    texts = ["b", "a", "b", "c", "a", "d"]
    assert list(distinct(lambda: iter(texts))) == ["b", "a", "c", "d"]
    assert list(distinct(lambda: iter([]))) == []


def test_fingerprints_know_their_texts():
    known = Fingerprints(["Why?", "How?", "\ud800"])
    assert "Why?" in known
    assert "\ud800" in known
    assert "Who?" not in known
    known.add("Who?")
    assert "Who?" in known
    assert list(Fingerprints(["x", "y", "x", "z"]).numbers()) == [0, 1, 0, 2]
    assert Fingerprints(["x", "y", "z", "y", "x"]).first_repeated() == (3, 1)
    assert Fingerprints(["x", "y"]).first_repeated() is None


def test_seeds_are_drawn_evenly_in_order_and_anew_for_every_place():
    counts = Counter(number for place in range(300) for number in drawn(20, 5, 0, place))
    assert set(counts) == set(range(20))
    assert all(45 < count < 110 for count in counts.values())
    once = list(drawn(20, 5, 0, 1))
    assert once == sorted(set(once)) == list(drawn(20, 5, 0, 1)) != list(drawn(20, 5, 0, 2))
    assert len(once) == 5
    assert list(drawn(3, None, 0)) == list(drawn(3, 9, 0)) == [0, 1, 2]


def test_the_first_seeds_can_be_in_every_draw():
    draws = [list(drawn(20, 5, 0, place, always=2)) for place in range(50)]
    assert all(draw[:2] == [0, 1] and len(draw) == 5 for draw in draws)
    assert {number for draw in draws for number in draw} == set(range(20))
    assert list(drawn(20, 5, 0, always=9)) == [0, 1, 2, 3, 4]
