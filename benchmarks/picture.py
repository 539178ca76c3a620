"""Draw docs/evolution.svg, the README's picture, from what `benchmarks.evolution` printed.

.venv/bin/python -m benchmarks.picture docs/evolution.json docs/evolution.svg adversarial
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

from seif.report.charts import Series, share_axis, turn_chart

STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1e1d1b } .title { font-weight: 600; font-size: 13px }
.end { text-anchor: end; fill: #625f58 } .middle { text-anchor: middle; fill: #625f58 } .grid { stroke: #ddd8cd }
.line, .error { fill: none; stroke: currentColor; stroke-width: 1.8 } .error { stroke-width: 1.1 }
.dot { fill: currentColor } .hollow { fill: #fcfbf8; stroke: currentColor }
.a { color: #1f5f99 } .b { color: #a8480f } .c { color: #46245a }
"""


def main() -> None:
    """Read the summary, write the drawing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("arms", nargs="*", help="only these; all by default")
    options = parser.parse_args()
    summary: dict[str, Any] = json.loads(options.source.read_text())
    summary["arms"] = {arm: turns for arm, turns in summary["arms"].items() if arm in (options.arms or summary["arms"])}
    looks = {"adversarial": ("a", "circle"), "frontier": ("b", "square"), "static": ("c", "diamond")}
    kinds = {"greedy": "greedy_constraint_accuracy", "sampled": "sampled_constraint_accuracy"}
    series = []
    for arm, turns in summary["arms"].items():
        # One arm is shown both ways; several are told apart by their greedy accuracy.
        for kind, name in kinds.items() if len(summary["arms"]) == 1 else [(arm, kinds["greedy"])]:
            cells = [summary["base"][name], *(turn[name] for turn in turns.values())]
            style, marker = looks["frontier" if kind == "sampled" else arm]
            series.append(Series(kind, [c["mean"] for c in cells], [c["ci95"] for c in cells], style, marker))
    axis = share_axis(
        [
            v + sign * (e or 0)
            for s in series
            for v, e in zip(s.values, s.errors, strict=True)
            for sign in (-1, 1)
            if v is not None
        ]
    )
    labels = ["base", *(str(t) for t in range(1, len(series[0].values)))]
    title = f"Held-out constraint accuracy ({summary['seeds']} seeds, 95%)"
    drawing = str(turn_chart(title, labels, series, axis, lambda v: f"{v:.1%}"))
    head, _, rest = drawing.partition(">")
    head = re.sub(r' width="[\d.]+" height="[\d.]+"', ' width="640"', head)
    background = '<rect width="100%" height="100%" fill="#fcfbf8"/>'
    options.target.write_text(
        f'{head} xmlns="http://www.w3.org/2000/svg" '
        f'font-family="sans-serif"><style>{STYLE}</style>{background}{rest}\n',
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
