"""A closer look at one kind of model: what it measures of a finished run, and what it tells of all that it measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.zoo.bench import Bench
from benchmarks.zoo.classifier import Classifier, trained_classifier
from benchmarks.zoo.results import Entry
from ganeval.images import ImageSource
from ganeval.reporting.report import Section
from ganeval.scorecard import Scorecard
from reference_models.checkpoint import Checkpoint


@dataclass(frozen=True)
class Finished:
    """A model at the end of its training.

    Attributes:
        images: its samples, those that were scored; None where it makes none by itself. card: their scores.
        folder: where figures are put, as PNG.
    """

    checkpoint: Checkpoint
    images: ImageSource | None
    card: Scorecard
    folder: Path
    bench: Bench

    @cached_property
    def classifier(self) -> Classifier:
        """Trained once for all models."""
        sets, settings = self.bench.sets, self.bench.settings
        train, test = settings.open(sets.train), settings.open(sets.reference)
        return trained_classifier(train, test, settings.runs, settings.seed)


@dataclass(frozen=True)
class Study:
    """Applied to every model that it is for.

    Attributes:
        name: under which a result keeps what was measured.
        applies: whether a finished model is of this kind.
        measure: figures by name, JSON-able; it may put pictures into the folder.
        tell: a section from the entries that have been measured, or None where it has nothing to say.
    """

    name: str
    applies: Callable[[Finished], bool]
    measure: Callable[[Finished], dict[str, Any]]
    tell: Callable[[Sequence[Entry]], Section | None]

    def measured(self, entries: Sequence[Entry]) -> list[Entry]:
        """The entries that this study has looked at."""
        return [entry for entry in entries if self.name in entry.result.studies]

    def found(self, entry: Entry) -> dict[str, Any]:
        """What it found."""
        figures: dict[str, Any] = entry.result.studies[self.name]
        return figures
