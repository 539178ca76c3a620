"""From finished runs to the summary of a study: every arm's turns, and the differences between arms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, TypeAlias

import numpy as np

from benchmarks.runs import Finished, Study
from benchmarks.statistics import Difference, Interval, difference, holm, interval, mean_height
from seif.artifacts import RunDir
from seif.types import Json

Row: TypeAlias = Mapping[str, float]
"""What is compared of one turn, by name. `tokens` counts those spent since the run began."""
_Rows: TypeAlias = Mapping[str, Mapping[int, Sequence[Row]]]
"""By arm and seed, the rows of the turns."""
Measures: TypeAlias = dict[str, Difference]
Numbers = Callable[[RunDir, int], Row]
"""(run, turn) -> its row; turn 0 is the base."""
TOKENS = "tokens"
AREA = "area"
"""Mean of the primary measure over the tokens spent, up to the smaller of two runs' totals."""


def measured_rows(summary: Mapping[str, Any]) -> dict[str, dict[int, list[Row]]]:
    """By arm and seed the rows of the turns, from what `summarise` has returned; turn 0 is the base's.

    Measures that some seed of the arm lacks are not in it.
    """
    if not summary["arms"]:
        return {}
    most = max(summary["seeds"].values(), key=len)
    base = dict(zip(most, _by_seed(summary["base"], len(most)), strict=True))
    rows: dict[str, dict[int, list[Row]]] = {}
    for arm, turns in summary["arms"].items():
        seeds = summary["seeds"][arm]
        by_turn = [_by_seed(turns[turn], len(seeds)) for turn in turns]
        rows[arm] = {seed: [base[seed], *(turn[i] for turn in by_turn)] for i, seed in enumerate(seeds) if seed in base}
    return rows


def _by_seed(measures: Mapping[str, Any], seeds: int) -> list[Row]:
    return [{name: measure["values"][i] for name, measure in measures.items()} for i in range(seeds)]


def summarise(study: Study, finished: Finished, numbers: Numbers, primary: str, measured: _Rows | None = None) -> Json:
    """Config, seeds and failed runs; the base; every arm by turn; the last turn's differences between arms.

    `measured` rows count where the run itself is not there.
    Holm's family is the study's tested arms against the control, whether they have run or not, in every measure apart.
    """
    earlier = measured or {}
    found = {arm: {seed: _rows(run, numbers) for seed, run in of_arm.items()} for arm, of_arm in finished.runs.items()}
    rows = {arm: dict(sorted({**earlier.get(arm, {}), **found.get(arm, {})}.items())) for arm in study.arms}
    rows = {arm: of_arm for arm, of_arm in rows.items() if of_arm}
    # That of the arm with the most seeds. It is the same in every arm, but for arms with another Filter or Judger.
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
        against = {arm: _differences(rows, arm, other, primary) for arm, control in pairs if control == other}
        against = {arm: measures for arm, measures in against.items() if measures}
        if other == study.control:
            tested = {arm: measures for arm, measures in against.items() if arm in study.tested}
            against |= _adjusted(tested, len(study.tested))
        if against:
            summary[f"minus_{other}"] = {
                arm: {name: _rounded(d) for name, d in measures.items()} | _ratio(rows, arm, other)
                for arm, measures in against.items()
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
    """Five places are more than any run says. A seed's own values are as they are, because they may be read again: the
    sign-flip test counts ties, and a tie of rounded values is none."""
    found = {
        name: value if value is None else np.round(value, 5).tolist() for name, value in asdict(statistics).items()
    }
    return {**found, "values": list(statistics.values)}
