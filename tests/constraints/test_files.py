import json

import pytest

from seif.constraints.files import CompiledFile, VerifiedFile, constraint_sets
from seif.errors import UsageError
from seif.types import Constraint

ROW = {
    "prompt": "Say it twice.",
    "response": "it is, and it is.",
    "instruction_id_list": ["punctuation:no_comma", "length_constraints:number_words", "combination:repeat_prompt"],
    "kwargs": [None, {"num_words": 3.0, "relation": "at least"}, {}],
    "key": 7,
}


def written(tmp_path, *rows):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_verify_keeps_the_rows_and_adds_the_verdicts(tmp_path):
    file = VerifiedFile(written(tmp_path, ROW, {**ROW, "response": "Say it twice. Now it is said."}), loose=False)
    rows, found = list(file), file.found()
    assert [r["follow_instruction_list"] for r in rows] == [[False, True, False], [True, True, True]]
    assert [r["follow_all_instructions"] for r in rows] == [False, True]
    assert rows[0]["key"] == 7
    numbers = found.to_json()
    assert numbers["prompt_level_strict_acc"] == found.summary.prompt_level.accuracy == 0.5
    assert numbers["inst_level_strict_acc"] == found.summary.instruction_level.accuracy == pytest.approx(4 / 6)


def test_verify_names_the_row_it_cannot_check(tmp_path):
    with pytest.raises(UsageError, match=r"rows.jsonl row 2.*no verifier"):
        list(
            VerifiedFile(
                written(
                    tmp_path,
                    ROW,
                    {**ROW, "instruction_id_list": ["no:such", "punctuation:no_comma", "startend:quotation"]},
                ),
                loose=False,
            )
        )


def test_compile_gives_one_list_per_row(tmp_path):
    file = CompiledFile(written(tmp_path, {"constraint": ["Avoid commas.", "Be kind."]}, {"constraint": []}))
    rows, counts = list(file), file.counts()
    assert rows == [[Constraint("Avoid commas.", "punctuation:no_comma", {}), Constraint("Be kind.")], []]
    assert (counts.texts, counts.compiled, counts.rows_with_any, counts.rows_whole) == (2, 1, 1, 0)
    with pytest.raises(UsageError, match="row 1: needs `constraint`"):
        list(CompiledFile(written(tmp_path, {"prompt": "Why?"})))


def test_sets_come_from_ids_or_from_texts(tmp_path):
    path = written(
        tmp_path,
        {"constraint": ["Avoid commas.", "Be kind."]},
        {"prompt": "Why?", "constraint": [], "instruction_id_list": ["combination:repeat_prompt"], "kwargs": [{}]},
        {
            "constraint": ["Short."],
            "instruction_id_list": ["length_constraints:number_words"],
            "kwargs": [{"num_words": 9, "relation": "less than"}],
        },
    )
    ids = [[(c.text, c.instruction_id, dict(c.kwargs)) for c in found] for found in constraint_sets(path)]
    assert ids == [
        [("Avoid commas.", "punctuation:no_comma", {}), ("Be kind.", "soft", {})],
        [("combination:repeat_prompt", "combination:repeat_prompt", {"prompt_to_repeat": "Why?"})],
        [("Short.", "length_constraints:number_words", {"num_words": 9, "relation": "less than"})],
    ]
    with pytest.raises(UsageError, match="row 1: constraint, instruction_id_list and kwargs have 1, 2 and 1"):
        list(
            constraint_sets(
                written(tmp_path, {"constraint": ["a"], "instruction_id_list": ["soft", "soft"], "kwargs": [{}]})
            )
        )


def test_ids_that_are_no_list_are_refused(tmp_path):
    with pytest.raises(UsageError, match="row 1: instruction_id_list must be a list of ids"):
        list(constraint_sets(written(tmp_path, {"constraint": ["Avoid commas."], "instruction_id_list": "soft"})))
