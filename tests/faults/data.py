"""Seeds, instructions and tasks as users have them: every format, and what is wrong with files in the wild."""

from __future__ import annotations

import csv
import datetime
import decimal
import gzip
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from faults.campaign import Crashed, Fault, Lost, Silent, call, expect_line, expect_success
from seif.errors import UsageError
from seif.evaluation.files import read_sections
from seif.evaluation.held_out import load_tasks
from seif.instructions import read_instructions
from seif.seeds import load_seeds
from seif.tables import count_rows

PROMPTS = ["How old is the Rhine?", 'Warum, "ja"?\nUnd 三, wo?', "Say it; slowly.\tNow."]
LINES = ["How old is the Rhine?", "Warum, ja?", "三个问题"]
Write = Callable[[Path], Path]


def _file(name: str, content: str | bytes) -> Write:
    def write(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def _parquet(columns: Mapping[str, Any], **options: Any) -> Write:
    def write(folder: Path) -> Path:
        pq.write_table(pa.table(dict(columns)), folder / "rows.parquet", **options)
        return folder / "rows.parquet"

    return write


def _lines(rows: Sequence[object], end: str = "\n") -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + end for row in rows)


def _csv(rows: Sequence[Sequence[str]], **options: Any) -> str:
    text = io.StringIO()
    csv.writer(text, **options).writerows(rows)
    return text.getvalue()


def _chat(*turns: tuple[str, object]) -> list[dict[str, object]]:
    return [{"role": role, "content": content} for role, content in turns]


ROWS = [{"prompt": prompt, "n": n} for n, prompt in enumerate(PROMPTS)]
SHORT = [{"prompt": line} for line in LINES]
CHATS = [_chat(("system", "Be kind."), ("user", "Hi"), ("assistant", "Hello"), ("user", p)) for p in PROMPTS]
PARTS = [_chat(("user", [{"type": "text", "text": p[:5]}, {"type": "text", "text": p[5:]}])) for p in PROMPTS]
ODD = {
    "timestamps": pa.array([datetime.datetime(2024, 1, 1)] * 3, pa.timestamp("ns")),
    "far timestamps": pa.array([2**62] * 3, pa.timestamp("us")),
    "bytes": pa.array([b"\xff\x00"] * 3),
    "decimals": pa.array([decimal.Decimal("1.50")] * 3),
    "nulls": pa.nulls(3),
    "nested": pa.array([{"a": [{"b": None}]}] * 3),
    "maps": pa.array([[("a", 1)]] * 3, pa.map_(pa.string(), pa.int64())),
}
GOOD: dict[str, tuple[Write, list[str]]] = {
    **{f"parquet beside {kind}": (_parquet({"prompt": PROMPTS, "odd": odd}), PROMPTS) for kind, odd in ODD.items()},
    "parquet, large_string": (_parquet({"prompt": pa.array(PROMPTS, pa.large_string())}), PROMPTS),
    "parquet, a dictionary": (_parquet({"prompt": pa.array(PROMPTS).dictionary_encode()}), PROMPTS),
    "parquet, text as bytes": (_parquet({"prompt": [p.encode() for p in PROMPTS]}), PROMPTS),
    "parquet, a row group each": (_parquet({"prompt": PROMPTS}, row_group_size=1), PROMPTS),
    "parquet, zstd": (_parquet({"prompt": PROMPTS}, compression="zstd"), PROMPTS),
    "parquet, chats": (_parquet({"messages": CHATS}), PROMPTS),
    "JSONL": (_file("s.jsonl", _lines(ROWS)), PROMPTS),
    "JSONL in capitals": (_file("S.JSONL", _lines(ROWS)), PROMPTS),
    "NDJSON": (_file("s.ndjson", _lines(ROWS)), PROMPTS),
    "JSONL with a mark of UTF-8": (_file("s.jsonl", b"\xef\xbb\xbf" + _lines(ROWS).encode()), PROMPTS),
    "JSONL with Windows line ends": (_file("s.jsonl", _lines(ROWS, "\r\n")), PROMPTS),
    "JSONL with old Mac line ends": (_file("s.jsonl", _lines(ROWS, "\r")), PROMPTS),
    "JSONL with blank lines": (_file("s.jsonl", _lines(ROWS, "\n\n  \n")), PROMPTS),
    "JSONL without a last line end": (_file("s.jsonl", _lines(ROWS).rstrip()), PROMPTS),
    "JSONL of texts": (_file("s.jsonl", _lines(PROMPTS)), PROMPTS),
    "JSONL with line separators in texts": (_file("s.jsonl", _lines([{"prompt": "a\u2028b\x85c"}])), ["a\u2028b\x85c"]),
    "JSONL packed by gzip": (_file("s.jsonl.gz", gzip.compress(_lines(ROWS).encode())), PROMPTS),
    "JSONL of chats": (_file("s.jsonl", _lines([{"messages": c} for c in CHATS])), PROMPTS),
    "JSONL of chats as prompts": (_file("s.jsonl", _lines([{"prompt": c} for c in CHATS])), PROMPTS),
    "JSONL of chats in parts": (_file("s.jsonl", _lines([{"messages": c} for c in PARTS])), PROMPTS),
    "JSON list": (_file("s.json", json.dumps(ROWS)), PROMPTS),
    "JSON list of texts": (_file("s.json", json.dumps(PROMPTS)), PROMPTS),
    "JSON packed by gzip": (_file("s.json.gz", gzip.compress(json.dumps(ROWS).encode())), PROMPTS),
    "CSV": (_file("s.csv", _csv([["id", "prompt"], *([str(i), p] for i, p in enumerate(PROMPTS))])), PROMPTS),
    "CSV with a mark of UTF-8": (_file("s.csv", "\ufeff" + _csv([["prompt"], *([p] for p in PROMPTS)])), PROMPTS),
    "CSV with Unix line ends": (
        _file("s.csv", _csv([["prompt"], *([p] for p in PROMPTS)], lineterminator="\n")),
        PROMPTS,
    ),
    "CSV with old Mac line ends": (
        _file("s.csv", _csv([["prompt"], *([p] for p in LINES)], lineterminator="\r")),
        LINES,
    ),
    "TSV": (_file("s.tsv", _csv([["prompt", "n"], *([p, "1"] for p in PROMPTS)], delimiter="\t")), PROMPTS),
    "TXT": (_file("s.txt", "\n".join(LINES)), LINES),
    "TXT with Windows line ends and blanks": (_file("s.txt", "\r\n\r\n".join(LINES) + "\r\n"), LINES),
    **{
        f"a column named {name}": (_file("s.jsonl", _lines([{name: p, "n": 1} for p in PROMPTS])), PROMPTS)
        for name in ("instruction", "question", "query", "text")
    },
}
PARQUET = io.BytesIO()
pq.write_table(pa.table({"prompt": PROMPTS * 100}), PARQUET)
WHOLE = PARQUET.getvalue()
PACKED = gzip.compress(_lines(ROWS * 100).encode())


def _bad_prompt(value: object, *words: str) -> tuple[Write, tuple[str, ...]]:
    return _file("s.jsonl", _lines([SHORT[0], {"prompt": value}])), ("s.jsonl row 2", *words)


BAD: dict[str, tuple[Write, tuple[str, ...]]] = {
    "not there": (lambda folder: folder / "s.jsonl", ("no file at", "s.jsonl")),
    "a folder": (lambda folder: _file("s.jsonl", "")(folder).parent, ("is a folder", "e.g.", "s.jsonl")),
    "an empty folder": (lambda folder: folder, ("is a folder", "give one file")),
    "a pattern": (lambda folder: folder / "*.jsonl", ("no file at", "patterns")),
    "a name with a NUL": (lambda folder: folder / "a\0.jsonl", ("no file at",)),
    "a name of 5,000 letters": (lambda folder: folder / ("x" * 5000 + ".jsonl"), ("no file at",)),
    "another ending": (_file("s.xlsx", b"PK"), ("s.xlsx", "expected", ".parquet")),
    "no ending": (_file("seeds", "a\n"), ("expected", ".jsonl")),
    "parquet packed by gzip": (_file("s.parquet.gz", gzip.compress(WHOLE)), ("expected",)),
    **{f"empty, .{e}": (_file(f"s.{e}", ""), (f"s.{e}", "no seeds")) for e in ("jsonl", "json", "csv", "txt")},
    "empty, .parquet": (_file("s.parquet", ""), ("s.parquet", "can't be read")),
    "a header alone": (_file("s.csv", "prompt\n"), ("no seeds",)),
    "no rows": (_parquet({"prompt": pa.array([], pa.string())}), ("no seeds",)),
    "no columns": (_parquet({}), ("no seeds",)),
    "blank lines alone": (_file("s.txt", "\n \n\t\n"), ("no seeds",)),
    **{
        f"parquet cut to {share}%": (
            _file("s.parquet", WHOLE[: len(WHOLE) * share // 100]),
            ("s.parquet", "can't be read"),
        )
        for share in (10, 50, 99)
    },
    "JSONL named parquet": (_file("s.parquet", _lines(ROWS)), ("can't be read as parquet",)),
    "parquet named JSONL": (_file("s.jsonl", WHOLE), ("s.jsonl line 1",)),
    "JSONL named JSON": (_file("s.json", _lines(SHORT)), ("s.json", "line 2", "name a file", ".jsonl")),
    "JSON named JSONL": (_file("s.jsonl", json.dumps(SHORT, indent=1)), ("s.jsonl line 1",)),
    "an object": (_file("s.json", '{"prompt": ["a"]}'), ("list of objects",)),
    "a number": (_file("s.jsonl", "3\n"), ("line 1", "list of objects")),
    "a cut line": (_file("s.jsonl", _lines(SHORT)[:-5]), ("line 3", "not JSON")),
    "a key twice": (_file("s.jsonl", '{"prompt": "a", "prompt": "b"}\n'), ("line 1", "'prompt' twice")),
    "lists without end": (_file("s.jsonl", "[" * 100_000 + "\n"), ("line 1", "nested too deep")),
    "a number of 5,000 digits": (_file("s.jsonl", '{"prompt": ' + "9" * 5000 + "}\n"), ("line 1",)),
    "latin-1, .jsonl": (_file("s.jsonl", b'{"prompt": "a"}\n{"prompt": "\xfc"}\n'), ("line 2", "not UTF-8")),
    "latin-1, .csv": (_file("s.csv", b"prompt\na\n\xfc\n"), ("line 3", "not UTF-8")),
    "latin-1, .txt": (_file("s.txt", b"a\n\xfc\n"), ("line 2", "not UTF-8")),
    "latin-1, .json": (_file("s.json", b'["a",\n"\xfc"]'), ("line 2", "not UTF-8")),
    "UTF-16": (_file("s.txt", "Frage\n".encode("utf-16")), ("UTF-16", "save it as UTF-8")),
    "NULs after a crash": (_file("s.jsonl", _lines(SHORT).encode() + bytes(100)), ("line 4", "NUL")),
    "gzip cut in half": (_file("s.jsonl.gz", PACKED[: len(PACKED) // 2]), ("s.jsonl.gz", "can't be read")),
    "gzip with a wrong byte": (_file("s.jsonl.gz", PACKED[:60] + b"\xff" + PACKED[61:]), ("s.jsonl.gz",)),
    "no gzip": (_file("s.jsonl.gz", _lines(SHORT)), ("s.jsonl.gz", "can't be read")),
    "CSV with too few fields": (_file("s.csv", "prompt,n\na,1\nb\n"), ("line 3 has 1 fields", "header 2")),
    "CSV with a comma too many": (_file("s.csv", "prompt\nWhy, then?\n"), ("line 2 has 2 fields", "quote")),
    "CSV with an open quote": (_file("s.csv", 'prompt\n"a\n'), ("s.csv line 2",)),
    "CSV with a column twice": (_file("s.csv", "prompt,prompt\na,b\n"), ("names a column twice",)),
    "CSV by semicolons": (_file("s.csv", "prompt;n\na;1\n"), ("no `prompt` column", "prompt;n")),
    "two columns of one name": (
        lambda folder: _twice(folder / "s.parquet"),
        ("two columns 'prompt'",),
    ),
    "no known column": (_file("s.jsonl", _lines([{"titel": "a"}])), ("no `prompt` column, only titel", "seeds_column")),
    "two usual columns": (_file("s.jsonl", _lines([{"text": "a", "query": "b"}])), ("query, text", "seeds_column")),
    "an input beside the instruction": (
        _file("s.jsonl", _lines([{"instruction": "a", "input": "b"}])),
        ("`input`", "join"),
    ),
    "a row without the column": (_file("s.jsonl", _lines([SHORT[0], {"n": 1}])), ("row 2", "no `prompt`")),
    "a null": _bad_prompt(None, "`prompt` is empty"),
    "nulls alone": (_parquet({"prompt": pa.nulls(3)}), ("row 1", "`prompt` is empty")),
    "an empty prompt": _bad_prompt("", "`prompt` is empty"),
    "a blank prompt": _bad_prompt(" \u3000\n", "`prompt` is empty"),
    "a number for a prompt": _bad_prompt(5, "must be text, got 5"),
    "a list of texts for a prompt": _bad_prompt(["a"], "role user"),
    "an object for a prompt": _bad_prompt({"a": 1}, "must be text"),
    "a NUL in a prompt": _bad_prompt("a\0b", "NUL"),
    "half a surrogate pair": (_file("s.jsonl", '{"prompt": "\\ud800"}\n'), ("row 1", "surrogate")),
    "a prompt of two million letters": _bad_prompt("x" * 2_000_000, "2,000,000 characters"),
    "times for prompts": (_parquet({"prompt": ODD["timestamps"]}), ("row 1", "must be text")),
    "bytes that are no text": (_parquet({"prompt": [b"\xff\xfe"]}), ("row 1", "must be text")),
    "a chat without a user": _bad_prompt(_chat(("system", "x")), "role user"),
    "a chat with a picture": _bad_prompt(_chat(("user", [{"type": "image_url"}])), "'image_url'"),
    "a chat without content": _bad_prompt(_chat(("user", None)), "is empty"),
    "the same prompt twice": (_file("s.jsonl", _lines([*SHORT, SHORT[1]])), ("row 4 repeats the seed of row 2",)),
}


def _twice(path: Path) -> Path:
    pq.write_table(pa.table([pa.array(["a"]), pa.array(["b"])], names=["prompt", "prompt"]), path)
    return path


TASK = {
    "seed_question": "Why?",
    "constraint": ["Use no commas."],
    "prompt": "Why? Use no commas.",
    "instruction_id_list": ["punctuation:no_comma"],
    "kwargs": [{}],
}
TASKS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "no question": ({"seed_question": None, "prompt": None}, ("seed_question",)),
    "a text for a list": ({"constraint": "Use no commas."}, ("constraint",)),
    "a blank constraint": ({"constraint": [" "]}, ("constraint",)),
    "a number for a constraint": ({"constraint": [5]}, ("constraint",)),
    "a NUL in a constraint": ({"constraint": ["a\0"]}, ("NUL",)),
    "a NUL in a question": ({"seed_question": "a\0"}, ("NUL",)),
    "ids that are too few": ({"constraint": ["a", "b"], "kwargs": [{}, {}]}, ("must match",)),
    "ids that are too many": ({"instruction_id_list": ["a:b", "c:d"]}, ("must match",)),
    "an id that no rule checks": ({"instruction_id_list": ["a:b"]}, ("verifier",)),
    "a number for an id": ({"instruction_id_list": [5]}, ("instruction_id_list",)),
    "a text for kwargs": ({"kwargs": "{}"}, ("kwargs",)),
    "kwargs of another type": ({"kwargs": [{"num_words": 5}]}, ("num_words",)),
    "kwargs that are no objects": ({"kwargs": ["{}"]}, ("kwargs",)),
    "no constraints": ({"constraint": [], "instruction_id_list": [], "kwargs": []}, ("held-out constraint",)),
}


def _reads(write: Write, prompts: list[str]) -> Callable[[Path], None]:
    def attempt(folder: Path) -> None:
        path = write(folder)
        found = load_seeds(path)
        if found != prompts:
            raise Lost(f"read {found!r}, wanted {prompts!r}")
        if count_rows(path) != len(prompts):
            raise Lost(f"counted {count_rows(path)} rows, wanted {len(prompts)}")

    return attempt


def _refuses(read: Callable[[Path], object], write: Write, words: Sequence[str]) -> Callable[[Path], None]:
    def attempt(folder: Path) -> None:
        try:
            found = read(write(folder))
        except UsageError as error:
            said = str(error)
        else:
            raise Silent(f"read {str(found)[:200]}")
        if "\n" in said or len(said) > 6000:
            raise Crashed(said[:300])
        if missing := [word for word in words if word not in said]:
            raise Silent(f"no {missing} in: {said[:300]}")

    return attempt


def _command(write: Write, words: tuple[str, ...]) -> Callable[[Path], None]:
    return lambda folder: expect_line(call("plan", "nano-tiny", "--seeds", write(folder)), 2, *words)


def _verified(folder: Path) -> None:
    """Columns that JSON has no form for go through `seif verify`, as text."""
    rows = {key: [value] for key, value in TASK.items() if key != "kwargs"}
    odd = {name: values[:1] for name, values in ODD.items() if name != "far timestamps"}
    path = _parquet({**rows, **odd, "response": ["No."], "kwargs": [[{"a": None}]]})(folder)
    expect_success(call("verify", path, "--out", folder / "out.jsonl"))
    row = json.loads((folder / "out.jsonl").read_text())
    if row["decimals"] != "1.50" or "2024-01-01" not in row["timestamps"]:
        raise Lost(str(row)[:300])


def _says_which_column(folder: Path) -> None:
    path = _file("s.csv", _csv([["question", "n"], *([p, "1"] for p in PROMPTS)]))(folder)
    expect_success(call("plan", "nano-tiny", "--seeds", path), "are its column `question`")


def _takes_the_named_column(folder: Path) -> None:
    rows = [{"text": "no", "query": p} for p in PROMPTS]
    path = _file("s.jsonl", _lines(rows))(folder)
    expect_success(call("plan", "nano-tiny", "--seeds", path, "--set", "seeds_column=query"), "are its column `query`")
    expect_line(call("plan", "nano-tiny", "--seeds", path, "--set", "seeds_column=queri"), 2, "no `queri` column")


def faults() -> Iterator[Fault]:
    """Every fault of this part."""
    for kind, (write, prompts) in GOOD.items():
        yield Fault("seeds", kind, "every prompt is read", _reads(write, prompts))
    for kind, (write, words) in BAD.items():
        yield Fault("seeds", kind, f"one line says {', '.join(words)}", _refuses(load_seeds, write, words))
    for kind in ("not there", "latin-1, .csv", "a blank prompt", "the same prompt twice", "gzip cut in half"):
        write, words = BAD[kind]
        yield Fault("seif plan --seeds", kind, "exit code 2 and one line", _command(write, words))
    for kind, (change, words) in TASKS.items():
        write = _file("t.jsonl", _lines([TASK, {**TASK, **change}]))
        yield Fault("tasks", kind, "one line names the row", _refuses(load_tasks, write, ("t.jsonl row 2", *words)))
    for kind in ("not there", "a folder", "parquet cut to 50%", "no gzip", "UTF-16"):
        write, words = BAD[kind]
        yield Fault("instructions", kind, "one line names the file", _refuses(read_instructions, write, words))
    for kind, content in {
        "a list": "[]",
        "no JSON": "{",
        "a part that is none": '{"lm_eval": 5}',
        "NULs": "\0\0",
    }.items():
        read = _refuses(lambda path: read_sections(path, "m"), _file("out.json", content), ("out.json", "--out"))
        yield Fault("evaluate --out", kind, "one line names the file", read)
    folder = _refuses(lambda path: read_sections(path, "m"), lambda folder: folder, ("--out",))
    yield Fault("evaluate --out", "a folder", "one line names it", folder)
    yield Fault("verify", "times, decimals and bytes in other columns", "they come out as text", _verified)
    yield Fault("seeds", "another column name", "the column is named on stderr", _says_which_column)
    yield Fault("seeds", "two usual columns, one named", "seeds_column chooses", _takes_the_named_column)
