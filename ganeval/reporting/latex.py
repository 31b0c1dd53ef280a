"""A comparison as a LaTeX table for a paper (package booktabs)."""

from __future__ import annotations

from ganeval.compare import Cell, Comparison, Row, plain
from ganeval.reporting.differences import letter_lines
from ganeval.reporting.numbers import column_decimals, format_interval, format_value
from ganeval.reporting.provenance import method_lines, protocol_lines

_ARROWS = {"lower": r" $\downarrow$", "higher": r" $\uparrow$", "neither": ""}
# "[" and "*" would be read as arguments of a line break right before them.
_ESCAPES = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "[": "{[}",
    "*": "{*}",
    "†": r"$^\dagger$",
    "↓": r"$\downarrow$",
    "↑": r"$\uparrow$",
    "∞": r"$\infty$",
}


def latex(comparison: Comparison) -> str:
    """A `tabular` with booktabs rules: best models bold, yardsticks below a rule, footnotes and protocol under it."""
    models = [_row(comparison, row) for row in comparison.rows if not row.yardstick]
    yardsticks = [_row(comparison, row) for row in comparison.rows if row.yardstick]
    rule = [r"\midrule"] if models and yardsticks else []
    notes = [f"† {note}" for note in comparison.footnotes] + letter_lines(comparison)
    notes += method_lines(comparison) + protocol_lines(comparison)
    lines = [
        "% Needs \\usepackage{booktabs}.",
        f"\\begin{{tabular}}{{l{'r' * len(comparison.columns)}}}",
        r"\toprule",
        _join(["Model", *(escape(c.metric) + _ARROWS[c.better] for c in comparison.columns)]),
        *_features(comparison),
        r"\midrule",
        *models,
        *rule,
        *yardsticks,
        r"\bottomrule",
        r"\end{tabular}",
        r"\par\smallskip",
        *(f"{{\\footnotesize {escape(note)}\\par}}" for note in notes),
    ]
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """`text` as LaTeX prints it literally.

    >>> print(escape("50% of wgan_gp"))
    50\\% of wgan\\_gp
    """
    return "".join(_ESCAPES.get(character, character) for character in plain(text))


def _features(comparison: Comparison) -> list[str]:
    """A second header line, where the columns do not all stand on the same features."""
    if not comparison.several_features:
        return []
    return [_join(["", *(f"{{\\scriptsize {escape(column.features)}}}" for column in comparison.columns)])]


def _row(comparison: Comparison, row: Row) -> str:
    cells = [_cell(cell, column_decimals(comparison, index)) for index, cell in enumerate(row.cells)]
    return _join([escape(row.name), *cells])


def _cell(cell: Cell | None, decimals: int) -> str:
    if cell is None:
        return "--"
    value = _number(format_value(cell.score.value, decimals))
    interval = format_interval(cell.score, decimals)
    text = f"\\textbf{{{value}}}" if cell.best else value
    text += f"$^{{\\mathrm{{{cell.letters}}}}}$" if cell.letters else ""
    text += f" {{\\scriptsize {_number(interval)}}}" if interval else ""
    return text + (r"$^\dagger$" if cell.foreign else "")


def _number(text: str) -> str:
    """A true minus sign instead of a hyphen."""
    return escape(text).replace("-", r"\textminus{}")


def _join(fields: list[str]) -> str:
    return f"{' & '.join(fields)} \\\\"
