import os
import signal

import pytest

from seif.signals import Stopped, leaving


def test_a_signal_is_raised_once_and_later_ones_are_ignored(monkeypatch):
    monkeypatch.setattr("seif.signals._hush", lambda: None)
    # The process must not end.
    monkeypatch.setattr("seif.signals.Signals._watch", lambda self: None)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        with leaving() as signals:
            with pytest.raises(Stopped) as stopped:
                os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGINT)
            assert stopped.value.signal == signals.received == signal.SIGTERM
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(-1)


def test_handlers_are_given_back():
    before = signal.getsignal(signal.SIGINT)
    with leaving() as signals:
        assert signal.getsignal(signal.SIGINT) == signals.handle
    assert signal.getsignal(signal.SIGINT) is before
    assert signals.received is None


def test_a_forked_process_ends_by_signals_as_any_does():
    reader, writer = os.pipe()
    with leaving() as signals:
        child = os.fork()
        if not child:
            os.write(writer, b"x")
            signal.pause()
        os.read(reader, 1)
        os.kill(child, signal.SIGTERM)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == -signal.SIGTERM
        assert signals.received is None
