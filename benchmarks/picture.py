"""Draw docs/evolution.svg, the README's picture, from what `benchmarks.evolution` printed: held-out accuracy at
temperature 1 per turn, evolving and static, with 95% intervals.

.venv/bin/python -m benchmarks.picture docs/evolution.json docs/evolution.svg
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seif.report.charts import Axis, Series, share_axis, turn_chart

LINES = (("default", "evolving", "a", "circle"), ("static", "static", "b", "square"))
"""Arm, its name in the picture, the class that colours it, its marker."""
MARGIN = 8
"""Around the chart, in its own units."""
STYLE = """
svg { --ink: #1e1d1b; --dim: #625f58; --grid: #ddd8cd; --paper: #fcfbf8; --a: #1f5f99; --b: #a8480f }
@media (prefers-color-scheme: dark) {
  svg { --ink: #ece9e2; --dim: #a8a397; --grid: #3a3833; --paper: #181715; --a: #7fb6e6; --b: #eb9a62 }
}
text { font: 12px system-ui, sans-serif; fill: var(--ink) } .title { font-weight: 600; font-size: 13px }
.end { text-anchor: end; fill: var(--dim) } .middle { text-anchor: middle; fill: var(--dim) }
.grid { stroke: var(--grid) } .paper { fill: var(--paper) } .a { color: var(--a) } .b { color: var(--b) }
.line, .error { fill: none; stroke: currentColor; stroke-width: 1.8 } .error { stroke-width: 1.1 }
.dot { fill: currentColor }
"""
"""The colour-blind can tell blue from orange as well; the markers differ too."""


def draw(study: Mapping[str, Any]) -> str:
    """The SVG file of one world. Raises KeyError where the summary lacks one of the arms."""
    measure, series = study["primary"], []
    for arm, name, style, marker in LINES:
        cells = [study["base"][measure], *(turn[measure] for turn in study["arms"][arm].values())]
        series.append(Series(name, [c["mean"] for c in cells], [c["ci95"] for c in cells], style, marker))
    labels = ["base", *(str(turn) for turn in range(1, len(series[0].values)))]
    count = min(len(study["seeds"][arm]) for arm, *_ in LINES)
    title = f"Held-out constraint accuracy ({count} seeds, 95% CI)"
    drawing = str(turn_chart(title, labels, series, _axis(series), lambda v: f"{v:.1%}"))
    head, _, rest = drawing.partition(">")
    width, height = (float(size) for size in re.findall(r'(?:width|height)="([\d.]+)"', head))
    frame = f"-{MARGIN} -{MARGIN} {width + 2 * MARGIN:g} {height + 2 * MARGIN:g}"
    head = re.sub(r' viewBox=".*?" width=".*?" height=".*?"', f' viewBox="{frame}" width="640"', head)
    background = f'<rect class="paper" x="-{MARGIN}" y="-{MARGIN}" width="100%" height="100%"/>'
    return (
        f'{head} xmlns="http://www.w3.org/2000/svg" font-family="sans-serif"><style>{STYLE}</style>{background}{rest}\n'
    )


def _axis(series: Sequence[Series]) -> Axis:
    """Around the values and their intervals."""
    pairs = [(v, e or 0) for s in series for v, e in zip(s.values, s.errors, strict=True) if v is not None]
    return share_axis([v + sign * e for v, e in pairs for sign in (-1, 1)])


def main() -> None:
    """Read the summary, write the drawing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--world", default="w1", help="one of those in the summary")
    options = parser.parse_args()
    worlds = json.loads(options.source.read_text(encoding="utf-8"))["worlds"]
    options.target.write_text(draw(worlds[options.world]), encoding="utf-8")


if __name__ == "__main__":
    main()
