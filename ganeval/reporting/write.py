"""Writing a report: the page for people, and the same table for documents, papers and programs."""

from __future__ import annotations

from pathlib import Path

from ganeval.files import replace_text
from ganeval.reporting.latex import latex
from ganeval.reporting.markdown import markdown
from ganeval.reporting.page import html
from ganeval.reporting.report import Report
from ganeval.reporting.spreadsheet import csv_text


def write_report(report: Report, folder: Path) -> list[Path]:
    """Write index.html, comparison.md, comparison.tex and comparison.csv, each atomically; the page comes first."""
    texts = {
        "index.html": html(report),
        "comparison.md": markdown(report.comparison),
        "comparison.tex": latex(report.comparison),
        "comparison.csv": csv_text(report.comparison),
    }
    for name, text in texts.items():
        replace_text(folder / name, text)
    return [folder / name for name in texts]
