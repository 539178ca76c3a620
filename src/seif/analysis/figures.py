"""The figures of an analysis, each as SVG and PNG. Series differ by marker and line as well as by colour."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from seif.analysis.pools import Adherence, Map, PoolShape
from seif.analysis.rewards import StepRewards
from seif.errors import UsageError
from seif.report.text import type_name

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
LINES = ("-", "--", "-.", ":")
COLOURS = ("#1f5f99", "#a8480f", "#2f7d4f", "#7a3b8f", "#8a6d1a", "#5a5a5a", "#b02f52", "#23808a")
ROLE_COLOURS = {"train_follower": COLOURS[0], "train_instructor": COLOURS[1]}
"""As in the report."""
BINS = 10


def draw(
    out: Path,
    pools: Sequence[PoolShape],
    places: Map | None,
    adherence: Sequence[Adherence],
    rewards: Sequence[StepRewards] = (),
) -> list[Path]:
    """Write the figures into the folder `out`; returns their files. Raises UsageError where matplotlib is missing."""
    plt = pyplot()
    figures = {"types": _types(plt, pools), "pools": _numbers(plt, pools, adherence)}
    if any(pool.grown or pool.shrunk for pool in pools):
        figures["changes"] = _changes(plt, pools)
    if any(pool.satisfied for pool in pools):
        figures["difficulty"] = _difficulty(plt, pools)
    if rewards:
        figures["rewards"] = _rewards(plt, rewards)
    if places is not None:
        figures["embeddings"] = _embeddings(plt, places)
    written = []
    for name, figure in figures.items():
        for ending in ("svg", "png"):
            written.append(out / f"{name}.{ending}")
            # Without a date, the same numbers give the same file.
            metadata = {"Date": None} if ending == "svg" else {}
            figure.savefig(written[-1], dpi=150, bbox_inches="tight", metadata=metadata)
        plt.close(figure)
    return written


def require() -> None:
    """Raises UsageError where matplotlib is missing."""
    pyplot()


def pyplot() -> Any:
    """matplotlib.pyplot, which draws without a screen and the same file from the same numbers. Raises UsageError where
    matplotlib is missing."""
    try:
        import matplotlib
    except ImportError:
        raise UsageError("figures need matplotlib: pip install 'seif[analyze]'") from None
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams.update({"svg.hashsalt": "seif", "axes.spines.top": False, "axes.spines.right": False})
    return plt


def _heads(turns: Sequence[int]) -> list[str]:
    return ["base" if turn == 0 else f"turn {turn}" for turn in turns]


def _style(i: int) -> dict[str, str]:
    return {"color": COLOURS[i % len(COLOURS)], "linestyle": LINES[i % len(LINES)]}


def _types(plt: Any, pools: Sequence[PoolShape]) -> Any:
    """The share of the commonest types over the turns."""
    figure, axes = plt.subplots(figsize=(8, 4.5))
    most = sorted({kind for p in pools for kind in p.types}, key=lambda k: -max(p.types.get(k, 0) for p in pools))
    for i, kind in enumerate(most[: len(MARKERS)]):
        shares = [100 * pool.types.get(kind, 0.0) for pool in pools]
        axes.plot(range(len(pools)), shares, marker=MARKERS[i], label=type_name(kind)[0], **_style(i))
    axes.set_xticks(range(len(pools)), _heads([pool.turn for pool in pools]))
    axes.set_ylabel("% of the constraints")
    axes.set_title("The commonest constraint types")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return figure


def _changes(plt: Any, pools: Sequence[PoolShape]) -> Any:
    """For each turn the types that grew and shrank most."""
    changed = [pool for pool in pools if pool.grown or pool.shrunk]
    figure, panels = plt.subplots(1, len(changed), figsize=(5 * len(changed), 4.2), squeeze=False)
    for axes, pool in zip(panels[0], changed, strict=True):
        rows = [*pool.grown, *reversed(pool.shrunk)][::-1]
        points = [100 * (row.after - row.before) for row in rows]
        axes.barh(
            range(len(rows)),
            points,
            color=[COLOURS[0] if p > 0 else COLOURS[1] for p in points],
            hatch=["" if p > 0 else "//" for p in points],
            edgecolor="white",
        )
        axes.set_yticks(range(len(rows)), [type_name(row.type)[0] for row in rows])
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set_xlabel("percentage points of the constraints")
        axes.set_title(f"Turn {pool.turn} against the turn before")
    figure.tight_layout()
    return figure


def _numbers(plt: Any, pools: Sequence[PoolShape], adherence: Sequence[Adherence]) -> Any:
    """Numbers of the pools over the turns, each in a panel of its own."""
    rows: list[tuple[str, list[float | None]]] = [
        ("type entropy, bits", [pool.type_entropy for pool in pools]),
        ("words of the constraints", [pool.mean_words for pool in pools]),
        ("distinct words per word", [pool.lexical_diversity for pool in pools]),
        ("surprise of a constraint, bits", [pool.rarity for pool in pools]),
    ]
    if adherence:
        rows.append(("base satisfies, %", [None if a.accuracy is None else 100 * a.accuracy for a in adherence]))
    figure, panels = plt.subplots(1, len(rows), figsize=(3.4 * len(rows), 3), squeeze=False)
    for i, (axes, (title, values)) in enumerate(zip(panels[0], rows, strict=True)):
        axes.plot(range(len(values)), values, color=COLOURS[0], marker=MARKERS[i])
        axes.set_xticks(range(len(values)), [head.removeprefix("turn ") for head in _heads([p.turn for p in pools])])
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("turn")
    figure.tight_layout()
    return figure


def _difficulty(plt: Any, pools: Sequence[PoolShape]) -> Any:
    """Over the instructions of each turn, the share of verdicts that were satisfied."""
    shown = [pool for pool in pools if pool.satisfied]
    figure, panels = plt.subplots(1, len(shown), figsize=(3.4 * len(shown), 3), sharey=True, squeeze=False)
    for axes, pool in zip(panels[0], shown, strict=True):
        weights = [100 / len(pool.satisfied)] * len(pool.satisfied)
        axes.hist(
            [100 * share for share in pool.satisfied],
            bins=BINS,
            range=(0, 100),
            weights=weights,
            color=COLOURS[0],
            edgecolor="white",
        )
        axes.set_title(f"turn {pool.turn}", fontsize=10)
        axes.set_xlabel("% of the verdicts satisfied")
    panels[0][0].set_ylabel("% of the instructions")
    figure.suptitle("The Follower's rollouts, by instruction")
    figure.tight_layout()
    return figure


def _rewards(plt: Any, rewards: Sequence[StepRewards]) -> Any:
    """Both roles' rewards over the steps of all turns: the mean, and within what most rollouts of a step lie."""
    stages = list(dict.fromkeys(step.stage for step in rewards))
    figure, panels = plt.subplots(1, len(stages), figsize=(5.5 * len(stages), 3.4), squeeze=False)
    for axes, stage in zip(panels[0], stages, strict=True):
        colour = ROLE_COLOURS.get(stage)
        steps = [step for step in rewards if step.stage == stage]
        x = range(1, len(steps) + 1)
        for names in (("p10", "p90"), ("p25", "p75")):
            bounds = ([step.percentiles.get(name, math.nan) for step in steps] for name in names)
            axes.fill_between(x, *bounds, color=colour, alpha=0.15, linewidth=0)
        axes.plot(x, [step.mean for step in steps], color=colour)
        divide_turns(axes, [step.turn for step in steps])
        axes.set_title(stage.removeprefix("train_").capitalize(), fontsize=10)
        axes.set_xlabel("step")
    panels[0][0].set_ylabel("reward")
    spread = any(step.percentiles for step in rewards)
    figure.suptitle("Rewards: mean, middle half and middle 80% of each step" if spread else "Mean rewards")
    figure.tight_layout()
    return figure


def divide_turns(axes: Any, turns: Sequence[int]) -> None:
    """Dotted lines between the turns of steps that are drawn at 1, 2, ...; `turns` are those of the steps."""
    for i, (before, after) in enumerate(pairwise(turns), start=1):
        if before != after:
            axes.axvline(i + 0.5, color="#999999", linewidth=0.8, linestyle=":")


def _embeddings(plt: Any, places: Map) -> Any:
    """The instructions of all turns in one plane."""
    figure, axes = plt.subplots(figsize=(6.5, 5.5))
    for i, turn in enumerate(sorted({point.turn for point in places.points})):
        own = [point for point in places.points if point.turn == turn]
        axes.scatter(
            [p.x for p in own],
            [p.y for p in own],
            s=16,
            alpha=0.6,
            color=COLOURS[i % len(COLOURS)],
            marker=MARKERS[i % len(MARKERS)],
            label=_heads([turn])[0],
        )
    axes.set_xlabel(f"first component, {100 * places.explained[0]:.0f}% of the variance")
    axes.set_ylabel(f"second component, {100 * places.explained[1]:.0f}%")
    axes.set_title("Instructions by their embeddings")
    axes.legend(frameon=False)
    return figure
