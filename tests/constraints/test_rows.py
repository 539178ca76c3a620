import math
import time

import pytest

from seif.constraints.rows import Accuracy, Row, TypeAccuracy, follow, parse_row, summarise
from seif.errors import UsageError

COMMA, WORDS, REPEAT = "punctuation:no_comma", "length_constraints:number_words", "combination:repeat_prompt"
AT_LEAST_3 = {"num_words": 3, "relation": "at least"}


def record(**changes):
    return {
        "prompt": "Say something.",
        "response": "One two three.",
        "instruction_id_list": [COMMA],
        "kwargs": [{}],
    } | changes


def test_a_row_is_read_and_checked():
    row = parse_row(
        4,
        record(
            instruction_id_list=[COMMA, WORDS, COMMA],
            kwargs=[None, {**AT_LEAST_3, "num_words": 3.0, "keyword": None}, {}],
        ),
        "a.jsonl",
    )
    assert row == Row(4, "Say something.", "One two three.", (COMMA, WORDS, COMMA), ({}, AT_LEAST_3, {}))
    assert follow(row, loose=False) == [True, True, True]


def test_kwargs_may_be_missing_null_or_text():
    for kwargs in (None, "null", "[{}]", '[{"num_words": null}]'):
        assert parse_row(1, record(kwargs=kwargs), "a").kwargs == ({},)
    bare = record()
    del bare["kwargs"]
    assert parse_row(1, bare, "a").kwargs == ({},)


def test_a_prompt_to_repeat_that_is_not_given_is_the_rows_prompt():
    row = parse_row(1, record(instruction_id_list=[REPEAT], response="say something. Yes."), "a")
    assert row.kwargs == ({"prompt_to_repeat": "Say something."},)
    assert follow(row, loose=False) == [True]
    given = parse_row(1, record(instruction_id_list=[REPEAT], kwargs=[{"prompt_to_repeat": "Hello."}]), "a")
    assert follow(given, loose=False) == [False]


def test_a_response_is_not_asked_for_when_none_is_wanted():
    assert parse_row(1, {"prompt": "a", "instruction_id_list": [COMMA]}, "a", response=False).response == ""


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prompt": None}, "`prompt` must be text, got None"),
        ({"response": 3}, "`response` must be text, got 3"),
        ({"instruction_id_list": None}, "list of at least one instruction id"),
        ({"instruction_id_list": []}, "list of at least one instruction id"),
        ({"instruction_id_list": [3]}, "list of at least one instruction id"),
        ({"instruction_id_list": COMMA}, "list of at least one instruction id"),
        ({"instruction_id_list": ["no:such"]}, "no:such"),
        ({"instruction_id_list": [COMMA, COMMA]}, "has 2 and kwargs 1 items"),
        ({"kwargs": [{}, {}]}, "has 1 and kwargs 2 items"),
        ({"kwargs": {}}, "list of objects"),
        ({"kwargs": ["{}"]}, "list of objects"),
        ({"kwargs": [[]]}, "list of objects"),
        ({"kwargs": "[{"}, "not JSON"),
        ({"kwargs": [{"num_words": 3}]}, "num_words"),
        (
            {"instruction_id_list": [COMMA, WORDS], "kwargs": [{}, {**AT_LEAST_3, "num_words": 3.5}]},
            "instruction 2: .*whole number, got 3.5",
        ),
        ({"instruction_id_list": [WORDS], "kwargs": None}, "num_words"),
    ],
)
def test_mistakes_name_the_row(changes, message):
    with pytest.raises(UsageError, match=f"a.jsonl row 7.*{message}"):
        parse_row(7, record(**changes), "a.jsonl")


@pytest.mark.parametrize("column", ["prompt", "response", "instruction_id_list"])
def test_a_missing_column_is_named_with_those_there(column):
    with pytest.raises(UsageError, match=f"row 1 has no `{column}`, only .*kwargs"):
        parse_row(1, {k: v for k, v in record().items() if k != column}, "a")


@pytest.mark.parametrize("response", ["", " \n\t "])
def test_an_empty_response_follows_nothing(response):
    fewer = {"num_words": 3, "relation": "less than"}
    row = parse_row(1, record(response=response, instruction_id_list=[COMMA, WORDS], kwargs=[{}, fewer]), "a")
    assert follow(row, loose=False) == follow(row, loose=True) == [False, False]


def test_loose_forgives_an_opening_line():
    row = parse_row(1, record(response="Sure, here it is:\nOne two three."), "a")
    assert (follow(row, loose=False), follow(row, loose=True)) == ([False], [True])


def test_half_a_surrogate_pair_is_only_a_character():
    row = parse_row(
        1, record(response="One \ud83d two.", instruction_id_list=[COMMA, WORDS], kwargs=[{}, AT_LEAST_3]), "a"
    )
    assert follow(row, loose=False) == [True, False]


@pytest.mark.slow
def test_a_response_of_a_megabyte_is_checked_in_seconds():
    sentences = "length_constraints:number_sentences"
    kwargs = [{}, AT_LEAST_3, {"num_sentences": 1000, "relation": "at least"}]
    row = parse_row(
        1,
        record(response="It was old and dark. " * 50_000, instruction_id_list=[COMMA, WORDS, sentences], kwargs=kwargs),
        "a",
    )
    began = time.process_time()
    assert follow(row, loose=False) == [True, True, True]
    assert time.process_time() - began < 20


def test_a_summary_counts_prompts_and_instructions():
    rows = [
        Row(1, "a", "b", (COMMA, COMMA), ({}, {})),
        Row(2, "a", "b", (COMMA,), ({},)),
        Row(3, "a", "b", (REPEAT,), ({},)),
    ]
    result = summarise(rows, [[True, False], [True], [True]])
    assert result.prompt_level == Accuracy(pytest.approx(2 / 3), pytest.approx(math.sqrt(2 / 9 / 3)))
    assert result.instruction_level == Accuracy(0.75, pytest.approx(math.sqrt(0.5**2 + 2 * 0.25**2) / 4))
    assert result.per_type == {REPEAT: TypeAccuracy(1.0, 1), COMMA: TypeAccuracy(pytest.approx(2 / 3), 3)}
    assert (result.n_prompts, result.n_instructions) == (3, 4)


def test_nothing_can_not_be_summarised():
    with pytest.raises(UsageError, match="no rows"):
        summarise([], [])
