"""From finished runs to the summary of a study: every arm's turns, and the differences between arms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TypeAlias

from benchmarks.runs import Finished, Study
from benchmarks.statistics import Difference, Interval, difference, holm, interval, mean_height
from seif.artifacts import RunDir
from seif.types import Json

Row: TypeAlias = Mapping[str, float]
"""What is compared of one turn, by name. `tokens` counts those spent since the run began."""
Measures: TypeAlias = dict[str, Difference]
Numbers = Callable[[RunDir, int], Row]
"""(run, turn) -> its row; turn 0 is the base."""
TOKENS = "tokens"
AREA = "area"
"""Mean of the primary measure over the tokens spent, up to the smaller of two runs' totals."""


def summarise(study: Study, finished: Finished, numbers: Numbers, primary: str) -> Json:
    """Config, seeds and failed runs; the base; every arm by turn; the last turn's differences between arms.

    Holm's family is the study's tested arms against the control, whether they have run or not, in every measure apart.
    """
    rows = {
        arm: {seed: _rows(run, numbers) for seed, run in of_arm.items()}
        for arm, of_arm in finished.runs.items()
        if of_arm
    }
    # The base is the same in every arm.
    base = [turns[0] for turns in max(rows.values(), key=len).values()] if rows else []
    summary: Json = {
        "config": study.config.name,
        "primary": primary,
        "control": study.control,
        "seeds": {arm: list(of_arm) for arm, of_arm in rows.items()},
        "failed": list(finished.failed),
        "base": _intervals(base),
        "arms": {
            arm: {f"turn_{turn}": _intervals([turns[turn] for turns in of_arm.values()]) for turn in _turns(of_arm)}
            for arm, of_arm in rows.items()
        },
    }
    pairs = [(arm, study.control) for arm in rows if arm != study.control] + list(study.also)
    for other in dict.fromkeys(other for _, other in pairs):
        found = {arm: _differences(rows, arm, other, primary) for arm, against in pairs if against == other}
        found = {arm: measures for arm, measures in found.items() if measures}
        if other == study.control:
            tested = {arm: measures for arm, measures in found.items() if arm in study.tested}
            found |= _adjusted(tested, len(study.tested))
        if found:
            summary[f"minus_{other}"] = {
                arm: {name: _rounded(d) for name, d in measures.items()} | _ratio(rows, arm, other)
                for arm, measures in found.items()
            }
    return summary


def _rows(run: RunDir, numbers: Numbers) -> list[Row]:
    return [numbers(run, turn) for turn in range(run.config().turns + 1)]


def _turns(of_arm: Mapping[int, Sequence[Row]]) -> range:
    return range(1, min(map(len, of_arm.values())))


def _intervals(rows: Sequence[Row]) -> Json:
    """Over the seeds; a measure that some seed lacks is left out."""
    names = [name for name in rows[0] if all(name in row for row in rows)] if rows else []
    return {name: _rounded(interval([row[name] for row in rows])) for name in names}


_Rows: TypeAlias = Mapping[str, Mapping[int, Sequence[Row]]]
"""By arm and seed, the rows of the turns."""


def _paired(rows: _Rows, arm: str, other: str) -> list[tuple[Sequence[Row], Sequence[Row]]]:
    """The turns of both arms, seed by seed, over the seeds that both have."""
    ours, theirs = rows.get(arm, {}), rows.get(other, {})
    return [(ours[seed], theirs[seed]) for seed in sorted(ours.keys() & theirs.keys())]


def _differences(rows: _Rows, arm: str, other: str, primary: str) -> Measures:
    """After the last turn; empty without a common seed."""
    pairs = _paired(rows, arm, other)
    last = [(ours[-1], theirs[-1]) for ours, theirs in pairs]
    names = (
        [name for name in last[0][0] if name != TOKENS and all(name in a and name in b for a, b in last)]
        if last
        else []
    )
    found = {name: difference([a[name] for a, _ in last], [b[name] for _, b in last]) for name in names}
    if last and _counted(last):
        areas = [_areas(ours, theirs, primary) for ours, theirs in pairs]
        found[AREA] = difference([a for a, _ in areas], [b for _, b in areas])
    return found


def _ratio(rows: _Rows, arm: str, other: str) -> Json:
    """How many tokens the arm spent, the other's being 1."""
    last = [(ours[-1], theirs[-1]) for ours, theirs in _paired(rows, arm, other)]
    return {"tokens_ratio": _rounded(interval([a[TOKENS] / b[TOKENS] for a, b in last]))} if _counted(last) else {}


def _counted(last: Sequence[tuple[Row, Row]]) -> bool:
    return all(a.get(TOKENS) and b.get(TOKENS) for a, b in last)


def _areas(ours: Sequence[Row], theirs: Sequence[Row], primary: str) -> tuple[float, float]:
    budget = min(ours[-1][TOKENS], theirs[-1][TOKENS])
    first, second = (
        mean_height([row[TOKENS] for row in rows], [row[primary] for row in rows], budget) for rows in (ours, theirs)
    )
    return first, second


def _adjusted(tested: Mapping[str, Measures], size: int) -> dict[str, Measures]:
    """With Holm's p in every measure, in a family of `size` arms."""
    found = {arm: dict(measures) for arm, measures in tested.items()}
    for name in dict.fromkeys(name for measures in tested.values() for name in measures):
        p = holm({arm: measures[name].p for arm, measures in tested.items() if name in measures}, size)
        for arm, adjusted in p.items():
            found[arm][name] = replace(found[arm][name], p_holm=adjusted)
    return found


def _rounded(statistics: Interval | Difference) -> Json:
    """Five places are more than any run says."""
    return {
        key: [round(v, 5) for v in value] if isinstance(value, tuple) else value if value is None else round(value, 5)
        for key, value in asdict(statistics).items()
    }
