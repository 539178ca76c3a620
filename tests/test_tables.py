import json
import tracemalloc

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seif.errors import UsageError
from seif.tables import ROW_GROUP, StoredTexts, count_rows, iter_rows, read_rows, write_parquet

ROWS = [{"prompt": f"Question {i}?", "list": [i, None], "struct": {"a": i}} for i in range(5)]


@pytest.fixture(params=["parquet", "jsonl", "json"])
def file(request, tmp_path):
    path = tmp_path / f"rows.{request.param}"
    if request.param == "parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    elif request.param == "jsonl":
        path.write_text("\r\n\n".join(map(json.dumps, ROWS)))
    else:
        path.write_text(json.dumps(ROWS))
    return path


def test_rows_are_the_same_in_every_format_and_are_counted(file):
    assert read_rows(file) == list(iter_rows(file)) == ROWS
    assert count_rows(file) == len(ROWS)


def test_rows_are_read_as_they_are_asked_for(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n{"a": 2}\n[3]\n')
    rows = iter_rows(path)
    assert [next(rows), next(rows)] == [{"a": 1}, {"a": 2}]
    with pytest.raises(UsageError, match="list of objects"):
        next(rows)


def test_a_line_that_is_no_text_is_named(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a": 1}\n{"a": "\xff"}\n')
    with pytest.raises(UsageError, match="line 2 is not UTF-8"):
        read_rows(path)


def test_one_row_group_of_a_million_rows_is_not_read_whole(tmp_path):
    path = tmp_path / "rows.parquet"
    text = pa.array([f"{i:0200d}" for i in range(200_000)])
    pq.write_table(pa.table({"prompt": text}), path, compression="none", use_dictionary=False)
    del text
    pool = pa.proxy_memory_pool(pa.default_memory_pool())
    tracemalloc.start()
    before = pool.bytes_allocated()
    most = 0
    for number, _ in enumerate(iter_rows(path)):
        if number % ROW_GROUP == 0:
            most = max(most, pa.default_memory_pool().bytes_allocated() - before)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 << 20
    assert most < 20 << 20


def test_texts_on_disk_are_a_sequence(tmp_path):
    texts = [f"text {i}" for i in range(2 * ROW_GROUP + 3)]
    StoredTexts.write(tmp_path / "texts.parquet", "prompt", iter(texts))
    stored = StoredTexts(tmp_path / "texts.parquet")
    assert (len(stored), list(stored)) == (len(texts), texts)
    assert (stored[0], stored[-1], stored[ROW_GROUP]) == (texts[0], texts[-1], texts[ROW_GROUP])
    assert stored[ROW_GROUP - 2 : ROW_GROUP + 2] == texts[ROW_GROUP - 2 : ROW_GROUP + 2]
    with pytest.raises(IndexError):
        stored[len(texts)]


def test_what_fits_a_row_group_is_written_as_pyarrow_writes_it(tmp_path):
    schema = pa.schema([("a", pa.int64()), ("b", pa.list_(pa.string()))])
    rows = [{"a": i, "b": [str(i)] * (i % 3)} for i in range(100)]
    write_parquet(tmp_path / "ours.parquet", rows, schema)
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), tmp_path / "theirs.parquet")
    assert (tmp_path / "ours.parquet").read_bytes() == (tmp_path / "theirs.parquet").read_bytes()
