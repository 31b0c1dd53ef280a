"""The geometry of the charts: positions in percent of their axis, so that HTML and CSS can draw them at any width."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ganeval.compare import Cell, Column, Comparison, Row
from ganeval.reporting.numbers import column_decimals, format_interval, format_value, shared_decimals
from ganeval.reporting.report import Curve

_CROWDED_PERCENT = 1.0
PLOT_HEIGHT = 280
"""Pixels of the line chart's plot area; fixed, so that labels can be kept apart."""
_LABEL_HEIGHT = 20


@dataclass(frozen=True)
class Tick:
    """A mark on an axis at `at` percent."""

    at: float
    text: str


@dataclass(frozen=True)
class Axis:
    """A linear or logarithmic scale from `low` to `high`."""

    low: float
    high: float
    log: bool = False

    def place(self, value: float) -> float:
        """Where `value` lies, in percent of the axis."""
        scale: Callable[[float], float] = math.log10 if self.log else float
        span = scale(self.high) - scale(self.low)
        return round(min(100.0, max(0.0, 100 * (scale(value) - scale(self.low)) / span)), 3) if span else 0.0

    def ticks(self) -> list[Tick]:
        """Four to eight round values, or powers of ten."""
        values = _decades(self.low, self.high) if self.log else _round_steps(self.low, self.high)
        decimals = None if self.log else _tick_decimals(values)
        return [Tick(self.place(v), f"{v:g}" if decimals is None else f"{v:.{decimals}f}") for v in values]


@dataclass(frozen=True)
class Bar:
    """One row of a bar chart; `start`, `width`, `end`, `low` and `reach` (of the interval) in percent of the axis."""

    name: str
    value: str
    interval: str
    start: float
    width: float
    end: float
    low: float | None
    reach: float | None
    yardstick: bool
    best: bool
    foreign: bool


@dataclass(frozen=True)
class BarChart:
    """Bars of one column, best first."""

    column: Column
    axis: Axis
    bars: list[Bar]

    @property
    def has_intervals(self) -> bool:
        """Whether room is needed for brackets beside the values."""
        return any(bar.interval for bar in self.bars)


def bar_chart(comparison: Comparison, index: int) -> BarChart:
    """The values of one column as horizontal bars, best first, with whiskers where an interval is known.

    The axis starts at 0. Only where half of the bars would be too short to see does it become logarithmic.
    """
    column = comparison.columns[index]
    cells = [pair for pair in comparison.cells(index) if math.isfinite(pair[1].score.value)]
    sign = -1 if column.better == "higher" else 1
    cells.sort(key=lambda pair: sign * pair[1].score.value)
    axis = _bar_axis([cell for _, cell in cells])
    decimals = column_decimals(comparison, index)
    return BarChart(column, axis, [_bar(row, cell, axis, decimals) for row, cell in cells])


def _bar(row: Row, cell: Cell, axis: Axis, decimals: int) -> Bar:
    score = cell.score
    zero, end = axis.place(axis.low if axis.log else 0.0), axis.place(score.value)
    low = high = None
    if score.low is not None and score.high is not None:
        low, high = (axis.place(max(bound, axis.low)) for bound in (score.low, score.high))
    return Bar(
        name=row.name,
        value=format_value(score.value, decimals),
        interval=format_interval(score, decimals),
        start=min(zero, end),
        width=round(abs(end - zero), 3),
        end=end,
        low=low,
        reach=None if low is None or high is None else round(high - low, 3),
        yardstick=row.yardstick,
        best=cell.best,
        foreign=cell.foreign,
    )


def _bar_axis(cells: Sequence[Cell]) -> Axis:
    values = [cell.score.value for cell in cells]
    bounds = [
        b for c in cells for b in (c.score.value, c.score.low, c.score.high) if b is not None and math.isfinite(b)
    ]
    if _crowded(values):
        return Axis(10 ** math.floor(math.log10(min(values))), 10 ** math.ceil(math.log10(max(bounds))), log=True)
    low, high = min([0.0, *bounds]), max([0.0, *bounds])
    return Axis(low, high if high > low else low + 1)


def _crowded(values: Sequence[float]) -> bool:
    """Whether at least half of the bars would be shorter than one percent of a linear axis."""
    if not values or min(values) <= 0:
        return False
    tiny = sum(100 * value / max(values) < _CROWDED_PERCENT for value in values)
    return 2 * tiny >= len(values)


# --- curves -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """One model's curve: its points in percent (y counts downwards) and a number that chooses colour and dash."""

    name: str
    style: int
    points: list[tuple[float, float]]
    last: str


@dataclass(frozen=True)
class Level:
    """Yardsticks at (nearly) one height: a horizontal line each, and one label for all of them."""

    at: list[float]
    label: str
    label_at: float
    left: bool


@dataclass(frozen=True)
class LineChart:
    """Curves of one metric over one x."""

    metric: str
    x_label: str
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    lines: list[Line]
    levels: list[Level]
    height: int = PLOT_HEIGHT


def line_charts(curves: Sequence[Curve], comparison: Comparison) -> list[LineChart]:
    """One chart for every metric and x that the curves have."""
    groups: dict[tuple[str, str], list[Curve]] = {}
    for curve in curves:
        groups.setdefault((curve.metric, curve.x_label), []).append(curve)
    return [_line_chart(group, _levels_of(comparison, metric)) for (metric, _), group in groups.items()]


def _levels_of(comparison: Comparison, metric: str) -> list[tuple[str, float]]:
    """Name and value of every yardstick that has this score."""
    if metric not in {name for column in comparison.columns for name in (column.metric, column.key)}:
        return []
    cells = comparison.cells(comparison.column(metric))
    return [(row.name, c.score.value) for row, c in cells if row.yardstick and math.isfinite(c.score.value)]


def _line_chart(curves: Sequence[Curve], yardsticks: Sequence[tuple[str, float]]) -> LineChart:
    xs = [x for curve in curves for x in curve.xs]
    ys = [y for curve in curves for y in curve.ys] + [value for _, value in yardsticks]
    x_axis = Axis(min(0.0, *xs), max(xs) if max(xs) > min(0.0, *xs) else 1.0)
    y_axis = _roomy(ys)
    decimals = shared_decimals(ys)
    lines = [
        Line(
            curve.model,
            style % 6,
            [(x_axis.place(x), round(100 - y_axis.place(y), 3)) for x, y in zip(curve.xs, curve.ys)],
            format_value(curve.ys[-1], decimals),
        )
        for style, curve in enumerate(curves)
    ]
    heights = [(f"{name} {format_value(value, decimals)}", 100 - y_axis.place(value)) for name, value in yardsticks]
    return LineChart(
        metric=curves[0].metric,
        x_label=curves[0].x_label,
        x_ticks=x_axis.ticks(),
        y_ticks=[Tick(round(100 - tick.at, 3), tick.text) for tick in y_axis.ticks()],
        lines=lines,
        levels=_levels(heights, lines),
    )


def _roomy(values: Sequence[float]) -> Axis:
    """From 0 (or the least value below it) up to the next round step above the greatest value."""
    low, high = min(0.0, *values), max(0.0, *values)
    step = _step(high - low or 1.0)
    return Axis(math.floor(low / step) * step, math.ceil(high / step + 0.15) * step)


def _levels(heights: Iterable[tuple[str, float]], lines: Sequence[Line]) -> list[Level]:
    """Labels that would overlap are put together into one, on the side where the curves are further away."""
    groups: list[list[tuple[str, float]]] = []
    for label, at in sorted(heights, key=lambda pair: pair[1]):
        if groups and (at - groups[-1][-1][1]) * PLOT_HEIGHT / 100 < _LABEL_HEIGHT:
            groups[-1].append((label, at))
        else:
            groups.append([(label, at)])
    return [_level(group, lines) for group in groups]


def _level(group: Sequence[tuple[str, float]], lines: Sequence[Line]) -> Level:
    at = [round(height, 3) for _, height in group]
    near_first = min((abs(line.points[0][1] - at[0]) for line in lines), default=0.0)
    near_last = min((abs(line.points[-1][1] - at[0]) for line in lines), default=0.0)
    return Level(at, " · ".join(label for label, _ in group), at[0], left=near_first > near_last)


# --- round numbers ----------------------------------------------------------------------------------------------------


def _step(span: float) -> float:
    """The greatest of 1, 2 and 5 times a power of ten of which three fit into the span."""
    rough = span / 3 * (1 + 1e-9)
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (5, 2, 1) if factor * power <= rough)


def _round_steps(low: float, high: float) -> list[float]:
    step = _step(high - low)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [step * i for i in range(first, last + 1)]


def _decades(low: float, high: float) -> list[float]:
    first, last = round(math.log10(low)), round(math.log10(high))
    stride = max(1, math.ceil((last - first) / 4))
    return [10.0**power for power in range(first, last + 1, stride)]


def _tick_decimals(values: Sequence[float]) -> int:
    step = values[1] - values[0] if len(values) > 1 else 1.0
    return max(0, -math.floor(math.log10(step) + 1e-9))
