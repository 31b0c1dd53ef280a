"""Which differences are real, in sentences and as a table."""

from __future__ import annotations

from ganeval.compare import Comparison, Pairwise, plain
from ganeval.reporting.numbers import format_count, format_value, shared_decimals
from ganeval.reporting.report import Section, Table

_MOST_LINES = 12
_TITLE = "Which differences are real"


def letter_lines(comparison: Comparison) -> list[str]:
    """What the letters mean, or nothing where nothing was tested."""
    if not comparison.differences:
        return []
    methods = dict.fromkeys(one.difference.method for one in comparison.differences)
    number = len(comparison.differences)
    family = f"Holm over {number} tests" if number > 1 else "one test"
    return [
        f"Models that share a letter in a column are not told apart ({'; '.join(methods)}; {family}, "
        f"{1 - comparison.level:.2g} level)."
    ]


def difference_lines(comparison: Comparison) -> list[str]:
    """One line per pair and column, the first dozen."""
    lines = [_line(comparison, one) for one in comparison.differences[:_MOST_LINES]]
    left = len(comparison.differences) - len(lines)
    return lines + ([f"... and {left} more differences, all in the report and its tables."] if left else [])


def difference_section(comparison: Comparison) -> Section | None:
    """All pairs as a table for a report, or None where nothing was tested."""
    if not comparison.differences:
        return None
    rows = [_fields(comparison, one) for one in comparison.differences]
    head = [
        "models",
        "metric",
        "difference",
        "interval",
        "in standard deviations",
        "p (Holm)",
        "images that would settle it",
    ]
    return Section(_TITLE, letter_lines(comparison), Table(head, rows))


def _line(comparison: Comparison, one: Pairwise) -> str:
    models, metric, value, interval, effect, p, needed = _fields(comparison, one)
    size = f" ({effect} standard deviations of one sample)" if effect else ""
    if one.real(1 - comparison.level):
        return f"{metric}: {models} = {value} {interval}{size}, p = {p}: real."
    known = "no affordable number of images" if needed == "too many" else f"about {needed} images"
    settled = f"; {known} would settle it" if needed else ""
    return f"{metric}: {models} = {value} {interval}{size}, p = {p}: not told apart{settled}."


def _fields(comparison: Comparison, one: Pairwise) -> list[str]:
    column, difference = comparison.columns[one.column], one.difference
    decimals = shared_decimals([difference.value, difference.high - difference.low])
    value, low, high = (format_value(x, decimals) for x in (difference.value, difference.low, difference.high))
    needed = "" if difference.effect is None else "too many"
    return [
        f"{one.first} − {one.second}",
        plain(column.key if comparison.several_features else column.metric),
        value,
        f"[{low}, {high}]",
        "" if difference.effect is None else "{:.2f} [{:.2f}, {:.2f}]".format(*difference.effect),
        f"{difference.adjusted:.2g}",
        needed if difference.needed is None else format_count(difference.needed),
    ]
