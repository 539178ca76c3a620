import contextlib
import csv
import gzip
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seif.errors import UsageError
from seif.instructions import read_instructions
from seif.seeds import load_seeds
from seif.tables import column_names, count_rows, read_rows

FORMS = ("jsonl", "json", "csv", "tsv", "txt", "jsonl.gz", "csv.gz", "parquet")
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


def rows_of(folder, name, content):
    (folder / name).write_bytes(content)
    return read_rows(folder / name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("rows")


@settings(max_examples=150, deadline=None)
@given(rows=st.lists(st.tuples(TEXT, TEXT), max_size=5), end=st.sampled_from(["\n", "\r\n", "\r"]))
def test_any_table_survives_csv(folder, rows, end):
    text = io.StringIO()
    csv.writer(text, lineterminator=end, quoting=csv.QUOTE_ALL).writerows([("a", "b"), *rows])
    assert rows_of(folder, "t.csv", text.getvalue().encode()) == [{"a": a, "b": b} for a, b in rows]


@settings(max_examples=150, deadline=None)
@given(rows=st.lists(st.dictionaries(TEXT, st.one_of(TEXT, st.integers(), st.none()), max_size=3), max_size=5))
def test_any_rows_survive_json_lines_and_json(folder, rows):
    lines = "\r\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()
    assert rows_of(folder, "t.jsonl", lines) == rows
    assert rows_of(folder, "t.jsonl.gz", gzip.compress(lines)) == rows
    assert rows_of(folder, "t.json", json.dumps(rows).encode()) == rows


PIECES = (
    b"PAR1",
    b"\xef\xbb\xbf",
    b"\x1f\x8b\x08",
    b'{"prompt": "a"}\n',
    b'"',
    b",",
    b"\r",
    b"\n",
    b"\0",
    b"[",
    b"\xff\xfe",
)
BYTES = st.one_of(st.binary(max_size=60), st.lists(st.sampled_from(PIECES), max_size=8).map(b"".join))


@settings(max_examples=300, deadline=None)
@given(form=st.sampled_from(FORMS), content=BYTES)
def test_any_bytes_in_any_format_are_rows_or_one_line(folder, form, content):
    path = folder / f"any.{form}"
    path.write_bytes(content)
    for read in (read_rows, count_rows, column_names, load_seeds, read_instructions):
        said = ""
        try:
            read(path)
        except UsageError as error:
            said = str(error)
        assert "\n" not in said


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda below: st.one_of(
        st.lists(below, max_size=2), st.dictionaries(st.sampled_from(["role", "content", "a"]), below)
    ),
    max_leaves=6,
)
NAMES = ("prompt", "messages", "text", "seed_question", "constraint", "kwargs", "instruction_id_list")


@settings(max_examples=300, deadline=None)
@given(rows=st.lists(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=5), min_size=1, max_size=3))
def test_any_values_in_the_columns_that_are_read(folder, rows):
    path = folder / "values.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for read in (load_seeds, read_instructions):
        with contextlib.suppress(UsageError):
            read(path)


def test_lines_are_counted_as_an_editor_does(tmp_path):
    (tmp_path / "a.csv").write_bytes(b'prompt\r\n"one\r\ntwo"\r\n\r\n"three",x\r\n')
    with pytest.raises(UsageError, match="line 5 has 2 fields"):
        read_rows(tmp_path / "a.csv")
