"""Charts as SVG text: pure functions of numbers.

Colours and type come from the page's style sheet, so that one drawing serves light and dark; series differ by marker
and direct label as well, so that none depends on colour.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from seif.quantities import quantity

Number = float | None
Curves = Sequence[tuple[int, Sequence[tuple[int, Number]]]]
"""(turn, [(step from 1, value), ...])"""
SHORTEST_AVERAGED = 12
"""A line with fewer steps has no moving mean."""
_FONT = 12
MARKERS = ("circle", "square", "diamond", "hollow", "triangle")


@dataclass(frozen=True)
class Series:
    """One line. `errors` are half the height of the error bars."""

    name: str
    values: Sequence[Number]
    errors: Sequence[Number] = ()
    style: str = "a"
    """Classes of the page's style sheet: a colour, and a dash of the line where lines cross."""
    marker: str = "circle"


@dataclass(frozen=True)
class Axis:
    """A vertical axis: its ends, where its ticks stand, and how they are written."""

    low: float
    high: float
    ticks: tuple[float, ...]
    label: Callable[[float], str]


def share_axis(values: Sequence[Number], span: float = 0.1) -> Axis:
    """An axis in percent around `values`, at least `span` long and never outside 0 to 1."""
    known = [v for v in values if v is not None]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    if high - low < span:
        middle = min(max((low + high) / 2, span / 2), 1 - span / 2)
        low, high = min(low, middle - span / 2), max(high, middle + span / 2)
    axis = _axis(max(0.0, low), min(1.0, high), lambda v: f"{100 * v:g}%")
    return Axis(
        max(0.0, axis.low), min(1.0, axis.high), tuple(t for t in axis.ticks if -1e-9 <= t <= 1 + 1e-9), axis.label
    )


def number_axis(values: Sequence[Number]) -> Axis:
    """An axis around `values`, from zero when zero is near or nothing varies."""
    known = [v for v in values if v is not None]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    if 0 < low < 0.2 * high:
        low = 0.0
    if low == high:
        low, high = (0.0, high) if high > 0 else (low, 0.0) if low < 0 else (0.0, 1.0)
    return _axis(low, high, lambda v: f"{v:.4g}".replace("-", "−"))


def _axis(low: float, high: float, label: Callable[[float], str]) -> Axis:
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-6), math.ceil(high / step - 1e-6)
    ticks = tuple(round(i * step, 12) for i in range(first, last + 1))
    return Axis(ticks[0], ticks[-1], ticks, label)


def turn_chart(
    title: str,
    labels: Sequence[str],
    series: Sequence[Series],
    axis: Axis,
    write: Callable[[float], str],
    reference: Number = None,
) -> Markup:
    """Lines over the turns, with error bars and each line's name at its end. `write` writes a value in the tooltips."""
    width, height, left, right, top, bottom = 380, 250, 44, 92, 30, 38
    y = _scale(axis.low, axis.high, height - bottom, top)
    inner = width - left - right
    x = [left + inner * (i + 0.5) / max(1, len(labels)) for i in range(len(labels))]
    parts = [_grid(axis, y, left, width - right), _text(0, 14, title, "title")]
    parts += [_text(x[i], height - bottom + 17, label, "middle") for i, label in enumerate(labels)]
    parts.append(_text(left + inner / 2, height - 4, "turn", "middle dim"))
    if reference is not None and axis.low <= reference <= axis.high:
        parts.append(
            f'<line class="reference" x1="{left}" x2="{width - right}" '
            f'y1="{y(reference):.1f}" y2="{y(reference):.1f}"/>'
        )
    ends: list[tuple[float, Series]] = []
    for s in series:
        errors = [*s.errors, *[None] * (len(s.values) - len(s.errors))]
        # Neighbouring series are set apart a little, so that their error bars don't cover each other.
        shift = (series.index(s) - (len(series) - 1) / 2) * min(4.0, inner / max(1, len(labels)) / 8)
        known = [
            (x[i] + shift, v, e, labels[i])
            for i, (v, e) in enumerate(zip(s.values, errors, strict=True))
            if v is not None
        ]
        parts.append(f'<g class="series {s.style}">' + _polyline([(px, y(v)) for px, v, _, _ in known]))
        for px, v, e, label in known:
            note = f"{s.name}, {'' if label == 'base' else 'turn '}{label}: {write(v)}"
            if e:
                note += f" ± {write(e)}"
                parts.append(_error_bar(px, y(min(v + e, axis.high)), y(max(v - e, axis.low))))
            parts.append(f"<g><title>{escape(note)}</title>{_marker(s.marker, px, y(v))}</g>")
        parts.append("</g>")
        if known:
            ends.append((y(known[-1][1]), s))
    for py, s in _apart(ends, _FONT + 2, top, height - bottom):
        parts.append(f'<g class="series {s.style}">{_marker(s.marker, width - right + 8, py)}</g>')
        parts.append(_text(width - right + 17, py + 4, s.name, "name"))
    return _svg(width, height, title, parts)


def step_chart(
    title: str,
    turns: Curves,
    axis: Axis,
    style: str,
    small: bool = False,
    bands: Sequence[tuple[Curves, Curves]] = (),
) -> Markup:
    """One number over the steps of all turns, end to end: the raw values thin, their moving mean bold.

    `bands` are tints between two further numbers, of the same turns.
    """
    width, height, left, right, top, bottom = (176, 124, 38, 4, 26, 22) if small else (420, 240, 44, 8, 30, 38)
    lengths = [max((step for step, _ in points), default=1) for _, points in turns]
    total = max(1, sum(lengths))
    y = _scale(axis.low, axis.high, height - bottom, top)
    parts = [_grid(axis, y, left, width - right), _text(0, 13, title, "title")]
    begin = 0
    for (turn, points), length in zip(turns, lengths, strict=True):
        x = _scale(0.5, total + 0.5, left, width - right)
        if begin:
            parts.append(
                f'<line class="divider" x1="{x(begin + 0.5):.1f}" x2="{x(begin + 0.5):.1f}" '
                f'y1="{top}" y2="{height - bottom}"/>'
            )
        crowded = len(turns) > 6 or small
        parts.append(
            _text(x(begin + (length + 1) / 2), height - bottom + 15, str(turn) if crowded else f"turn {turn}", "middle")
        )
        known = _known(points, begin)
        drawn = [(x(step), y(value)) for step, value in known]
        parts.append(f'<g class="series {style}"><title>{escape(f"turn {turn}")}</title>')
        for bounds in bands:
            low, high = (_known(dict(curves).get(turn, ()), begin) for curves in bounds)
            outline = [(x(step), y(min(max(value, axis.low), axis.high))) for step, value in (*low, *reversed(high))]
            parts.append(f'<polygon class="band" points="{_points(outline)}"/>' if outline else "")
        if len(drawn) == 1:
            parts.append(_marker("circle", *drawn[0]))
        elif len(drawn) < SHORTEST_AVERAGED:
            parts.append(_polyline(drawn))
        else:
            means = smooth([value for _, value in known])
            parts.append(
                _polyline(drawn, "raw") + _polyline([(px, y(m)) for (px, _), m in zip(drawn, means, strict=True)])
            )
        parts.append("</g>")
        begin += length
    if not small:
        parts.append(_text((left + width - right) / 2, height - 4, quantity(total, "step"), "middle dim"))
    return _svg(width, height, title, parts)


def reliability_chart(title: str, bins: Sequence[tuple[float, float, int]]) -> Markup:
    """Probabilities against what came true: a dot per bin of (mean probability, share, rows), on a diagonal.

    The larger a dot, the more rows.
    """
    width, height, left, right, top, bottom = 300, 250, 44, 10, 30, 38
    axis = Axis(0.0, 1.0, (0.0, 0.25, 0.5, 0.75, 1.0), lambda v: f"{100 * v:g}%")
    x, y = _scale(0.0, 1.0, left, width - right), _scale(0.0, 1.0, height - bottom, top)
    parts = [_grid(axis, y, left, width - right), _text(0, 14, title, "title")]
    parts += [_text(x(tick), height - bottom + 17, axis.label(tick), "middle") for tick in (0.0, 0.5, 1.0)]
    parts.append(_text((left + width - right) / 2, height - 4, "probability of satisfied", "middle dim"))
    parts.append(f'<line class="reference" x1="{x(0)}" x2="{x(1)}" y1="{y(0)}" y2="{y(1)}"/><g class="series b">')
    most = max((n for _, _, n in bins), default=1)
    for mean, share, n in bins:
        radius = 2.0 + 5.0 * math.sqrt(n / most)
        note = f"{quantity(n, 'pair')}: probability {mean:.1%}, satisfied {share:.1%}"
        parts.append(
            f"<g><title>{escape(note)}</title>"
            f'<circle class="dot" cx="{x(mean):.1f}" cy="{y(share):.1f}" r="{radius:.1f}"/></g>'
        )
    return _svg(width, height, title, [*parts, "</g>"])


def dumbbell(before: float, after: float, note: str, most: float = 1.0) -> Markup:
    """A change of a share between 0 and `most` as two dots on a line: hollow before, full after."""
    width, height, pad = 150, 18, 7
    x = _scale(0.0, most, pad, width - pad)
    a, b, middle = x(before), x(after), height / 2
    return _svg(
        width,
        height,
        note,
        [
            f'<line class="grid" x1="{pad}" x2="{width - pad}" y1="{middle}" y2="{middle}"/>',
            f'<g class="series a"><line class="bar" x1="{a:.1f}" x2="{b:.1f}" y1="{middle}" y2="{middle}"/>',
            _marker("hollow", a, middle) + _marker("circle", b, middle) + "</g>",
        ],
    )


def smooth(values: Sequence[float]) -> list[float]:
    """Centred moving mean over about a seventh of the values; the window shrinks evenly at the ends."""
    half = max(1, len(values) // 14)
    means = []
    for i in range(len(values)):
        reach = min(half, i, len(values) - 1 - i)
        window = values[i - reach : i + reach + 1]
        means.append(sum(window) / len(window))
    return means


def thin(points: Sequence[tuple[float, float]], limit: int = 400) -> list[tuple[float, float]]:
    """At most `limit` points: means of equal bins where there are more, so that long runs keep the page small."""
    if len(points) <= limit:
        return list(points)
    bins = [points[len(points) * i // limit : len(points) * (i + 1) // limit] for i in range(limit)]
    return [(sum(x for x, _ in b) / len(b), sum(v for _, v in b) / len(b)) for b in bins]


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    return lambda value: start + (end - start) * (value - low) / (high - low)


def _grid(axis: Axis, y: Callable[[float], float], left: float, right: float) -> str:
    lines = []
    for tick in axis.ticks:
        lines.append(f'<line class="grid" x1="{left}" x2="{right}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>')
        lines.append(_text(left - 6, y(tick) + 4, axis.label(tick), "end"))
    return "".join(lines)


def _known(points: Sequence[tuple[int, Number]], begin: int) -> list[tuple[float, float]]:
    return thin([(begin + step, value) for step, value in points if value is not None])


def _polyline(points: Sequence[tuple[float, float]], style: str = "line") -> str:
    if len(points) < 2:
        return ""
    return f'<polyline class="{style}" points="{_points(points)}"/>'


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _error_bar(x: float, high: float, low: float) -> str:
    return f'<path class="error" d="M{x - 3:.1f} {high:.1f}h6M{x:.1f} {high:.1f}V{low:.1f}M{x - 3:.1f} {low:.1f}h6"/>'


def _marker(kind: str, x: float, y: float) -> str:
    match kind:
        case "square":
            return f'<rect class="dot" x="{x - 3.2:.1f}" y="{y - 3.2:.1f}" width="6.4" height="6.4"/>'
        case "diamond":
            return f'<path class="dot" d="M{x:.1f} {y - 4.6:.1f}l4.6 4.6l-4.6 4.6l-4.6 -4.6z"/>'
        case "triangle":
            return f'<path class="dot" d="M{x:.1f} {y - 4.6:.1f}l4.4 7.8h-8.8z"/>'
        case _:
            return f'<circle class="{"dot" if kind == "circle" else "hollow"}" cx="{x:.1f}" cy="{y:.1f}" r="3.6"/>'


def _apart(ends: list[tuple[float, Series]], gap: float, top: float, bottom: float) -> list[tuple[float, Series]]:
    """Labels at their lines' ends, pushed apart to `gap` and kept between `top` and `bottom`."""
    ordered = sorted(ends, key=lambda end: end[0])
    places = [y for y, _ in ordered]
    for i in range(1, len(places)):
        places[i] = max(places[i], places[i - 1] + gap)
    limit = bottom
    for i in range(len(places) - 1, -1, -1):
        places[i] = min(places[i], limit)
        limit = places[i] - gap
    return [(max(top, place), s) for place, (_, s) in zip(places, ordered, strict=True)]


def _text(x: float, y: float, text: str, style: str) -> str:
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def _svg(width: float, height: float, title: str, parts: Sequence[str]) -> Markup:
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    head = f'<svg {size} role="img" aria-label="{escape(title)}">'
    return Markup(f"{head}<title>{escape(title)}</title>{''.join(parts)}</svg>")
