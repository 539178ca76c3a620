import io

import pytest
from rich.console import Console

from seif import activity
from seif.activity import Activity, current, doing, showing


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass only as a test says."""
    now = [0.0]
    monkeypatch.setattr(activity.time, "monotonic", lambda: now[0])
    return now


def test_an_activity_says_how_far_it_is_and_what_is_left(clock):
    work = Activity("answers", 120)
    assert work.line() == "answers 0/120"
    work.start_at(20)
    work.advance(50)
    clock[0] = 100.0
    assert work.line() == "answers 70/120, left 1:40"
    assert Activity("loading").line() == "loading"


def test_a_total_is_counted_only_when_it_is_shown():
    asked = []
    work = Activity("rows", lambda: asked.append(1) or 7)
    work.advance()
    assert not asked
    assert work.line().startswith("rows 1/7")
    assert work.line()
    assert asked == [1]


def test_lines_come_after_three_seconds_and_then_ever_less_often(clock):
    out = io.StringIO()
    display = activity.Display("judge", Console(file=out, width=100))
    display.close()
    display.under_way.append(Activity("responses", 9))
    for second in range(40):
        clock[0] = float(second)
        display._say()
    lines = out.getvalue().splitlines()
    assert [line.rpartition("[")[2] for line in lines] == ["0:03]", "0:09]", "0:21]"]
    assert lines[0] == "judge: responses 0/9 [0:03]"


def test_the_innermost_is_shown_and_may_end_before_the_outer():
    with showing("verify", Console(file=io.StringIO())) as display:
        outer, inner = doing("outer"), doing("inner")
        first, second = outer.__enter__(), inner.__enter__()
        assert display.under_way == [first, second]
        outer.__exit__(None, None, None)
        assert display.under_way == [second]
        inner.__exit__(None, None, None)
    assert current() is None


def test_nothing_is_shown_outside_a_command(capsys):
    with doing("something", 3) as work:
        work.advance()
    assert capsys.readouterr() == ("", "")
