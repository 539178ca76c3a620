import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seif.constraints.compiler import compile_text
from seif.errors import UsageError
from seif.instructions import read_instructions, write_instructions
from seif.types import Constraint, Instruction

PLAIN = Instruction("Why?", (compile_text("Avoid commas."), compile_text("Use exactly 2 bullet points."), Constraint("Be kind.")))


def test_round_trip_and_composition(tmp_path):
    write_instructions(tmp_path / "a.parquet", [PLAIN, Instruction("How?", ())])
    assert read_instructions(tmp_path / "a.parquet") == [PLAIN, Instruction("How?", ())]
    assert PLAIN.prompt == "Why?\nAvoid commas.\nUse exactly 2 bullet points.\nBe kind."
    assert pq.read_schema(tmp_path / "a.parquet").names == ["seed_question", "constraint", "prompt", "kwargs", "instruction_id_list"]


def test_soft_labels_of_released_files_are_compiled_from_the_text(tmp_path):
    row = {
        "seed_question": "Why?",
        "constraint": ["Use exactly 4 bullet points.", "Be kind."],
        "prompt": "",
        "kwargs": [{"num_bullets": 3}] * 2,
        "instruction_id_list": ["soft"] * 2,
    }
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "a.parquet")
    countable, soft = read_instructions(tmp_path / "a.parquet")[0].constraints
    assert (countable.instruction_id, dict(countable.kwargs)) == ("detectable_format:number_bullet_lists", {"num_bullets": 4})
    assert not soft.checkable


@pytest.mark.parametrize(
    "row",
    [
        {"seed_question": "a"},
        {"constraint": ["a"]},
        {"seed_question": "a", "constraint": ["a"], "instruction_id_list": ["soft", "soft"], "kwargs": [{"num_bullets": 1}]},
    ],
)
def test_broken_rows_are_named(tmp_path, row):
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "a.parquet")
    with pytest.raises(UsageError, match="row 1"):
        read_instructions(tmp_path / "a.parquet")
