"""How the report writes numbers and model text, for the page and the terminal alike."""

from __future__ import annotations

import math
import re

from seif.constraints import TYPES
from seif.evaluation.audit import Share
from seif.evaluation.results import SuiteResult

NOTHING = "–"
"""Stands where a number was not measured."""
_ID = re.compile(r"[a-z][a-z_]*:[a-z][a-z_]*")
_UNFIT = (*range(0x80, 0xA0), *range(0xD800, 0xE000), *range(0xFDD0, 0xFDF0), 0xFFFE, 0xFFFF, 0x202D, 0x202E)
_VISIBLE = {
    **{code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n"},
    0x7F: 0x2421,
    **dict.fromkeys(_UNFIT, 0xFFFD),
}


def visible(text: str) -> str:
    """Text as it can stand in a UTF-8 page.

    Control characters become their pictures; lone surrogates and marks that reverse what is written, U+FFFD.
    """
    return text.replace("\r\n", "\n").translate(_VISIBLE)


def shorten(text: str, limit: int = 80) -> str:
    """One line of at most `limit` characters; an ellipsis shows that there was more."""
    line = " ".join(text[: 4 * limit].split())
    return line if len(line) <= limit and len(text) <= 4 * limit else line[: limit - 1].rstrip() + "…"


def type_name(kind: str) -> tuple[str, str]:
    """A constraint type for people: (name, category) from the taxonomy; what it does not know is shown as it is."""
    if kind in TYPES:
        return TYPES.get(kind).name, TYPES.get(kind).category
    if _ID.fullmatch(kind):
        family, _, name = kind.partition(":")
        return name.replace("_", " "), family.replace("_", " ")
    return shorten(kind), ""


def number(value: object) -> float | None:
    """`value` as a finite float, None for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def percent(value: object, unit: str = "%") -> str:
    """A share with one decimal: 0.4862 -> 48.6%."""
    share = number(value)
    return NOTHING if share is None else f"{100 * share:.1f}{unit}"


def percent_error(value: object, error: object, unit: str = "%") -> str:
    """A share with its standard error: 48.6% ± 0.7."""
    plus_minus = percent(error, "")
    return percent(value, unit) + ("" if plus_minus == NOTHING or percent(value) == NOTHING else f" ± {plus_minus}")


def share_interval(share: Share, unit: str = "") -> str:
    """A share with its 95% interval, where it has one: 81.2 (74.0 to 86.9)."""
    if share.value is None:
        return NOTHING
    value = f"{100 * share.value:.1f}{unit}".replace("-", "−")
    if share.low is None or share.high is None:
        return value
    low, high = (f"{100 * bound:.1f}".replace("-", "−") for bound in (share.low, share.high))
    return f"{value} ({low} to {high})"


def points(change: float) -> str:
    """A difference of shares in percentage points, always signed, with a true minus: −2.1."""
    text = f"{100 * change:+.1f}"
    return "0.0" if float(text) == 0 else text.replace("-", "−")


def plain(value: object, digits: int = 2) -> str:
    """A number that is no share."""
    known = number(value)
    return NOTHING if known is None else f"{known:,.{digits}f}".replace("-", "−")


def suite_number(result: SuiteResult, key: str, unit: str = "%") -> str:
    """A number of a suite with its standard error: a share in percent, any other in four digits."""
    value, error = result.numbers.get(key), result.stderr.get(key)
    if result.percent or value is None:
        return percent_error(value, error, unit)
    return f"{value:.4g}" + ("" if error is None else f" ± {error:.2g}")


def duration(seconds: float) -> str:
    """Hours, minutes and seconds in words: 1 h 12 min, 3 min 20 s, 45 s."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
