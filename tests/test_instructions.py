import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from benchmarks.random_sets import IDS, random_constraint

from seif.constraints import TYPES, ConstraintType, register
from seif.constraints.compiler import compile_text
from seif.errors import UsageError
from seif.instructions import read_instructions, write_instructions
from seif.types import Constraint, Instruction

PLAIN = Instruction(
    "Why?", (compile_text("Avoid commas."), compile_text("Use exactly 2 bullet points."), Constraint("Be kind."))
)


def test_round_trip_and_composition(tmp_path):
    write_instructions(tmp_path / "a.parquet", [PLAIN, Instruction("How?", ())])
    assert read_instructions(tmp_path / "a.parquet") == [PLAIN, Instruction("How?", ())]
    assert PLAIN.prompt == "Why?\nAvoid commas.\nUse exactly 2 bullet points.\nBe kind."
    assert pq.read_schema(tmp_path / "a.parquet").names == [
        "seed_question",
        "constraint",
        "prompt",
        "kwargs",
        "instruction_id_list",
    ]


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
    assert (countable.instruction_id, dict(countable.kwargs)) == (
        "detectable_format:number_bullet_lists",
        {"num_bullets": 4},
    )
    assert not soft.checkable


@pytest.mark.parametrize(
    "row",
    [
        {"seed_question": "a"},
        {"constraint": ["a"]},
        {
            "seed_question": "a",
            "constraint": ["a"],
            "instruction_id_list": ["soft", "soft"],
            "kwargs": [{"num_bullets": 1}],
        },
    ],
)
def test_broken_rows_are_named(tmp_path, row):
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "a.parquet")
    with pytest.raises(UsageError, match="row 1"):
        read_instructions(tmp_path / "a.parquet")


@pytest.mark.parametrize("instruction_id", IDS)
def test_every_built_in_type_keeps_its_kwargs(tmp_path, instruction_id):
    constraints = tuple(random_constraint(random.Random(seed), instruction_id) for seed in range(10))
    write_instructions(tmp_path / "a.parquet", [Instruction("Why?", constraints)])
    assert read_instructions(tmp_path / "a.parquet") == [Instruction("Why?", constraints)]


def kinds(response: str, count: int, share: float, strict: bool, name: str, names: list[str]) -> bool:
    return True


@pytest.fixture
def own():
    register(ConstraintType("own:kinds", "Own", "every kind of value", "Be of every kind.", kinds))
    yield
    TYPES.remove("own:kinds")


def own_type(**kwargs):
    return [Instruction("Why?", (Constraint("Be of every kind.", "own:kinds", kwargs), compile_text("Avoid commas.")))]


def test_a_users_type_keeps_its_kwargs_of_every_kind(tmp_path, own):
    instructions = own_type(count=2, share=0.5, strict=False, name="a", names=["b", "c"])
    write_instructions(tmp_path / "a.parquet", instructions)
    assert read_instructions(tmp_path / "a.parquet") == instructions
    released = pq.read_schema(tmp_path / "a.parquet").field("kwargs").type.value_type
    assert [field.name for field in released][:2] == ["num_sentences", "num_words"]
    assert [field.name for field in released][-5:] == ["count", "share", "strict", "name", "names"]


@pytest.mark.parametrize(
    ("constraint", "message"),
    [
        (Constraint("a", "own:kinds", {"cuont": 3}), "own:kinds has no kwarg 'cuont'; it takes count, share"),
        (
            Constraint("a", "punctuation:no_comma", {"count": 3}),
            "punctuation:no_comma has no kwarg 'count'; it takes none",
        ),
        (Constraint("a", "unknown:type", {"count": 3}), "unknown:type has no kwarg 'count'; load the plugin"),
        (Constraint("a", "own:kinds", {"count": "three"}), "own:kinds.*count"),
    ],
)
def test_kwargs_that_would_be_lost_are_refused(tmp_path, own, constraint, message):
    with pytest.raises(UsageError, match=message):
        write_instructions(tmp_path / "a.parquet", [Instruction("Why?", (constraint,))])
    assert not (tmp_path / "a.parquet").exists()


def test_one_name_for_two_kinds_of_value_is_refused(tmp_path):
    def worded(response: str, keyword: int) -> bool:
        return True

    register(ConstraintType("own:worded", "Own", "a number called keyword", "Be a number.", worded))
    try:
        with pytest.raises(UsageError, match="own:worded: its kwarg 'keyword' is int64, but string in another type"):
            write_instructions(
                tmp_path / "a.parquet", [Instruction("Why?", (Constraint("a", "own:worded", {"keyword": 1}),))]
            )
    finally:
        TYPES.remove("own:worded")


def test_an_id_of_another_project_keeps_the_released_fields(tmp_path):
    instructions = [Instruction("Why?", (Constraint("a", "other:type", {"num_words": 3}),))]
    write_instructions(tmp_path / "a.parquet", instructions)
    assert read_instructions(tmp_path / "a.parquet") == instructions
