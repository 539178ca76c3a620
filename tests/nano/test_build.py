import json
from dataclasses import asdict

import pytest

from seif.instructions import read_instructions
from seif.nano import examples
from seif.nano.tasks import audit_tasks, held_out_tasks, held_out_type_tasks, split_seeds, split_sums
from seif.seeds import load_seeds
from seif.self_supervised.general import load_questions
from support import NANO


def test_the_shipped_data_is_what_the_builder_makes():
    seen, unseen = split_seeds()
    assert load_seeds(NANO / "data" / "seeds.parquet") == seen[:384]
    tasks = read_instructions(NANO / "data" / "held_out.parquet")
    assert tasks == held_out_tasks(unseen)
    assert len(tasks) >= 1200
    assert not {t.seed for t in tasks} & set(seen)
    assert read_instructions(NANO / "data" / "held_out_types.parquet") == held_out_type_tasks(unseen)
    audited = read_instructions(NANO / "data" / "audit.parquet")
    assert audited == audit_tasks(seen[384:])
    assert not {t.seed for t in audited} & ({t.seed for t in tasks} | set(seen[:384]))
    sums, others = split_sums()
    for name, rows in (("sums", sums), ("sums_held_out", others)):
        assert [(q.prompt, int(q.answer)) for q in load_questions(NANO / "data" / f"{name}.parquet")] == rows
    assert (len(sums), len(others)) == (80, 46)


@pytest.mark.slow
def test_the_shipped_weights_meet_the_floors_that_their_card_states():
    from seif.nano.measure import measure_floors

    measured = asdict(measure_floors(NANO))
    stated = json.loads((NANO / "model" / "floors.json").read_text())
    assert measured["judger_balanced_accuracy"] >= 0.93
    assert measured["judger_worst_type"] >= 0.85
    assert measured["judger_on_own_answers"] >= 0.93
    assert measured["judger_on_own_answers_worst_type"] >= 0.85
    assert measured["filter_balanced_accuracy"] >= 0.92
    assert measured["instructor_parsable"] >= 0.98
    assert measured["judger_talked_round"] <= 0.02
    assert measured["instructor_writes_asked"] >= 0.8
    shares = measured["instructor_shares"]
    assert max(shares, key=shares.get) == max(examples.HABITS, key=examples.HABITS.get)
    assert sum(shares[kind] for kind, share in examples.HABITS.items() if share < 0.01) < 0.1
    assert measured["sums_right"] >= 0.98
    assert measured["sums_right_sampled"] >= 0.9
    for name, value in stated.items():
        if isinstance(value, float):
            assert measured[name] == pytest.approx(value, abs=0.02), name
