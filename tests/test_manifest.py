import pytest

from seif.artifacts import RunDir
from seif.config_file import build_config
from seif.errors import UsageError
from seif.manifest import Manifest, describe

PRECISION = {"dtype": "float32", "reason": "test"}


@pytest.fixture
def files(tmp_path):
    for name in ("seeds.jsonl", "bench.jsonl", "mine.py"):
        (tmp_path / name).write_text("# first\n")
    return tmp_path


def config(folder):
    paths = {
        "seeds": str(folder / "seeds.jsonl"),
        "benchmark_prompts": [str(folder / "bench.jsonl")],
        "plugins": [str(folder / "mine.py"), "json"],
    }
    return build_config({"model": "x", **paths}, "test")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ("seeds.jsonl", "the seeds file changed"),
        ("bench.jsonl", "the benchmark_prompts_1 file changed"),
        ("mine.py", "the plugin mine.py file changed"),
    ],
)
def test_a_resume_with_another_file_is_refused(files, changed, message):
    run = RunDir(files / "run")
    run.open(config(files), describe(config(files), PRECISION))
    run.open(config(files), describe(config(files), PRECISION))
    (files / changed).write_text("# second\n")
    with pytest.raises(UsageError, match=message):
        run.open(config(files), describe(config(files), PRECISION))


def test_a_module_is_known_by_its_source(files):
    assert "plugin json" in describe(config(files), PRECISION).files


def test_other_packages_are_refused_naming_both_versions(tmp_path):
    before = Manifest(versions={"torch": "2.8.0", "accelerate": "1.0"})
    before.check_same(Manifest(versions={"torch": "2.8.0", "accelerate": "2.0"}), tmp_path)
    with pytest.raises(
        UsageError, match=r"started with torch 2\.8\.0, and this is 2\.9\.0\. Install torch==2\.8\.0"
    ) as error:
        before.check_same(Manifest(versions={"torch": "2.9.0"}), tmp_path)
    assert "\n" not in str(error.value)
    mine = Manifest(versions={"mine": "1"}, plugins=("mine",))
    with pytest.raises(UsageError, match=r"started with mine 1, and this is \(none\)"):
        mine.check_same(Manifest(), tmp_path)


def test_the_type_that_a_run_began_with_is_noted_and_not_compared(tmp_path):
    first = Manifest(precision=PRECISION)
    first.check_same(Manifest(precision={"dtype": "bfloat16", "reason": "other machine"}), tmp_path)
    assert Manifest.from_json(first.as_json()) == first
    assert first.dtype == "float32"
    assert Manifest.from_json({}).dtype is None


def test_a_missing_file_is_told(files):
    (files / "seeds.jsonl").unlink()
    with pytest.raises(UsageError, match="no file at"):
        describe(config(files), PRECISION)


def test_a_run_of_an_earlier_version_is_still_read(files):
    run = RunDir(files / "run")
    run.open(config(files), describe(config(files), PRECISION))
    path = run.root / "config.yaml"
    path.write_text(path.read_text() + "constraint_types: null\n")
    assert run.config() == config(files)
