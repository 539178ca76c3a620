import asyncio

import pytest

from seif.constraints.compiler import compile_text
from seif.engines.scripted import ScriptedEngine
from seif.errors import UsageError
from seif.evaluation import held_out
from seif.evaluation.held_out import (
    Sampling,
    accuracy,
    answer_tasks,
    describe_instructions,
    judger_agreement,
    load_tasks,
    repetition,
)
from seif.instructions import write_instructions
from seif.judges.base import Judgement
from seif.judges.rules import RulesJudge
from seif.types import Constraint, Instruction, Verdict

LOWER, COMMA = compile_text("Use only lowercase."), compile_text("Avoid commas.")
TASKS = [Instruction("Why?", (LOWER, COMMA)), Instruction("How?", (COMMA,)), Instruction("Who?", (LOWER,))]


def answers(*texts):
    replies = iter(texts)
    engine = ScriptedEngine(lambda request: next(replies))
    return asyncio.run(answer_tasks(engine, TASKS, Sampling("compact", "plain", 80, 0.0, 0)))


def test_accuracy_counts_constraints_and_whole_instructions():
    result = accuracy(answers("It is old.", "It is old.", " "))
    assert result.constraint_accuracy == pytest.approx(2 / 4)
    assert result.instruction_accuracy == {"1": 0.5, "2": 0.0}
    assert result.well_formed == pytest.approx(2 / 3)
    assert result.n == 3
    assert 0 < result.stderr < 0.5
    assert result.per_type == {"change_case:english_lowercase": 0.0, "punctuation:no_comma": 1.0}
    assert result.holds == ["01", "1", "0"]
    assert result.per_type_holds == {"change_case:english_lowercase": "00", "punctuation:no_comma": "11"}


def test_a_perfect_judger_agrees_and_a_yes_sayer_does_not():
    given = answers("It is old.", "It is old, new.", "it is old.")
    perfect = asyncio.run(judger_agreement(RulesJudge(), given))
    assert perfect.mean == perfect.verifier_mean == 0.5
    assert perfect.balanced_accuracy == 1.0

    class YesSayer:
        async def judge(self, instruction, response, constraint):
            return Judgement(Verdict.SATISFIED)

    blind = asyncio.run(judger_agreement(YesSayer(), given))
    assert (blind.mean, blind.verifier_mean, blind.balanced_accuracy) == (1.0, 0.5, 0.5)
    assert blind.per_type["punctuation:no_comma"].recall_violated == 0.0


def test_unjudged_pairs_are_left_out_and_counted():
    class Silent:
        async def judge(self, instruction, response, constraint):
            return Judgement(Verdict.UNJUDGED)

    result = asyncio.run(judger_agreement(Silent(), answers("a", "b", "c")))
    assert (result.mean, result.unjudged) == (None, 4)


def test_pool_numbers():
    pool = [
        Instruction("a", (LOWER, compile_text("Use only uppercase."))),
        Instruction("b", (COMMA, Constraint("Be kind."))),
    ]
    numbers = describe_instructions(pool)
    assert numbers.conflict_share == 0.5
    assert numbers.type_entropy == pytest.approx(2.0)
    assert numbers.top_type_share == 0.25
    assert describe_instructions([]).type_entropy == 0


def test_tasks_without_a_verifier_are_refused(tmp_path):
    write_instructions(tmp_path / "a.parquet", [TASKS[0], Instruction("Why?", (Constraint("Be kind."),))])
    with pytest.raises(UsageError, match="row 2"):
        load_tasks(tmp_path / "a.parquet")


def test_repetition():
    assert repetition("it is old and it was new") == 0
    assert repetition("it is old " * 10) > 0.8
    assert repetition("") == 0


def test_tables_tell_how_far_a_model_can_be_trusted():
    tables = held_out.tabulate([("a", True, True), ("a", False, False), ("a", False, True), ("b", True, False)])
    assert tables == {"a": [1, 0, 1, 1], "b": [0, 1, 0, 0]}
    assert held_out.add_up([tables, tables])["a"] == [2, 0, 2, 2]
    told = held_out.describe_tables(tables)
    assert told.precision_violated == 0.5
    assert told.recall_violated == 0.5
    assert told.per_type["a"].balanced_accuracy == 0.75
    assert told.per_type["b"].recall_violated is None
    assert held_out.describe_tables({}).n == 0
