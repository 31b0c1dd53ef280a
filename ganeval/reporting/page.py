"""The report as one HTML file that needs nothing else: styles inline, images as data, charts in HTML and SVG."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from ganeval import __version__
from ganeval.compare import Comparison, Row
from ganeval.reporting import charts
from ganeval.reporting.numbers import (
    ARROWS,
    column_decimals,
    format_interval,
    format_seconds,
    format_value,
    shared_decimals,
    short,
)
from ganeval.reporting.provenance import method_lines, protocol_facts, reading_lines, skipped_lines
from ganeval.reporting.report import Grid, Report, Section

_SMALL_GRID = 480


@dataclass(frozen=True)
class About:
    """What the registry of metrics says of one column."""

    metric: str
    summary: str
    optimum: str


def html(report: Report) -> str:
    """The whole report as one self-contained page; everything that came from a user is escaped."""
    comparison = report.comparison
    main = list(dict.fromkeys(comparison.column(name) for name in report.main)) or [0][: len(comparison.columns)]
    bars = [charts.bar_chart(comparison, index) for index in range(len(comparison.columns))]
    shown = [chart for chart in bars if len(chart.bars) > 1]
    return (
        environment()
        .get_template("page.html.j2")
        .render(
            report=report,
            comparison=comparison,
            about=_about(comparison),
            decimals=[column_decimals(comparison, index) for index in range(len(comparison.columns))],
            main_bars=[bars[index] for index in main if bars[index] in shown],
            other_bars=[chart for index, chart in enumerate(bars) if index not in main and chart in shown],
            line_charts=charts.line_charts(report.curves, comparison),
            sections=[_section(section, comparison) for section in report.sections],
            grids=[_grid(grid, comparison, main) for grid in report.grids],
            pairs=[(pair, base64.b64encode(pair.png).decode("ascii")) for pair in report.pairs],
            reading=reading_lines(comparison),
            methods=method_lines(comparison),
            skipped=skipped_lines(comparison),
            protocols=_alike(comparison, lambda row: protocol_facts(row.card)),
            environments=_alike(comparison, lambda row: [(k, str(v)) for k, v in row.card.environment.items()]),
            stages=_stages(comparison),
        )
    )


def environment() -> Environment:
    """Of all pages: everything is escaped; a name that a template misspells is an error, never an empty space."""
    made = Environment(
        loader=PackageLoader("ganeval.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(value=format_value, interval=format_interval, seconds=format_seconds, short=short)
    made.globals.update(arrows=ARROWS, version=__version__, scale=shared_decimals)
    return made


def _about(comparison: Comparison) -> dict[str, About]:
    """By metric. A card from another version may hold metrics that this one does not know: they go without."""
    from ganeval.metrics.metric import registered

    known = registered()
    found = [known[name] for name in dict.fromkeys(c.metric for c in comparison.columns) if name in known]
    return {m.name: About(m.name, m.summary, "" if m.optimum is None else f"{m.optimum:g}") for m in found}


def _grid(grid: Grid, comparison: Comparison, main: Sequence[int]) -> dict[str, Any]:
    """What the template needs of one sheet of samples, with the main score of the row of that name."""
    row = next((row for row in comparison.rows if row.name == grid.name), None)
    cell = row.cells[main[0]] if row and main else None
    width, height = grid.size
    return {
        "grid": grid,
        "row": row,
        "score": cell.score if cell else None,
        "decimals": column_decimals(comparison, main[0]) if main else 0,
        "width": width,
        "height": height,
        # Enlarged pixels stay sharp; a large sheet is scaled down smoothly instead.
        "crisp": width < _SMALL_GRID,
        "data": base64.b64encode(grid.png).decode("ascii"),
    }


def _section(section: Section, comparison: Comparison) -> tuple[Section, list[charts.LineChart], list[dict[str, Any]]]:
    """A section, its charts, and what the template needs of its figures, which belong to no row."""
    figures = [_grid(figure, comparison, ()) for figure in section.figures]
    return section, charts.line_charts(section.curves, comparison), figures


def _alike(comparison: Comparison, facts: Any) -> list[tuple[list[str], list[tuple[str, str]]]]:
    """(names of rows, their facts) for each distinct set of facts, so that equal ones are told once."""
    groups: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for row in comparison.rows:
        groups.setdefault(tuple(facts(row)), []).append(row.name)
    return [(names, list(found)) for found, names in groups.items() if found]


def _stages(comparison: Comparison) -> tuple[list[str], list[tuple[Row, list[float | None]]]]:
    """The stages timed in any card, and for each row its seconds per stage."""
    names = list(dict.fromkeys(stage for row in comparison.rows for stage in row.card.seconds))
    return names, [(row, [row.card.seconds.get(name) for name in names]) for row in comparison.rows]
