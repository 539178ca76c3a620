from __future__ import annotations

import json
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from seif.atomic import read_json
from seif.constraints.compiler import compile_text
from seif.engines.base import Completion
from seif.engines.scripted import ScriptedEngine
from seif.errors import RunError, UsageError
from seif.self_supervised import pseudo_labels
from seif.self_supervised.pseudo_labels import Asking, pseudo_label, read_pairs
from seif.types import Constraint, Instruction

COMMA, KIND, TITLE = compile_text("Avoid commas."), Constraint("Be kind."), compile_text("Add a title in <<>>.")
TASKS = [Instruction("Why?", (COMMA, KIND, TITLE)), Instruction("How?", (KIND, COMMA)), Instruction("When?", (COMMA,))]
ASKING = Asking("base", "compact", "plain", 32, 1.0, 1, 7)


def soft(constraint):
    return not constraint.checkable


def script(request):
    """What is asked, as the answer; so every level answers otherwise."""
    return request.messages[0]["content"].replace("\n", " ")


def label(folder, engine, tasks=TASKS, asking=ASKING, judged=soft, chunks=None, contrast=False):
    out, counts = folder / "labels.parquet", folder / "labels.json"
    pseudo_label(
        tasks,
        judged,
        engine,
        replace(asking, contrasts=contrast),
        out,
        counts,
        lambda done, total: chunks is None or chunks.append((done, total)),
    )
    return read_pairs(out), read_json(counts)


def test_an_answer_with_the_constraint_is_positive_and_the_one_before_negative(tmp_path):
    engine = ScriptedEngine(script)
    pairs, counts = label(tmp_path, engine)
    assert [(p.seed_question, p.constraint, p.label, p.response) for p in pairs] == [
        ("Why?", "Be kind.", 1, "Why? Avoid commas. Be kind."),
        ("Why?", "Be kind.", 0, "Why? Avoid commas."),
        ("How?", "Be kind.", 1, "How? Be kind."),
        ("How?", "Be kind.", 0, "How?"),
    ]
    first, second = pairs[:2]
    assert (first.index, first.level, first.answer_level, second.answer_level, first.model, first.temperature) == (
        0,
        2,
        2,
        1,
        "base",
        1.0,
    )
    assert first.seed in {r.seed for r in engine.requests}
    assert first.constraints == ("Avoid commas.", "Be kind.", "Add a title in <<>>.")
    assert len(engine.requests) == 4, "only levels that a soft constraint needs are answered"
    assert counts["levels"] == {"1": 3, "2": 2, "3": 1}
    assert (counts["pairs"], counts["positives"], counts["identical"], counts["duplicates"]) == (4, 2, 0, 0)
    assert not list(tmp_path.glob("*.chunks"))


def test_a_hidden_type_keeps_what_measures_it(tmp_path):
    pairs, _ = label(tmp_path, ScriptedEngine(script), judged=lambda c: c.instruction_id == "punctuation:no_comma")
    assert len(pairs) == 6
    assert all(p.judged == COMMA for p in pairs)
    assert all(not c.checkable for c in pairs[0].instruction.constraints)


def test_an_answer_violates_what_asks_for_another_number(tmp_path):
    three, two, kind = (
        Constraint(text) for text in ("Use exactly 3 bullet points.", "Use exactly 2 bullet points.", "Be kind.")
    )
    tasks = [Instruction("Why?", (three, kind)), Instruction("How?", (two,)), Instruction("When?", (kind,))]
    pairs, counts = label(tmp_path, ScriptedEngine(script), tasks, contrast=True)
    found = [(p.seed_question, p.constraint, p.label, p.response, p.answer_level) for p in pairs if p.contrast]
    assert found == [
        ("Why?", two.text, 0, "Why? Use exactly 3 bullet points.", 1),
        ("How?", three.text, 0, "How? Use exactly 2 bullet points.", 1),
    ]
    assert (counts["pairs"], counts["positives"], counts["contrasts"]) == (10, 4, 2)
    (tmp_path / "without").mkdir()
    plain, counts = label(tmp_path / "without", ScriptedEngine(script), tasks)
    assert plain == [p for p in pairs if not p.contrast]
    assert counts["contrasts"] == 0


def test_identical_answers_and_duplicates_are_dropped_and_counted(tmp_path):
    same = ScriptedEngine(lambda request: "It is old.")
    pairs, counts = label(tmp_path, same)
    assert pairs == []
    assert counts["identical"] == 4
    twice = ScriptedEngine(script)
    (tmp_path / "twice").mkdir()
    pairs, counts = label(tmp_path / "twice", twice, asking=Asking("base", "compact", "plain", 32, 1.0, 2, 7))
    assert (len(pairs), counts["duplicates"]) == (4, 4)
    assert len({r.seed for r in twice.requests}) == 8


def test_bad_format_and_failures_leave_no_pair(tmp_path):
    cut = ScriptedEngine(
        lambda request: (
            Completion("It is", "length") if "Be kind." in request.messages[0]["content"] else script(request)
        )
    )
    pairs, counts = label(tmp_path, cut)
    assert {p.label for p in pairs} == {0}
    assert counts["bad_format"] == 2
    failing = ScriptedEngine(lambda request: Completion("", "error", error="timeout"))
    (tmp_path / "failing").mkdir()
    with pytest.raises(RunError, match="timeout"):
        label(tmp_path / "failing", failing)
    assert not (tmp_path / "failing" / "labels.parquet").exists()


class Kill(BaseException):
    pass


def test_a_kill_costs_one_chunk_and_changes_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(pseudo_labels, "CHUNK", 1)
    (tmp_path / "whole").mkdir()
    whole = label(tmp_path / "whole", ScriptedEngine(script))

    def dies(request):
        if "How?" in request.messages[0]["content"]:
            raise Kill
        return script(request)

    with pytest.raises(Kill):
        label(tmp_path, ScriptedEngine(dies))
    again, chunks = ScriptedEngine(script), []
    assert label(tmp_path, again, chunks=chunks) == whole
    assert all("Why?" not in r.messages[0]["content"] for r in again.requests)
    assert chunks == [(1, 3), (2, 3), (3, 3)]


def test_chunks_of_another_job_are_not_used(tmp_path):
    with pytest.raises(Kill):
        label(tmp_path, ScriptedEngine(lambda request: (_ for _ in ()).throw(Kill)))
    with pytest.raises(UsageError, match="another model, data or config"):
        label(tmp_path, ScriptedEngine(script), asking=Asking("other", "compact", "plain", 32, 1.0, 1, 7))


def test_nothing_soft_and_an_empty_level_are_told_before_anything_is_asked(tmp_path):
    engine = ScriptedEngine(script)
    with pytest.raises(UsageError, match="no constraint is soft"):
        label(tmp_path, engine, tasks=[TASKS[2]])
    with pytest.raises(UsageError, match="level 1 is empty"):
        label(tmp_path, engine, tasks=[Instruction("Why?", ())])
    assert engine.requests == []


def test_pairs_of_ones_own_need_four_columns(tmp_path):
    file = tmp_path / "mine.jsonl"
    file.write_text(json.dumps({"seed_question": "Why?", "constraint": "Be kind.", "response": "No.", "label": 0}))
    (pair,) = read_pairs(file)
    assert (pair.label, pair.judged.checkable, pair.constraints) == (0, False, ("Be kind.",))
    for broken in ({"label": 2}, {"response": None}):
        file.write_text(
            json.dumps({"seed_question": "Why?", "constraint": "Be kind.", "response": "No.", "label": 0, **broken})
        )
        with pytest.raises(UsageError, match="row 1"):
            read_pairs(file)


def test_the_schema_is_what_is_written(tmp_path):
    label(tmp_path, ScriptedEngine(script))
    assert pq.read_schema(tmp_path / "labels.parquet").equals(pseudo_labels.SCHEMA)


def test_label_noise_flips_a_share_of_the_labels_the_same_ones_every_time(tmp_path):
    tasks = [Instruction(f"Why {i}?", (COMMA, KIND)) for i in range(400)]

    def noisy(share):
        folder = tmp_path / str(share)
        folder.mkdir()
        pairs, counts = label(folder, ScriptedEngine(script), tasks, replace(ASKING, label_noise=share))
        return [p.label for p in pairs], counts["flipped"]

    sound, none = noisy(0.0)
    some, few = noisy(0.1)
    more, many = noisy(0.3)
    changed = [{i for i, (a, b) in enumerate(zip(sound, labels, strict=True)) if a != b} for labels in (some, more)]
    assert (none, few, many) == (0, len(changed[0]), len(changed[1]))
    assert 0.06 < few / len(sound) < 0.14
    assert 0.25 < many / len(sound) < 0.35
    assert changed[0] < changed[1]
