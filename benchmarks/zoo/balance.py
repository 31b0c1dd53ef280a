"""BEGAN: does its measure of convergence fall?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.zoo.results import Entry, read_log
from benchmarks.zoo.study import Finished, Study
from ganeval.reporting.report import Curve, Section, Table

MEASURE = "M"
_TENTH = 10


def applies(run: Finished) -> bool:
    """Models that log the measure."""
    return MEASURE in _log(run)


def measure(run: Finished) -> dict[str, Any]:
    """Its mean over the first and over the last tenth of training."""
    values = np.array(_log(run)[MEASURE])
    part = max(1, len(values) // _TENTH)
    return {"first": float(values[:part].mean()), "last": float(values[-part:].mean())}


def tell(entries: Sequence[Entry]) -> Section | None:
    """A row and a curve for each."""
    measured = STUDY.measured(entries)
    if not measured:
        return None
    return Section(
        "BEGAN: its own measure of convergence",
        [f"{MEASURE} = L(x) + |gamma L(x) - L(G(z))| in the log; the curve shows means over stretches of training."],
        Table(
            ["model", "first tenth of training", "last tenth", "falls"],
            [_row(entry.name, STUDY.found(entry)) for entry in measured],
        ),
        [Curve(entry.name, entry.log()["seconds"], entry.log()[MEASURE], MEASURE) for entry in measured],
    )


def _log(run: Finished) -> dict[str, list[float]]:
    return read_log(run.bench.settings.run(run.card.name) / "log.csv")


def _row(name: str, found: dict[str, Any]) -> list[str]:
    falls = found["last"] < found["first"]
    return [name, f"{found['first']:.4g}", f"{found['last']:.4g}", "yes" if falls else "no"]


STUDY = Study("balance", applies, measure, tell)
