"""Encoders: what comes back when an image is encoded and decoded again?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from benchmarks.zoo.classifier import labels_of
from benchmarks.zoo.results import Entry
from benchmarks.zoo.study import Finished, Study
from ganeval.images.grid import save_grid
from ganeval.reporting.report import Grid, Section, Table
from reference_models.recipe import Encoder
from reference_models.reconstruction import Redrawing, reconstruction_rows

FACTOR = 4
"""Asked of encoders learnt by a game: the class is kept this many times as often as by chance."""
PICTURE = "reconstructions.png"
_COLUMNS = 10


def applies(run: Finished) -> bool:
    """Models with an encoder."""
    return isinstance(run.checkpoint.recipe, Encoder)


def measure(run: Finished) -> dict[str, Any]:
    """L1 in levels of 255, perceptual distance, and how often the class is kept, on test images."""
    source = run.bench.settings.open(run.bench.sets.unseen)
    redraw = Redrawing(run.checkpoint, "reconstruct")
    save_grid(reconstruction_rows(redraw, source, 2 * _COLUMNS, _COLUMNS), run.folder / PICTURE, _COLUMNS)
    real = torch.cat(list(source.batches(500)))
    labels = labels_of(source)
    again = redraw(real, labels=labels.tolist())
    found = run.classifier.classes(again)
    return {
        "l1": run.bench.l1(real, again),
        "perceptual": run.bench.perceptual(real, again),
        "kept": float((found == labels).mean()),
        "real": run.classifier.agreement(real, labels),
        "chance": chance(labels, found),
        "images": len(real),
    }


def chance(labels: npt.NDArray[np.int64], found: npt.NDArray[np.int64]) -> float:
    """How often the found classes would be right if they were dealt out at random.

    >>> chance(np.array([0, 0, 1, 1]), np.array([0, 0, 0, 1]))
    0.5
    """
    classes = int(max(labels.max(), found.max())) + 1
    shares = [np.bincount(each, minlength=classes) / len(each) for each in (labels, found)]
    return float(shares[0] @ shares[1])


def tell(entries: Sequence[Entry]) -> Section | None:
    """A row and a picture for each model with an encoder."""
    measured = sorted(STUDY.measured(entries), key=lambda entry: float(STUDY.found(entry)["l1"]))
    if not measured:
        return None
    return Section(
        "Encoders: what comes back",
        [
            "Test images, encoded and decoded. L1 is the mean absolute difference of pixels, of 1. The perceptual "
            "distance is that of efficientnet_lite0_distance, from 0 to 4: LPIPS's formula without its learnt weights. "
            "The class is kept where a classifier trained on real images finds the label's class in the "
            "reconstruction; in brackets in the images themselves. Asked of models whose encoder was learnt by a game: "
            f"{FACTOR} times chance."
        ],
        Table(
            ["model", "L1", "perceptual distance", "class kept", "by chance", "times chance"],
            [_row(entry.name, STUDY.found(entry)) for entry in measured],
        ),
        figures=[Grid(entry.name, "test images above, below as they come back", _picture(entry)) for entry in measured],
    )


def _picture(entry: Entry) -> bytes:
    return (entry.folder / PICTURE).read_bytes()


def _row(name: str, found: dict[str, Any]) -> list[str]:
    return [
        name,
        f"{found['l1']:.4f}",
        f"{found['perceptual']:.4f}",
        f"{found['kept']:.1%} ({found['real']:.1%})",
        f"{found['chance']:.1%}",
        f"{found['kept'] / found['chance']:.1f}",
    ]


STUDY = Study("encoder", applies, measure, tell)
