"""A comparison in every output format, and the report around it."""

from ganeval.reporting.latex import latex
from ganeval.reporting.markdown import markdown
from ganeval.reporting.numbers import format_score, format_value
from ganeval.reporting.page import html
from ganeval.reporting.report import Curve, Flag, Grid, Report, Section, Table
from ganeval.reporting.spreadsheet import csv_text
from ganeval.reporting.terminal import show, table
from ganeval.reporting.write import write_report

__all__ = [
    "Curve",
    "Flag",
    "Grid",
    "Report",
    "Section",
    "Table",
    "csv_text",
    "format_score",
    "format_value",
    "html",
    "latex",
    "markdown",
    "show",
    "table",
    "write_report",
]
