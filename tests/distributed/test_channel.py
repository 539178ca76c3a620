"""The log of a group's first process, made in the controller."""

import threading
from multiprocessing import AuthenticationError

import pytest

from seif.distributed.channel import Channel, ControllerLog
from seif.stage_log import Outcome
from support import RecordingLog


@pytest.fixture
def channel(monkeypatch):
    channel = Channel()
    for name, value in channel.environment.items():
        monkeypatch.setenv(name, value)
    yield channel
    channel.close()


def test_a_call_returns_when_the_controller_has_made_it(channel):
    log, returned = RecordingLog(), []
    outcome = Outcome("Rain?", ("Avoid commas.",), (3,), (5,), (True,))

    def work():
        remote = ControllerLog()
        remote.begin(2)
        remote.resumed(1)
        remote.step(2, {"loss": 0.5}, [{"prompt": "p"}], {"kind": [1, 0, 0, 1]}, [outcome])
        returned.append("step")

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    assert [channel.deliver(log, 10) for _ in range(2)] == [True, True]
    assert (log.resumed_at, returned) == (1, [])
    assert channel.deliver(log, 10)
    worker.join(10)
    assert returned == ["step"]
    assert log.steps == [(2, {"loss": 0.5}, [{"prompt": "p"}])]
    assert log.outcomes == [outcome]
    assert not channel.deliver(log, 0.01)


def test_what_the_log_raises_is_raised_in_the_controller_and_the_group_waits(channel):
    class Full(RecordingLog):
        def begin(self, total):
            raise OSError("no space left")

    threading.Thread(target=lambda: ControllerLog().begin(1), daemon=True).start()
    with pytest.raises(OSError, match="no space left"):
        channel.deliver(Full(), 10)


def test_nobody_without_the_key_can_log(channel, monkeypatch):
    monkeypatch.setenv("SEIF_CHANNEL_KEY", "00" * 32)
    refused = []

    def work():
        with pytest.raises(AuthenticationError):
            ControllerLog()
        refused.append(True)

    stranger = threading.Thread(target=work, daemon=True)
    stranger.start()
    stranger.join(10)
    assert refused == [True]
    assert not channel.deliver(RecordingLog(), 0.01)
