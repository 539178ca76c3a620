from seif.atomic import read_json
from seif.constraints.compiler import compile_text
from seif.instructions import read_instructions, write_instructions
from seif.stages import take
from seif.types import Instruction

COMMA, LOWER = compile_text("Avoid commas."), compile_text("Use only lowercase.")


def test_instructions_of_held_out_types_and_of_other_questions_are_left_out(tmp_path):
    file, out, stats = (tmp_path / name for name in ("own.parquet", "out.parquet", "stats.json"))
    rows = [Instruction("Why?", (LOWER,)), Instruction("How?", (LOWER, COMMA)), Instruction("Who?", (COMMA,))]
    write_instructions(file, rows)
    assert take(file, ["Why?", "How?"], out, stats, frozenset({"punctuation:no_comma"})) == 1
    assert [x.seed for x in read_instructions(out)] == ["Why?"]
    assert read_json(stats)["pool"]["instructions"] == 1
    out.unlink()
    assert take(file, ["Why?", "How?"], out, stats) == 0
    assert [x.seed for x in read_instructions(out)] == ["Why?", "How?"]
