"""A comparison as CSV, in full precision, one score a line."""

from __future__ import annotations

import csv
import io
import json

from ganeval.compare import Cell, Column, Comparison, Row

FIELDS = (
    *("model", "yardstick", "metric", "features", "value", "low", "high", "better", "best", "comparable"),
    *("method", "options", "samples", "protocol", "reference", "letters"),
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_text(comparison: Comparison) -> str:
    """One line per score, so that any tool can pivot it. Numbers are written so that they read back exactly.

    Text that a spreadsheet would run as a formula (it starts with = + - @) gets an apostrophe in front.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(FIELDS)
    for row in comparison.rows:
        for column, cell in zip(comparison.columns, row.cells):
            if cell is not None:
                writer.writerow(_record(row, column, cell))
    return out.getvalue()


def _record(row: Row, column: Column, cell: Cell) -> list[str]:
    score, card = cell.score, row.card
    numbers = ["" if x is None else repr(float(x)) for x in (score.value, score.low, score.high)]
    return [
        *(_text(row.name), _flag(row.yardstick), _text(column.metric), _text(column.features)),
        *numbers,
        *(score.better, _flag(cell.best), _flag(not cell.foreign)),
        *(_text(score.method), json.dumps(score.options), json.dumps(score.counts)),
        *(_text(str(card.protocol.get("fingerprint", ""))), _text(card.reference.fingerprint), cell.letters),
    ]


def _flag(value: bool) -> str:
    return "yes" if value else "no"


def _text(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
