"""The rows that everything is drawn from: of real images, and of some of them spoilt. Nothing is extracted after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganeval.clusters import kmeans
from ganeval.distances import nearest
from ganeval.errors import GanevalError
from ganeval.extractors import Tap

Indices: TypeAlias = npt.NDArray[np.int64]
Rung: TypeAlias = tuple[str, float]
"""(corruption, strength)."""
CLUSTERS = 10
"""Modes that k-means looks for where the images have no labels."""


@dataclass(frozen=True)
class Pool:
    """Rows of one reference.

    Attributes:
        clean: by tap, float32 (N, D).
        chosen: places in `clean` of the images that were spoilt, (M,).
        spoilt: by corruption and strength, then by tap, float32 (M, D): row i is of image `chosen[i]`.
        modes: number of the class or cluster of each image, (N,).
        grouping: what the modes are: `labels` or `clusters`.
        labels: class of each image, (N,), where the images have any.
    """

    clean: Mapping[Tap, Tensor]
    chosen: Indices
    spoilt: Mapping[Rung, Mapping[Tap, Tensor]]
    modes: Indices
    grouping: str
    labels: Indices | None = None

    @property
    def count(self) -> int:
        """N."""
        return len(self.modes)

    @property
    def strongest(self) -> list[Rung]:
        """Of every corruption the highest rung."""
        most: dict[str, float] = {}
        for name, strength in self.spoilt:
            most[name] = max(strength, most.get(name, 0.0))
        return list(most.items())

    def by_size(self) -> Indices:
        """The numbers of the modes, rarest first."""
        numbers, counts = np.unique(self.modes, return_counts=True)
        return np.asarray(numbers[np.argsort(counts, kind="stable")], dtype=np.int64)


def modes_of(rows: Tensor, labels: Indices | None, seed: int) -> tuple[Indices, str]:
    """(mode of each image, what the modes are): the labels where there are two or more, else clusters of `rows`.

    Raises:
        GanevalError: no labels, and features that are all alike.
    """
    if labels is not None and len(np.unique(labels)) > 1:
        return np.asarray(labels, dtype=np.int64), "labels"
    centres = kmeans(rows, min(CLUSTERS, len(rows) // 2), np.random.default_rng(seed))
    found = nearest(rows, centres)[1].numpy().astype(np.int64)
    if len(np.unique(found)) < 2:
        raise GanevalError("the features of all images are alike, so they have no modes: choose other --features")
    return found, "clusters"


def rows_at(rows: Tensor, places: Indices) -> Tensor:
    """float32 (len(places), D)."""
    return rows[torch.from_numpy(places)]
