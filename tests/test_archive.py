import pytest

from seif.archive import Archive
from seif.constraints.compiler import compile_text
from seif.constraints.signature import Signature, signature_of
from seif.errors import UsageError
from seif.instructions import write_instructions
from seif.types import Instruction

A, B, C = Signature("a"), Signature("b"), Signature("c")


def test_a_newer_pool_counts_twice_as_much():
    archive = Archive([[A], [B], [C]])
    assert [archive.of(s) for s in (A, B, C)] == pytest.approx([1 / 7, 2 / 7, 4 / 7])
    assert archive.of(Signature("d")) == 0.0


def test_shares_do_not_depend_on_the_size_of_a_pool():
    assert Archive([[A] * 99, [B]]).of(A) == pytest.approx(1 / 3)


def test_there_is_nothing_in_it_before_the_first_pool():
    assert Archive().of(A) == Archive.read([]).of(A) == 0.0


def test_it_is_read_from_the_pools_of_a_run(tmp_path):
    texts = ["Write at least 12 sentences.", "Avoid commas.", "Use only lowercase."]
    for turn, pool in enumerate((texts[:2], texts[2:]), 1):
        write_instructions(tmp_path / f"{turn}.parquet", [Instruction("Why?", tuple(map(compile_text, pool)))])
    archive = Archive.read([tmp_path / "1.parquet", tmp_path / "2.parquet"])
    assert [archive.of(signature_of(compile_text(text))) for text in texts] == pytest.approx([1 / 6, 1 / 6, 2 / 3])
    assert archive.of(signature_of(compile_text("Write at least 3 sentences."))) == pytest.approx(1 / 12)


def test_a_pool_that_is_gone_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"no file at .*1\.parquet"):
        Archive.read([tmp_path / "1.parquet"])
