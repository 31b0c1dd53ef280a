"""The log of a run: `log.csv`, and TensorBoard events where the `tensorboard` extra is installed."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganeval.files import replace_text


class Log:
    """One row for every logged step. Opening it at a step drops the rows after it, which a resumed run writes anew."""

    def __init__(self, run: Path, step: int) -> None:
        self.path = run / "log.csv"
        self._columns: list[str] = []
        self._truncate(step)
        self._events = _event_writer(run, step)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Append one row; the first row decides the columns."""
        row = {"step": step, **values}
        if not self._columns:
            self._columns = list(row)
            replace_text(self.path, _line(self._columns))
        with self.path.open("a", encoding="utf-8") as file:
            file.write(_line([row.get(column, "") for column in self._columns]))
        if self._events is not None:
            for name, value in values.items():
                self._events.add_scalar(name, value, step)

    def close(self) -> None:
        """Flush the events."""
        if self._events is not None:
            self._events.close()

    def _truncate(self, step: int) -> None:
        if not self.path.is_file():
            return
        with self.path.open(newline="", encoding="utf-8") as file:
            head, *rows = list(csv.reader(file)) or [[]]
        # a killed run may leave half a row
        kept = [row for row in rows if len(row) == len(head) and int(row[0]) <= step]
        self._columns = head
        replace_text(self.path, "".join(map(_line, [head, *kept])))


def _line(values: list[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue()


def _event_writer(run: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(run / "events", purge_step=step + 1)
