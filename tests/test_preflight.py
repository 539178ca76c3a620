import pytest

import seif
from seif import preflight, questions
from seif.config_file import build_config
from seif.constraints.compiler import compile_text
from seif.engines import devices
from seif.errors import UsageError
from seif.footprint import Device
from seif.instructions import write_instructions
from seif.questions import count_questions, iter_questions, seeds_of, store_questions
from seif.tables import StoredTexts
from seif.types import Constraint, Instruction


@pytest.fixture
def seeds(tmp_path):
    path = tmp_path / "seeds.parquet"
    StoredTexts.write(path, "prompt", (f"How old is river number {i}?" for i in range(50)))
    return path


@pytest.fixture
def benchmark(tmp_path):
    path = tmp_path / "benchmark.jsonl"
    path.write_text('{"prompt": "How old is river number 7?"}\n')
    return path


def config(seeds, benchmark, **changes):
    return build_config(
        {"model": "m", "seeds": seeds and str(seeds), "benchmark_prompts": [str(benchmark)], **changes}, "test"
    )


def test_questions_are_stored_without_those_that_overlap(seeds, benchmark, tmp_path):
    notes = []
    stored = store_questions(iter_questions(config(seeds, benchmark), notes.append), tmp_path / "run" / "seeds.parquet")
    assert len(stored) == 49
    assert "How old is river number 7?" not in stored
    assert len(notes) == 1
    assert "1 of 50 seeds overlaps" in notes[0]


def test_a_plan_reads_a_small_file_and_counts_a_large_one(seeds, benchmark, monkeypatch):
    notes = []
    assert count_questions(config(seeds, benchmark), notes.append) == (49, None)
    monkeypatch.setattr(questions, "LARGE", 10)
    monkeypatch.setattr("seif.seeds.iter_seeds", lambda path: pytest.fail("a large file is counted, not read"))
    notes.clear()
    assert count_questions(config(seeds, benchmark), notes.append) == (50, None)
    assert "50 rows, which are counted and not read" in notes[0]


def test_own_instructions_give_questions_and_a_mean_number_of_constraints(tmp_path, benchmark):
    texts = tuple(map(Constraint, ("Be kind.", "Be brief.", "Be calm.")))
    file = tmp_path / "instructions.parquet"
    write_instructions(file, [Instruction(f"Why {i // 2}?", texts[: 1 + 2 * (i % 2)]) for i in range(10)])
    own = config(None, benchmark, instructions=str(file), instructor={"train": False})
    assert count_questions(own, lambda line: None) == (5, 2.0)
    assert list(seeds_of(file))[:3] == ["Why 0?", "Why 0?", "Why 1?"]


def test_without_questions_the_fix_is_told():
    with pytest.raises(UsageError, match="give --seeds FILE"):
        list(iter_questions(seif.load_config(model="x"), lambda line: None))


@pytest.mark.parametrize(
    ("overrides", "refused"),
    [
        ([], True),
        (["lora.r=4"], False),
        (["judger.kind=rules", "filter.model=false"], False),
        (["engine.kind=vllm"], False),
    ],
)
def test_frozen_roles_that_do_not_fit_beside_training_are_refused(monkeypatch, overrides, refused):
    """The embedded model in float32: 50 MB of weights, gradients, optimizer, reference and a copy that samples, and
    8 MB for the frozen roles."""
    small = Device("a small GPU", 55_000_000, True, "float32", "")
    monkeypatch.setattr(devices, "this_device", lambda: small)
    config = seif.load_config("nano-tiny", ["devices=1", "dtype=float32", *overrides])
    if not refused:
        preflight.check_frozen_roles_fit(config)
        return
    with pytest.raises(UsageError, match=r"the frozen roles need .* and a small GPU has .*; set engine.kind: vllm"):
        preflight.check_frozen_roles_fit(config)


def tasks(path, *questions):
    write_instructions(path, [Instruction(q, (compile_text("Avoid commas."),)) for q in questions])
    return str(path)


def test_types_that_are_asked_for_must_exist_and_not_be_held_out(tmp_path):
    held_out = tasks(tmp_path / "types.parquet", "Why?")

    def check(*types):
        settings = {"templates": [{"prompt": "hard", "constraints": 1}], "allocation": "even", "types": types}
        config = build_config({"model": "x", "held_out_types": held_out, "instructor": settings}, "test")
        preflight.check_names(config)

    check("detectable_format:title")
    with pytest.raises(UsageError, match=r"instructor\.types: 'detectable_format:titel' is no type that a rule checks"):
        check("detectable_format:titel")
    with pytest.raises(UsageError, match=r"instructor\.types: punctuation:no_comma is in held_out_types; remove it"):
        check("detectable_format:title", "punctuation:no_comma")


@pytest.mark.parametrize("key", ["held_out", "held_out_types"])
def test_an_audit_that_shares_questions_with_held_out_tasks_is_refused(tmp_path, key):
    files = {"audit": tasks(tmp_path / "audit.parquet", "Why?", "How?", "Who?")}
    others = tasks(tmp_path / "others.parquet", "Where?"), tasks(tmp_path / "same.parquet", "Why?", "Who?", "Where?")
    apart, shared = (build_config({"model": "x", **files, key: file}, "test") for file in others)
    preflight.check_apart(apart)
    with pytest.raises(UsageError, match=f"audit and {key} share 2 questions; give audit others"):
        preflight.check_apart(shared)


def test_the_shipped_files_are_apart():
    preflight.check_apart(seif.load_config("nano"))
