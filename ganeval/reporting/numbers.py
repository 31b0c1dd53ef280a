"""How numbers are written, in every output format alike."""

from __future__ import annotations

import math
from collections.abc import Iterable

from ganeval.compare import Comparison
from ganeval.scorecard import Score

ARROWS = {"lower": "↓", "higher": "↑", "neither": ""}
"""Behind a metric's name: the direction in which its values get better."""

_DIGITS = 4
_MOST_DECIMALS = 7


def format_value(value: float, decimals: int | None = None) -> str:
    """`value` with four significant digits, or with as many `decimals` as its neighbours in a column.

    >>> [format_value(v) for v in (865.23, 17.2, 0.61234, 1.0, 123456.7, 0.0, 1.2346e-7)]
    ['865.2', '17.20', '0.6123', '1.000', '123457', '0', '1.235e-07']
    >>> format_value(17.2, decimals=1), format_value(1.2e-7, decimals=4)
    ('17.2', '1.200e-07')
    """
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else "∞" if value > 0 else "-∞"
    if value == 0:
        return f"{0:.{decimals or 0}f}"
    places = _decimals(abs(value)) if decimals is None else decimals
    text = f"{value:.{places}f}"
    return text if float(text) and places <= _MOST_DECIMALS else f"{value:.{_DIGITS - 1}e}"


def format_score(score: Score, decimals: int | None = None) -> str:
    """The value, with its interval where one is known.

    >>> format_score(Score(metric="fd", features="pixels", value=12.3, low=11.9, high=12.8), 1)
    '12.3 [11.9, 12.8]'
    """
    return " ".join(part for part in (format_value(score.value, decimals), format_interval(score, decimals)) if part)


def format_interval(score: Score, decimals: int | None = None) -> str:
    """`[low, high]`, or nothing where no interval is known."""
    if score.low is None or score.high is None:
        return ""
    return f"[{format_value(score.low, decimals)}, {format_value(score.high, decimals)}]"


def format_seconds(seconds: float) -> str:
    """A duration as people say it.

    >>> [format_seconds(s) for s in (0.0312, 4.26, 75, 4000)]
    ['0.03 s', '4.3 s', '1 min 15 s', '1 h 6 min']
    """
    if seconds < 60:
        return f"{seconds:.{2 if seconds < 1 else 1}f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def format_count(count: int | None) -> str:
    """A number of samples; None where statistics came without it.

    >>> format_count(50000), format_count(None)
    ('50,000', 'an unknown number')
    """
    return "an unknown number" if count is None else f"{count:,}"


def short(fingerprint: object) -> str:
    """The first twelve characters of a digest: enough to tell two apart.

    >>> short("0123456789abcdef")
    '0123456789ab'
    """
    return str(fingerprint)[:12]


def column_decimals(comparison: Comparison, column: int) -> int:
    """Decimals for a whole column: four digits for its largest value, and one more where a small one needs it."""
    return shared_decimals(cell.score.value for _, cell in comparison.cells(column))


def shared_decimals(values: Iterable[float]) -> int:
    """As `column_decimals`, for any values.

    >>> shared_decimals([865.2, 17.21]), shared_decimals([0.51, -0.00012]), shared_decimals([0.0])
    (1, 4, 0)
    """
    sizes = [abs(v) for v in values if math.isfinite(v) and v != 0]
    if not sizes:
        return 0
    most, least = _decimals(max(sizes)), _decimals(min(sizes)) - (_DIGITS - 1)
    return min(_MOST_DECIMALS, max(most, min(least, most + 1)))


def _decimals(size: float) -> int:
    """Decimals that give a positive number four significant digits."""
    return max(0, _DIGITS - 1 - math.floor(math.log10(size)))
