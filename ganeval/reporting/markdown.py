"""A comparison as a Markdown table."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ganeval.compare import Cell, Column, Comparison, Row, plain
from ganeval.reporting.differences import difference_lines
from ganeval.reporting.numbers import ARROWS, column_decimals, format_score
from ganeval.reporting.provenance import method_lines, protocol_lines, reading_lines
from ganeval.reporting.report import Section


def markdown(comparison: Comparison) -> str:
    """A table in GitHub's Markdown, numbers aligned to the right, with footnotes and protocol below it."""
    decimals = [column_decimals(comparison, index) for index in range(len(comparison.columns))]
    lines = [
        _line(["model", *(_header(column, comparison.several_features) for column in comparison.columns)]),
        _line(["---", *("---:" for _ in comparison.columns)]),
        *(_line([_name(row), *map(_cell, row.cells, decimals)]) for row in comparison.rows),
    ]
    notes = [f"† {note}" for note in comparison.footnotes]
    notes += [
        *reading_lines(comparison),
        *difference_lines(comparison),
        *method_lines(comparison),
        *protocol_lines(comparison),
    ]
    return "\n".join([*lines, "", *(f"- {escape(note)}" for note in notes)]) + "\n"


def sections_markdown(sections: Sequence[Section]) -> str:
    """Title, paragraphs and table of each section; curves and figures stay with the page.

    >>> from ganeval.reporting.report import Table
    >>> print(sections_markdown([Section("Modes", ["Kept."], Table(["model", "modes"], [["gan", "3"]]))]), end="")
    ## Modes
    <BLANKLINE>
    Kept.
    <BLANKLINE>
    | model | modes |
    | --- | ---: |
    | gan | 3 |
    """
    return "\n".join(map(_section, sections))


def _section(section: Section) -> str:
    parts = [f"## {escape(section.title)}", *map(escape, section.paragraphs)]
    if section.table is not None:
        head, *rows = (_line([escape(field) for field in row]) for row in (section.table.head, *section.table.rows))
        rule = _line(["---", *("---:" for _ in section.table.head[1:])])
        parts.append("\n".join([head, rule, *rows]))
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """`text` as Markdown shows it literally, on one line.

    >>> escape("a|b <i> wgan_gp _x_")
    'a\\\\|b \\\\<i\\\\> wgan_gp \\\\_x\\\\_'
    """
    text = re.sub(r"([\\`*\[\]<>|~#])", r"\\\1", plain(text))
    # An underscore inside a word is literal already, and reads better without a backslash. "&lt;" must not become "<".
    return re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", text).replace("&", "&amp;")


def _line(fields: list[str]) -> str:
    return f"| {' | '.join(fields)} |"


def _header(column: Column, with_features: bool) -> str:
    features = f"({escape(column.features)})" if with_features else ""
    return " ".join(part for part in (escape(column.metric), ARROWS[column.better], features) if part)


def _name(row: Row) -> str:
    return f"*{escape(row.name)}*" if row.yardstick else escape(row.name)


def _cell(cell: Cell | None, decimals: int) -> str:
    if cell is None:
        return "–"
    text = escape(format_score(cell.score, decimals))
    text = f"**{text}**" if cell.best else text
    text += f" <sup>{cell.letters}</sup>" if cell.letters else ""
    return f"{text} †" if cell.foreign else text
