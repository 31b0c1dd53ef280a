"""What a report holds, before any of it is drawn: one shape for a single score, a comparison and the demo."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ganeval.compare import Comparison
from ganeval.errors import GanevalError

_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Grid:
    """A sheet of sample images, as the bytes of a PNG. Under the name of a row, its main score is shown with it."""

    name: str
    caption: str
    png: bytes

    def __post_init__(self) -> None:
        if not self.png.startswith(_PNG) or len(self.png) < 24:
            raise GanevalError(f"the grid '{self.name}' is no PNG image: got {self.png[:8]!r}, expected {_PNG!r}")

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        width, height = struct.unpack(">II", self.png[16:24])
        return int(width), int(height)


@dataclass(frozen=True)
class Pair:
    """A generated image beside its nearest training image, as the bytes of a PNG.

    Attributes:
        generated, training: their places in either set, from 0.
        ratio: their distance over that of the training image from its own nearest other one.
    """

    generated: int
    training: int
    ratio: float
    png: bytes


@dataclass(frozen=True)
class Curve:
    """How one score of one model moved.

    Attributes:
        xs: where it was measured, rising, in the unit that `x_label` states.
        ys: the values, one per x.
        metric: metric name or column key. Yardsticks that have this score become horizontal lines, so measure the curve
            with their protocol and sample counts.
    """

    model: str
    xs: Sequence[float]
    ys: Sequence[float]
    metric: str
    x_label: str = "seconds of training"

    def __post_init__(self) -> None:
        if len(self.xs) != len(self.ys) or not self.xs:
            got = f"{len(self.xs)} xs and {len(self.ys)} ys"
            raise GanevalError(f"the curve of '{self.model}' has {got}: give at least one point, and one y per x")
        if not all(map(math.isfinite, [*self.xs, *self.ys])):
            raise GanevalError(f"the curve of '{self.model}' holds a value that is not finite: leave that point out")


@dataclass(frozen=True)
class Table:
    """Text in rows; the first field of a row names it.

    Raises:
        GanevalError: a row that is longer or shorter than the head.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.head):
                raise GanevalError(f"a row of {len(row)} fields, {row}, under a head of {len(self.head)}: {self.head}")


@dataclass(frozen=True)
class Section:
    """What a report has to say beside its scores: paragraphs, then a table, curves and figures, where there are any."""

    title: str
    paragraphs: Sequence[str] = ()
    table: Table | None = None
    curves: Sequence[Curve] = ()
    figures: Sequence[Grid] = ()


@dataclass(frozen=True)
class Flag:
    """Something the reader must know about one row before believing its numbers."""

    name: str
    severity: Literal["note", "warning", "serious"]
    text: str


@dataclass(frozen=True)
class Report:
    """Everything one report shows. Sections that would be empty are left out.

    Attributes:
        title, lead: the heading, and the sentence or two that say what came out.
        comparison: the table; its yardsticks are drawn apart from the models. One card alone makes a single score.
        main: metrics (or column keys) whose bar charts open the report; empty means the first column's.
        pairs: what is closest to the training set, most suspicious first.
        sections: studies of their own, between the curves and the samples.
        notes: further paragraphs for the end.
        commands: what makes this report again, one command a line.
    """

    title: str
    lead: str
    comparison: Comparison
    main: Sequence[str] = ()
    grids: Sequence[Grid] = ()
    pairs: Sequence[Pair] = ()
    curves: Sequence[Curve] = ()
    flags: Sequence[Flag] = ()
    sections: Sequence[Section] = ()
    notes: Sequence[str] = ()
    commands: Sequence[str] = ()
