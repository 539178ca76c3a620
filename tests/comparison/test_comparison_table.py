from __future__ import annotations

import io

import pytest
from fake_run import MakeRun, audit, evaluation
from rich.console import Console

from seif.atomic import write_json
from seif.comparison.runs import compare_runs
from seif.comparison.table import comparison_parts


def printed(paths: list[object], turn: str = "last") -> str:
    console = Console(file=io.StringIO(), width=80, soft_wrap=True)
    for part in comparison_parts(compare_runs([str(path) for path in paths], turn)):
        console.print(part)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


def test_two_runs(make_run: MakeRun) -> None:
    text = printed([make_run("one").root, make_run("two", accuracies=(0.4, 0.7, 0.8), seed=7).root])
    for shown in ("A one", "B two", "61.2 ± 1.0", "80.0 ± 1.0", "+18.8 (+16.0 to +21.6)*", "no comma", "seed", "3:20"):
        assert shown in " ".join(text.split()) or shown in text, shown


@pytest.mark.parametrize("count", [2, 5, 27])
def test_it_fits_80_columns_whatever_the_runs(make_run: MakeRun, count: int) -> None:
    runs = []
    for i in range(count):
        run = make_run(
            f"a-very-long-name-of-a-run-that-goes-on-and-on-{i:03d}", turns=30, seed=i, accuracies=(1.0,) * 31
        )
        kind = evaluation(30, 1.0, stderr=0.123)
        kind["held_out"]["greedy"]["per_type"]["some_plugin:a_type_with_a_very_long_name_of_many_words"] = 0.0
        write_json(run.evaluation(30), kind)
        write_json(run.audit(30), audit(30, 1.0))
        run.event("stage_finished", turn=30, stage="generate", seconds=1e7, cpu_seconds=1e9, peak_bytes=10**12)
        roles = ("answerer", "filter", "follower", "instructor", "judger", "probe")
        tokens = {f"tokens/{role}": 12_345_678_901 for role in roles}
        run.metrics.append({"turn": 30, "stage": "train_follower", "step": 21, "reward": 0.1, **tokens})
        runs.append(run.root)
    text = printed(runs)
    table = [line for line in text.splitlines() if not line.startswith("note:")]
    assert max(map(len, table)) <= 80, max(table, key=len)
    assert f"-{count - 1:03d}" in text
    assert all("…" not in line for line in text.splitlines() if "±" in line or " M" in line)


def test_text_of_others_can_not_steer_the_terminal(make_run: MakeRun) -> None:
    numbers = evaluation(2, 0.5)
    numbers["held_out"]["greedy"]["per_type"]["\x1b[31mred\x07"] = 0.5
    runs = [make_run("one"), make_run("two\x1b[2J")]
    for run in runs:
        write_json(run.evaluation(2), numbers)
    text = printed([run.root for run in runs])
    assert "\x1b" not in text
    assert "␛[31mred␇" in text


def test_runs_without_any_numbers(make_run: MakeRun) -> None:
    text = printed([make_run("one", accuracies=()).root, make_run("two", accuracies=()).root])
    assert "no turn is evaluated yet" in text
