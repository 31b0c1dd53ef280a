"""A comparison as a table on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ganeval.compare import Cell, Column, Comparison, Row, plain
from ganeval.reporting.differences import difference_lines
from ganeval.reporting.numbers import ARROWS, column_decimals, format_interval, format_value
from ganeval.reporting.provenance import reading_lines, skipped_lines

_UNLIMITED = 10_000
_MANY = 8  # scores of one model: beyond that they stand below each other


def table(comparison: Comparison, columns: Sequence[int] | None = None) -> Table:
    """A rich table of all `columns`, or of some: intervals under values, best models bold, yardsticks below a gap."""
    chosen = range(len(comparison.columns)) if columns is None else columns
    shown = Table(box=SIMPLE_HEAD, pad_edge=False)
    shown.add_column("model", overflow="fold", min_width=12)
    for index in chosen:
        shown.add_column(_header(comparison, comparison.columns[index]), justify="right", no_wrap=True)
    for row in comparison.rows:
        cells = [_cell(row.cells[index], column_decimals(comparison, index)) for index in chosen]
        name = Text(row.name, style="dim" if row.yardstick else "")
        shown.add_row(name, *cells, end_section=_last_model(comparison, row))
    return shown


def tall_table(comparison: Comparison) -> Table:
    """A rich table of one model's scores, one below the other."""
    (row,) = comparison.rows
    shown = Table(box=SIMPLE_HEAD, pad_edge=False, title=row.name, title_justify="left", title_style="bold")
    shown.add_column("metric")
    shown.add_column("value", justify="right", no_wrap=True)
    shown.add_column("interval", justify="right", no_wrap=True, style="dim")
    shown.add_column("features", style="dim", overflow="fold")
    for index, cell in ((index, cell) for index, cell in enumerate(row.cells) if cell is not None):
        column, decimals = comparison.columns[index], column_decimals(comparison, index)
        value = format_value(cell.score.value, decimals)
        name = f"{plain(column.metric)} {ARROWS[column.better]}".rstrip()
        shown.add_row(name, value, format_interval(cell.score, decimals), plain(column.features))
    return shown


def show(comparison: Comparison) -> None:
    """Print the table and how to read it.

    On a terminal that is too narrow it continues below, a few columns at a time; into a file or pipe it goes whole.
    """
    console = plain_console()
    tall = len(comparison.rows) == 1 and len(comparison.columns) > _MANY
    if tall:
        console.print(tall_table(comparison))
    for columns in [] if tall else _pieces(comparison, console):
        piece = table(comparison, columns)
        console.print(piece, width=min(console.width, _natural_width(piece, console)))
    notes = [f"† {note}" for note in comparison.footnotes]
    for line in [
        *_features(comparison),
        *notes,
        *reading_lines(comparison),
        *difference_lines(comparison),
        *skipped_lines(comparison),
    ]:
        console.print(Text(line, style="dim"), soft_wrap=True)


def plain_console() -> Console:
    """A console that colours only what is styled, and wraps nothing that goes into a file or pipe."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _UNLIMITED
    return console


def _pieces(comparison: Comparison, console: Console) -> list[list[int]]:
    """The columns in runs that fit on the console, at least one each."""
    pieces: list[list[int]] = [[]]
    for index in range(len(comparison.columns)):
        longer = [*pieces[-1], index]
        if pieces[-1] and _natural_width(table(comparison, longer), console) > console.width:
            pieces.append([index])
        else:
            pieces[-1] = longer
    return pieces


def _natural_width(shown: Table, console: Console) -> int:
    return console.measure(shown, options=console.options.update(max_width=_UNLIMITED)).maximum


def _header(comparison: Comparison, column: Column) -> Text:
    header = Text(f"{plain(column.metric)} {ARROWS[column.better]}".rstrip())
    return header.append(f"\n{plain(column.features)}", style="dim") if comparison.several_features else header


def _features(comparison: Comparison) -> list[str]:
    one = comparison.columns and not comparison.several_features
    return [f"Features: {plain(comparison.columns[0].features)}."] if one else []


def _cell(cell: Cell | None, decimals: int) -> Text:
    if cell is None:
        return Text("–", style="dim")
    mark = " †" if cell.foreign else ""
    interval = format_interval(cell.score, decimals)
    text = Text().append(format_value(cell.score.value, decimals) + mark, style="bold green" if cell.best else "")
    text.append(f" {cell.letters}" if cell.letters else "", style="cyan")
    return text.append(f"\n{interval}", style="dim") if interval else text


def _last_model(comparison: Comparison, row: Row) -> bool:
    models = [other for other in comparison.rows if not other.yardstick]
    return bool(models) and row is models[-1]
