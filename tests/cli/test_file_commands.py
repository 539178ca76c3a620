import json

import pyarrow.parquet as pq
import pytest

from seif.instructions import write_instructions
from seif.types import Constraint, Instruction
from support import seif

ROWS = [
    {
        "prompt": "Why?",
        "response": "It is so.",
        "instruction_id_list": ["punctuation:no_comma", "startend:quotation"],
        "kwargs": [{}, None],
    },
    {"prompt": "How?", "response": '"*Well*, so."\nBye', "instruction_id_list": ["startend:quotation"], "kwargs": [{}]},
]


@pytest.fixture
def responses(tmp_path):
    path = tmp_path / "responses.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


@pytest.mark.slow
def test_verify_prints_accuracies_and_writes_the_verdicts(tmp_path, responses):
    out = tmp_path / "out.jsonl"
    strict = json.loads(seif("verify", responses, "--json", "--out", out).stdout)
    assert (strict["prompt_level_strict_acc"], strict["inst_level_strict_acc"]) == (0.0, pytest.approx(1 / 3))
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["follow_instruction_list"] for line in lines] == [[True, False], [False]]
    assert [line["follow_all_instructions"] for line in lines] == [False, False]
    loose = json.loads(seif("verify", responses, "--loose", "--json").stdout)
    assert loose["inst_level_loose_acc"] == pytest.approx(2 / 3)
    assert "instruction-level accuracy, strict: 33.33%" in seif("verify", responses).stdout


@pytest.mark.slow
def test_a_row_that_cannot_be_checked_is_named(tmp_path):
    path = tmp_path / "bad.jsonl"
    path.write_text(json.dumps({**ROWS[0], "kwargs": [{}]}) + "\n")
    result = seif("verify", path)
    assert result.returncode == 2
    assert "row 1" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.slow
def test_compile_and_conflicts_on_the_released_schema(tmp_path):
    path, out = tmp_path / "instructions.parquet", tmp_path / "compiled.jsonl"
    clash = (Constraint("Use only lowercase."), Constraint("Use only uppercase."))
    write_instructions(
        path, [Instruction("Why?", clash), Instruction("How?", (Constraint("Avoid commas."), Constraint("Be kind.")))]
    )
    assert pq.read_table(path).num_rows == 2
    numbers = json.loads(seif("compile", path, "--out", out, "--json").stdout)
    assert (numbers["compiled"], numbers["texts"]) == (3, 4)
    assert [json.loads(line) for line in out.read_text().splitlines()][1] == [
        {"instruction_id": "punctuation:no_comma", "kwargs": {}},
        None,
    ]
    shown = seif("conflicts", path).stdout
    assert 'row 1: "Use only lowercase." and "Use only uppercase." exclude each other' in shown
    assert json.loads(seif("conflicts", path, "--json").stdout)["contradictory"] == 1
