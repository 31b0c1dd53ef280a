"""Whether image sets have the labels that metrics of conditional models compare by, known before any image is read."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from ganeval.errors import GanevalError
from ganeval.images import ImageSource, Opened
from ganeval.metrics.metric import Metric
from ganeval.summaries import Labelled


def labels_of(source: Opened) -> Tensor:
    """Class number of each image, int64 (N,), of a set that has them."""
    labels = getattr(source, "labels", None)
    assert labels is not None, "see require_labels"
    return torch.from_numpy(np.asarray(labels, dtype=np.int64))


def require_labels(metric: Metric, sources: Mapping[str, Opened]) -> None:
    """Raise GanevalError where the metric wants labels and a set has none, or names its classes unlike another."""
    wanted = {name: sources[name] for name, kind in metric.sets.items() if kind is Labelled}
    for name, source in wanted.items():
        if getattr(source, "labels", None) is None:
            raise GanevalError(
                f"{metric.name} needs the class of each image, and the image set '{name}' has none: use a folder or an "
                "archive with one folder per class, arrays with labels (arr_1), a labelled dataset:NAME, or a "
                "conditional generator"
            )
    _require_same_names(metric.name, wanted)


def _require_same_names(metric: str, sources: Mapping[str, Opened]) -> None:
    """Folders are numbered by their sorted names, so other names would pair classes that have nothing in common."""
    classes = {name: source.classes for name, source in sources.items() if isinstance(source, ImageSource)}
    named = [(name, known) for name, known in classes.items() if known]
    for (first, ours), (second, theirs) in pairwise(named):
        if ours != theirs and _are_numbers(ours) == _are_numbers(theirs):
            differing = sorted(set(ours) ^ set(theirs))
            shown = ", ".join(differing[:5]) + (", ..." if len(differing) > 5 else "")
            raise GanevalError(
                f"{metric} compares class with class, but the folders of '{first}' and '{second}' have other names: "
                f"only one of the sets has {shown}. Name them alike, or number those of one set from 0 on in the order "
                "of the other's names"
            )


def _are_numbers(names: tuple[str, ...]) -> bool:
    """Folders called 0, 1, 2, ... are numbers of classes, whatever those are called elsewhere."""
    return all(map(str.isdecimal, names))
