"""The numbers of pools, on pools whose numbers are known."""

import json
from collections import Counter
from pathlib import Path

import pytest

import seif
from seif.analysis.pools import changes, read_pools, shape_of, spread
from seif.artifacts import RunDir
from seif.atomic import JsonLines
from seif.config_file import load_config
from seif.constraints.compiler import compile_text
from seif.constraints.signature import signature_of
from seif.errors import UsageError
from seif.instructions import write_instructions
from seif.manifest import Manifest
from seif.types import Instruction

COMMAS, QUOTES, TITLE = "Avoid commas.", "Put the whole reply in double quotation marks.", "Add a title in <<>>."


def pool(*texts):
    return [Instruction(f"Why {i}?", tuple(map(compile_text, row))) for i, row in enumerate(texts)]


def signatures(instructions):
    return Counter(signature_of(c) for i in instructions for c in i.constraints)


DISTINCT = 14
"""Of the words: avoid, commas., put, the, whole, reply, in, double, quotation, marks., add, a, title, <<>>."""
BASE = pool((COMMAS, QUOTES), (COMMAS, TITLE))


def test_shares_entropy_and_words():
    shape = shape_of(0, BASE, signatures(BASE))
    assert (shape.instructions, shape.constraints, shape.mean_constraints) == (2, 4, 2)
    assert list(shape.types.values()) == [0.5, 0.25, 0.25]
    assert shape.type_entropy == pytest.approx(1.5)
    assert shape.mean_words == pytest.approx((10 + 7) / 2)
    assert shape.lexical_diversity == pytest.approx(DISTINCT / 17)
    assert (shape.grown, shape.shrunk, shape.satisfied) == ([], [], [])


def test_what_the_base_hardly_wrote_is_a_surprise():
    known = signatures(BASE)
    common, rare = (shape_of(1, pool((text,)), known).rarity for text in (COMMAS, "Write in lowercase letters only."))
    assert common == pytest.approx(1.415, abs=0.001)  # -log2(3 / 8): 4 constraints, 3 signatures, one for the unseen
    assert rare == pytest.approx(3.0)


def test_the_types_that_grew_and_shrank_most_come_first():
    before = {"a": 0.5, "b": 0.3, "c": 0.2}
    grown, shrunk = changes(before, {"a": 0.1, "b": 0.3, "c": 0.35, "d": 0.25})
    assert [(c.type, c.before, c.after) for c in grown] == [("d", 0.0, 0.25), ("c", 0.2, 0.35)]
    assert [c.type for c in shrunk] == ["a"]
    many = {str(i): i / 100 for i in range(20)}
    assert [c.type for c in changes({}, many)[0]] == ["19", "18", "17", "16", "15", "14"]


def test_a_sample_is_spread_over_all():
    assert spread(range(10), 5) == [0, 2, 4, 6, 8]
    assert spread([1, 2], 5) == [1, 2]


def test_an_empty_pool_has_numbers_too():
    shape = shape_of(1, [], Counter(), {"a": 1.0})
    assert (shape.instructions, shape.mean_words, shape.rarity, shape.shrunk[0].type) == (0, 0, 0, "a")


@pytest.fixture
def run(tmp_path):
    root = RunDir(tmp_path / "run")
    root.open(load_config(Path("nano-tiny")), Manifest())
    for turn, instructions in enumerate((BASE, pool((TITLE, QUOTES)))):
        root.turn(turn).mkdir(exist_ok=True)
        write_instructions(root.instructions(turn), instructions)
    place = {"turn": 1, "stage": "train_follower", "step": 1}
    row = {
        "seed": "Why 0?",
        "constraints": [TITLE, QUOTES],
        "satisfied": [1, 2],
        "judged": [4, 4],
        "best": [True, False],
    }
    JsonLines(root.outcomes(1).path).append({**place, **row, "own": True})
    JsonLines(root.outcomes(1).path).append({**place, **row, "seed": "again", "own": False})
    known = {f"reward/p{p}": p / 100 for p in (10, 25, 50, 75, 90)}
    root.metrics.append({"turn": 1, "stage": "train_instructor", "step": 1, "reward": 0.4})
    for step in (1, 2):
        root.metrics.append({"turn": 1, "stage": "train_follower", "step": step, "reward": 0.5, **known})
    return root


def test_pools_are_read_with_what_the_rollouts_showed(run):
    base, first = read_pools(run)
    assert (base.turn, base.satisfied) == (0, [])
    assert first.satisfied == [3 / 8]
    assert [c.type for c in first.shrunk] == ["punctuation:no_comma"]


def test_an_analysis_writes_numbers_tables_and_figures(run, tmp_path):
    found = seif.analyze(run.root, tmp_path / "out")
    names = {"analysis.json", "pools.csv", "types.csv", "difficulty.csv", "rewards.csv"}
    drawn = ("types", "pools", "changes", "difficulty", "rewards")
    names |= {f"{figure}.{kind}" for figure in drawn for kind in ("svg", "png")}
    assert {file.name for file in (tmp_path / "out").iterdir()} == names
    assert (tmp_path / "out" / "types.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((tmp_path / "out" / "analysis.json").read_text())["pools"][1]["turn"] == 1
    assert (tmp_path / "out" / "difficulty.csv").read_text() == "turn,satisfied\n1,0.375\n"
    assert (tmp_path / "out" / "rewards.csv").read_text().splitlines()[:3] == [
        "turn,stage,step,mean,p10,p25,p50,p75,p90",
        "1,train_instructor,1,0.4,,,,,",
        "1,train_follower,1,0.5,0.1,0.25,0.5,0.75,0.9",
    ]
    assert [pool.turn for pool in found.pools] == [0, 1]
    assert [step.stage for step in found.rewards] == ["train_instructor", "train_follower", "train_follower"]
    first = (tmp_path / "out" / "types.svg").read_bytes()
    seif.analyze(run.root, tmp_path / "out")
    assert (tmp_path / "out" / "types.svg").read_bytes() == first


@pytest.mark.slow
def test_an_embedder_maps_the_instructions(run, model, tmp_path):
    write_instructions(run.instructions(0), [*BASE, *BASE])
    found = seif.analyze(run.root, tmp_path / "out", embedder=str(model), sample=3)
    assert [point.turn for point in found.map.points] == [0, 0, 0, 1]
    assert sum(found.map.explained) == pytest.approx(1.0, abs=0.01)
    # The first and the third are the same text.
    first, _, third, _ = found.map.points
    assert (first.x, first.y) == pytest.approx((third.x, third.y), abs=1e-3)
    assert (tmp_path / "out" / "embeddings.svg").exists()


def test_a_run_without_instructions_is_refused(tmp_path):
    RunDir(tmp_path / "run").open(load_config(Path("nano-tiny")), Manifest())
    with pytest.raises(UsageError, match="has no instructions yet"):
        seif.analyze(tmp_path / "run")
