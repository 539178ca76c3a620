import json
import random
from dataclasses import asdict

import pytest

from seif.config import Follower
from seif.constraints.compiler import compile_text
from seif.errors import RunError
from seif.instructions import write_instructions
from seif.replay import HINDSIGHT_SHARE, EarlierTurn, hindsight, replay, returned, substituted
from seif.stage_log import Outcome
from seif.types import Instruction

TEXTS = ("Avoid commas.", "Use only lowercase.")


def everything(instructions):
    return (True for _ in instructions)


@pytest.fixture
def turn(tmp_path):
    """Twelve instructions; of every third one a constraint is satisfied and the other is not."""
    pool, outcomes = tmp_path / "instructions.parquet", tmp_path / "outcomes.jsonl"
    write_instructions(pool, [Instruction(f"{i}?", tuple(map(compile_text, TEXTS))) for i in range(12)])
    seen = [Outcome(f"{i}?", TEXTS, (0, 0 if i % 3 else 5), (5, 5), (False, not i % 3)) for i in range(12)]
    outcomes.write_text("".join(json.dumps(asdict(o)) + "\n" for o in seen))
    return EarlierTurn(pool, outcomes)


def draw(turns, count, fits=everything):
    return [x.seed for x in replay(turns, count, random.Random(0), fits)]


def test_replay_prefers_what_is_neither_always_nor_never_followed(turn):
    assert sorted(draw([turn], 3)) == sorted(draw([turn], 4)[:3])
    assert set(draw([turn], 4)) == {"0?", "3?", "6?", "9?"}
    assert len(set(draw([turn], 12))) == 12
    assert draw([turn], 12) == draw([turn], 12)


def test_few_instructions_repeat_and_what_is_too_long_is_left_out(turn):
    assert len(draw([turn], 30)) == 30
    assert "0?" not in draw([turn], 12, lambda xs: (x.seed != "0?" for x in xs))
    assert draw([turn], 3, lambda xs: (False for _ in xs)) == []


def test_outcomes_that_are_gone_are_an_error(turn, tmp_path):
    gone = tmp_path / "no.jsonl"
    with pytest.raises(RunError, match=r"no\.jsonl is gone"):
        draw([EarlierTurn(turn.instructions, gone)], 4)
    with pytest.raises(RunError, match=r"no\.jsonl is gone"):
        hindsight(gone, 4, random.Random(0), everything)


def test_hindsight_keeps_what_the_best_rollout_satisfied(tmp_path):
    seen = [
        Outcome("failed?", ("Be kind.", *TEXTS), (1, 0, 3), (5, 5, 5), (True, False, True)),
        Outcome("followed?", TEXTS, (5, 2), (5, 5), (True, True)),
        Outcome("nothing?", TEXTS, (0, 0), (5, 5), (False, False)),
        Outcome("unjudged?", TEXTS, (5, 0), (5, 0), (True, False)),
    ]
    path = tmp_path / "outcomes.jsonl"
    path.write_text("".join(json.dumps(asdict(o)) + "\n" for o in seen))
    (found,) = hindsight(path, 9, random.Random(0), everything)
    assert found == Instruction("failed?", (compile_text("Be kind."), compile_text("Use only lowercase.")))
    assert hindsight(path, 0, random.Random(0), everything) == []


def test_what_comes_back_is_bounded_and_off_by_default(turn):
    assert returned(Follower(), [turn], 20, 0, everything).replayed == ()
    both = Follower(replay=0.9, hindsight=True, reward="all_or_nothing")
    back = returned(both, [turn], 20, 0, everything)
    assert (len(back.replayed), len(back.relabelled)) == (18, 2)
    back = returned(both.model_copy(update={"replay": 0.0}), [turn], 12, 0, everything)
    assert len(back.relabelled) == HINDSIGHT_SHARE * 12
    assert not returned(both, [], 20, 0, everything).replayed


def test_every_batch_has_its_share():
    rows = substituted(range(64), 64, range(100, 116))
    assert [sum(row >= 100 for row in rows[i : i + 8]) for i in range(0, 64, 8)] == [2] * 8
    mixed = [0, 90, 1, 91, 2, 92]
    assert substituted(mixed, 10, [100, 101, 102]) == [100, 90, 101, 91, 102, 92]
    assert substituted(mixed, 10, []) == mixed
