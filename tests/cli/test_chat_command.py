import io
import signal

import pytest


@pytest.fixture
def typed(monkeypatch):
    """What stands in the pipe."""
    return lambda text: monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_prompts_come_one_a_line_out_of_a_pipe(call, typed, model):
    typed("/constraint Avoid commas.\nWrite about the river.\n/what\n/quit\nnever\n")
    code, out, err = call("chat", model, "--config", "nano-tiny", "--max-new-tokens", "24")
    assert code == 0
    assert "river" in out.lower()
    assert "violated  Avoid commas.  (rule)" in out
    assert err == "error: there is no /what; /help lists the commands\n"


def test_a_wrong_model_is_one_line(call, typed):
    typed("")
    code, _, err = call("chat", "./nowhere")
    assert code == 2
    assert "no model directory at ./nowhere" in err
    assert len(err.strip().splitlines()) == 1


def test_ctrl_c_while_the_pipe_is_empty_ends_the_conversation(call, monkeypatch, model):
    class Interrupted(io.StringIO):
        def __next__(self):
            signal.raise_signal(signal.SIGINT)
            raise AssertionError

    monkeypatch.setattr("sys.stdin", Interrupted())
    assert call("chat", model, "--config", "nano-tiny") == (0, "", "")
