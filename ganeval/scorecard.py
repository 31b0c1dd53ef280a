"""The scorecard: every score with its protocol, environment and timing, as versioned JSON."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ganeval import __version__
from ganeval.errors import GanevalError
from ganeval.files import replace_text

SCHEMA: Literal["ganeval/scorecard/1"] = "ganeval/scorecard/1"


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class ImageSetRecord(_Record):
    """One image set as it was scored.

    `skipped` lists files that could not be decoded and were left out, `warnings` what a generator made suspicious.
    """

    name: str
    fingerprint: str
    count: int | None
    skipped: list[str] = Field(default_factory=list)
    warnings: list[str] = Field(default_factory=list)


class Score(_Record):
    """One number: `value` with `low` and `high` (None where no interval is known) and the `method` behind them.

    The interval has its target, which `method` names, with probability `level`. The target is the population value or
    the value at these counts; `value` lies outside where it is biased and the target is not.

    `details` is what the metric found per class, per sample or per level, where it says more than one number. `counts`
    are the samples behind it per image set, None where statistics came without a count.
    """

    metric: str
    features: str
    value: float
    low: float | None = None
    high: float | None = None
    method: str = "point estimate"
    better: Literal["lower", "higher", "neither"] = "lower"
    counts: dict[str, int | None] = Field(default_factory=dict)
    options: dict[str, Any] = Field(default_factory=dict)
    details: dict[str, Any] = Field(default_factory=dict)
    level: float | None = None

    @property
    def key(self) -> str:
        """`fd` and `fd on inception.pool` are different columns of a comparison."""
        return f"{self.metric} ({self.features})"


class Scorecard(_Record):
    """All scores of one `fake` image set against one `reference`.

    `skipped` says of each metric of a suite that could not be computed why; `seconds` has the time of every stage and
    metric, of a metric on several networks as `fd (inception.pool)`.
    """

    schema_: Literal["ganeval/scorecard/1"] = Field(default=SCHEMA, alias="schema")
    name: str
    fake: ImageSetRecord
    reference: ImageSetRecord
    others: dict[str, ImageSetRecord] = Field(default_factory=dict)
    protocol: dict[str, Any]
    scores: list[Score]
    skipped: dict[str, str] = Field(default_factory=dict)
    environment: dict[str, Any] = Field(default_factory=dict)
    seconds: dict[str, float] = Field(default_factory=dict)

    def score(self, metric: str) -> Score | None:
        """The first score of this metric, or None."""
        return next((score for score in self.scores if score.metric == metric), None)

    def save(self, path: Path) -> None:
        """Write atomically as JSON."""
        replace_text(path, json.dumps(self.model_dump(by_alias=True), indent=2) + "\n")


def load_scorecard(path: Path) -> Scorecard:
    """Read a scorecard from its file, or from the folder that holds `scorecard.json`."""
    file = path / "scorecard.json" if path.is_dir() else path
    try:
        return Scorecard.model_validate_json(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise GanevalError(f"no scorecard at {file}: name a scorecard.json, or a folder that holds one") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise GanevalError(
            f"{file} is not a scorecard of schema {SCHEMA}: {where}: {first['msg']}. Score again with this version"
        ) from None


def environment(device: str) -> dict[str, Any]:
    """Versions and machine, for the record."""
    import numpy
    import torch

    return {
        "ganeval": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "platform": platform.platform(),
        "device": device,
        "threads": torch.get_num_threads(),
    }
