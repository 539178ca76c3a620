"""Who lives, and what a process died of."""

import os
import time

import pytest

from seif.distributed import heartbeat
from seif.distributed.heartbeat import Failure, Heartbeat, Watch, read_beat, read_failures, write_failure


def test_a_process_that_beats_no_more_is_silent(tmp_path, monkeypatch):
    monkeypatch.setattr(heartbeat, "PERIOD", 0.01)
    monkeypatch.setattr(heartbeat, "SILENT", 0.3)
    paths = [tmp_path / "beat_0.json", tmp_path / "beat_1.json"]
    watch = Watch(paths)
    beats = Heartbeat(paths[0])
    beats.start()
    watch.look()
    assert (watch.missing(), watch.silent()) == ([paths[1]], [])
    time.sleep(0.5)
    watch.look()
    assert watch.silent() == []
    assert watch.missing(0.4) == [paths[1]]
    assert watch.missing(100) == []
    beats.stop()
    time.sleep(0.5)
    watch.look()
    assert watch.silent() == [paths[0]]
    beat = read_beat(paths[0])
    assert beat is not None
    assert (beat.pid, beat.count > 1) == (os.getpid(), True)


@pytest.mark.parametrize("text", ["", "{", '{"pid": 1}'])
def test_a_damaged_beat_is_none(tmp_path, text):
    (tmp_path / "beat").write_text(text)
    assert read_beat(tmp_path / "beat") is None


def test_the_likeliest_cause_comes_first(tmp_path):
    """What seif raised on purpose, before what another process's end caused, even when that was noted earlier."""
    said = [
        Failure(False, "connection closed by peer", 1.0, deliberate=False),
        Failure(False, "out of memory", 3.0, deliberate=True),
        Failure(True, "no such file", 2.0, deliberate=True),
    ]
    paths = [tmp_path / f"failure_{i}.json" for i in range(4)]
    for path, failure in zip(paths, said, strict=False):
        write_failure(path, failure)
    assert [f.text for f in read_failures(paths)] == ["no such file", "out of memory", "connection closed by peer"]
