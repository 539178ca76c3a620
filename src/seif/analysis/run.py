"""The analysis of a run: numbers, files and figures in one folder."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import Field

from seif.analysis.pools import Adherence, Map, PoolShape, read_pools
from seif.analysis.rewards import StepRewards, read_rewards
from seif.artifacts import RunDir
from seif.atomic import write_json, write_text
from seif.errors import UsageError
from seif.evaluation.results import Result
from seif.listener import SILENT, Listener
from seif.stage_log import REWARD_PERCENTILES

_NUMBERS = (
    *("instructions", "constraints", "type_entropy", "mean_constraints", "mean_words"),
    *("lexical_diversity", "rarity"),
)
"""Columns of pools.csv."""


class PoolAnalysis(Result):
    """How the instructions of a run change from turn to turn."""

    pools: list[PoolShape]
    map: Map | None = None
    """None where it was not asked for."""
    adherence: list[Adherence] = Field(default=[])
    rewards: list[StepRewards] = Field(default=[])
    files: list[str] = Field(default=[])
    """What was written."""


def analyze(
    run: str | Path,
    out: str | Path | None = None,
    embeddings: bool = False,
    embedder: str | None = None,
    adherence: bool = False,
    sample: int = 200,
    listener: Listener = SILENT,
) -> PoolAnalysis:
    """Analyze the pools of the run in `run`; write analysis.json, CSV files and figures (SVG and PNG) into `out`, by
    default the run's folder `analysis`.

    `embeddings`: also map at most `sample` instructions of each turn by the mean hidden state of the run's base;
    `embedder`: by that of this checkpoint instead. `adherence`: also let the base answer as many. Raises UsageError
    when `run` is no run directory, has no instructions, or matplotlib or scikit-learn is missing.
    """
    from seif.analysis import figures, models

    root = RunDir(Path(run))
    config = root.config()
    pools = read_pools(root)
    if not pools:
        raise UsageError(f"{run} has no instructions yet; `seif status {run}` says where it is")
    figures.require()
    mapped = embeddings or embedder is not None
    places = models.embed_pools(root, embedder or config.model, sample, listener) if mapped else None
    answered = asyncio.run(models.adherence_of_base(root, config, sample, listener)) if adherence else []
    folder = Path(out) if out is not None else root.root / "analysis"
    folder.mkdir(parents=True, exist_ok=True)
    found = PoolAnalysis(pools=pools, map=places, adherence=answered, rewards=read_rewards(root))
    write_json(folder / "analysis.json", found.to_json())
    written = [
        folder / "analysis.json",
        *_tables(folder, found),
        *figures.draw(folder, pools, places, answered, found.rewards),
    ]
    return found.model_copy(update={"files": [str(file) for file in written]})


def _tables(folder: Path, found: PoolAnalysis) -> list[Path]:
    """One CSV file per table."""
    by_turn = {a.turn: a for a in found.adherence}
    tables: dict[str, tuple[Sequence[str], Iterable[Sequence[object]]]] = {
        "pools.csv": (
            ("turn", *_NUMBERS, "base_accuracy", "base_stderr"),
            (
                (pool.turn, *(getattr(pool, name) for name in _NUMBERS), *_of_base(by_turn.get(pool.turn)))
                for pool in found.pools
            ),
        ),
        "types.csv": (
            ("turn", "type", "share"),
            ((pool.turn, kind, share) for pool in found.pools for kind, share in pool.types.items()),
        ),
        "difficulty.csv": (
            ("turn", "satisfied"),
            ((pool.turn, share) for pool in found.pools for share in pool.satisfied),
        ),
    }
    if found.rewards:
        names = [f"p{p}" for p in REWARD_PERCENTILES]
        tables["rewards.csv"] = (
            ("turn", "stage", "step", "mean", *names),
            (
                (step.turn, step.stage, step.step, step.mean, *(step.percentiles.get(name, "") for name in names))
                for step in found.rewards
            ),
        )
    if found.map is not None:
        tables["embeddings.csv"] = (
            ("turn", "seed", "x", "y"),
            ((point.turn, point.seed, point.x, point.y) for point in found.map.points),
        )
    for name, (head, rows) in tables.items():
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(head)
        table.writerows(rows)
        write_text(folder / name, text.getvalue())
    return [folder / name for name in tables]


def _of_base(found: Adherence | None) -> tuple[object, object]:
    return (found.accuracy, found.stderr) if found is not None else ("", "")
