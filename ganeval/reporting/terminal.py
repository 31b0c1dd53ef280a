"""A comparison as a table on the terminal."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from ganeval.compare import Cell, Comparison, Row, plain
from ganeval.reporting.numbers import ARROWS, column_decimals, format_interval, format_value


def table(comparison: Comparison) -> Table:
    """A rich table: intervals under their values, best models bold, yardsticks dim and below a line."""
    shown = Table(box=SIMPLE_HEAD, pad_edge=False, caption_justify="left")
    if comparison.columns and not comparison.several_features:
        shown.caption = Text(f"features: {plain(comparison.columns[0].features)}")
    shown.add_column("model", overflow="fold", min_width=12)
    for column in comparison.columns:
        header = Text(f"{plain(column.metric)} {ARROWS[column.better]}".rstrip())
        if comparison.several_features:
            header.append(f"\n{plain(column.features)}", style="dim")
        shown.add_column(header, justify="right", overflow="fold", min_width=7)
    for row in comparison.rows:
        shown.add_row(*_cells(comparison, row), end_section=_last_model(comparison, row))
    return shown


def _cells(comparison: Comparison, row: Row) -> list[Text]:
    cells = [_cell(cell, column_decimals(comparison, index)) for index, cell in enumerate(row.cells)]
    return [Text(row.name, style="dim" if row.yardstick else ""), *cells]


def _cell(cell: Cell | None, decimals: int) -> Text:
    if cell is None:
        return Text("–", style="dim")
    mark = " †" if cell.foreign else ""
    text = Text(format_value(cell.score.value, decimals) + mark, style="bold green" if cell.best else "")
    interval = format_interval(cell.score, decimals)
    return text.append(f"\n{interval}", style="dim not bold") if interval else text


def _last_model(comparison: Comparison, row: Row) -> bool:
    models = [other for other in comparison.rows if not other.yardstick]
    return bool(models) and row is models[-1]
