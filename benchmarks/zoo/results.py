"""What is kept of a model beside its scorecard and its pictures, and where: a folder that can be committed."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from benchmarks.zoo.settings import Settings, Wanted
from ganeval.errors import GanevalError
from ganeval.files import replace_text
from ganeval.scorecard import Scorecard, load_scorecard
from reference_models.recipe import Recipe

RESULT = "result.json"
LOG = "log.csv"
SAMPLES = "samples.png"
LOG_ROWS = 160
"""Rows of a log that is kept: each is the mean over a stretch of training."""

Kind = Literal["gan", "model", "translator", "fitted", "real"]
"""A model with a discriminator; another trained one; one that is fitted at once; real images."""


class Moment(BaseModel):
    """The main score along training, and the means of the logged terms since the moment before."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seconds: float
    step: int
    fd: float
    terms: dict[str, float] = Field(default_factory=dict)


class Result(BaseModel):
    """One row of the zoo.

    Attributes:
        wanted: what it was made from; None for real images.
        seconds, step: of training or fitting. parameters: by network.
        studies: what each study found, by its name.
        stopped: why training ended before its time.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    kind: Kind
    title: str
    paper: str = ""
    wanted: Wanted | None = None
    seconds: float = 0.0
    step: int = 0
    parameters: dict[str, int] = Field(default_factory=dict)
    moments: list[Moment] = Field(default_factory=list)
    studies: dict[str, Any] = Field(default_factory=dict)
    stopped: str = ""

    def save(self, folder: Path) -> None:
        """Write result.json, which is what makes the folder a result."""
        replace_text(folder / RESULT, json.dumps(self.model_dump(), indent=1) + "\n")


@dataclass(frozen=True)
class Entry:
    """A result with what lies beside it."""

    result: Result
    card: Scorecard
    folder: Path

    @property
    def name(self) -> str:
        """The row's name."""
        return self.result.name

    def log(self) -> dict[str, list[float]]:
        """Column -> values; empty where nothing was trained."""
        return read_log(self.folder / LOG)


def load_result(folder: Path) -> Result | None:
    """The result in a folder, or None where there is none that this version can read."""
    try:
        return Result.model_validate_json((folder / RESULT).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValidationError):
        return None


def is_done(settings: Settings, name: str, recipe: Recipe | None) -> bool:
    """Whether the result of this name was made from what is wanted now; `recipe` is None for real images."""
    result = load_result(settings.folder(name))
    if result is None:
        return False
    if recipe is not None:
        return result.wanted == settings.wanted(recipe)
    return result.wanted is None


def entries(settings: Settings) -> list[Entry]:
    """All results of the report folder, models first, each group by name."""
    order = {"gan": 0, "model": 0, "translator": 0, "fitted": 1, "real": 2}
    found = [(load_result(path.parent), path.parent) for path in settings.report.glob(f"models/*/{RESULT}")]
    made = [Entry(result, load_scorecard(folder), folder) for result, folder in found if result is not None]
    return sorted(made, key=lambda entry: (order[entry.result.kind], entry.name))


def read_log(path: Path) -> dict[str, list[float]]:
    """A log.csv as columns; empty fields are not a number."""
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        head, *rows = list(csv.reader(file)) or [[]]
    return {name: [float(row[at] or "nan") for row in rows if len(row) == len(head)] for at, name in enumerate(head)}


def stretches(log: Mapping[str, Sequence[float]], rows: int = LOG_ROWS) -> dict[str, list[float]]:
    """The log in at most `rows` rows, each the means over a stretch of equal length.

    >>> stretches({"step": [1.0, 2.0, 3.0, 4.0], "loss": [4.0, 2.0, 1.0, 1.0]}, rows=2)
    {'step': [1.5, 3.5], 'loss': [3.0, 1.0]}
    """
    length = len(next(iter(log.values()), ()))
    parts = np.array_split(np.arange(length), min(rows, length)) if length else []
    columns = {name: np.array(values) for name, values in log.items()}
    return {name: [round(float(np.mean(column[part])), 6) for part in parts] for name, column in columns.items()}


def save_log(log: Mapping[str, Sequence[float]], path: Path) -> None:
    """Columns as a CSV file, atomically."""
    lines = [",".join(log), *(",".join(f"{value:.6g}" for value in row) for row in zip(*log.values()))]
    replace_text(path, "\n".join(lines) + "\n")


def since(log: Mapping[str, Sequence[float]], first: float, last: float) -> dict[str, float]:
    """Means of the terms over the rows with first < seconds <= last; without step, seconds and speed.

    >>> since({"step": [1, 2, 3], "seconds": [1.0, 2.0, 3.0], "images/s": [9, 9, 9], "W": [5.0, 3.0, 1.0]}, 1.0, 3.0)
    {'W': 2.0}
    """
    rows = [at for at, seconds in enumerate(log.get("seconds", ())) if first < seconds <= last]
    terms = [name for name in log if name not in ("step", "seconds", "images/s")]
    means = {name: float(np.mean([log[name][at] for at in rows])) for name in terms if rows}
    return {name: mean for name, mean in means.items() if np.isfinite(mean)}


def require(found: Sequence[Entry]) -> None:
    """Refuse to report nothing."""
    if not found:
        raise GanevalError("no result is there yet: run without --report-only first")
