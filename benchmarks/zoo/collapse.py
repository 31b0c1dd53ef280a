"""What benchmarks/modes.py found of mode collapse, as a section of the zoo's report."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks import modes
from ganeval.reporting.report import Section, Table


def tell(reports: Path) -> Section | None:
    """The table of `reports`/modes, or None where that report has not been made."""
    path = reports / "modes" / "figures.json"
    if not path.exists():
        return None
    return Section(
        "Mode collapse on 25 Gaussians",
        [
            "Three of the losses on points of the plane, where every mode can be counted: 25 Gaussians in a grid, the "
            "same small generator for all. Median (least to most) over the seeds; what is counted, and the samples, "
            "are in reports/modes, made by python benchmarks/modes.py.",
        ],
        table=Table(modes.HEAD, modes.rows(json.loads(path.read_text()))),
    )
