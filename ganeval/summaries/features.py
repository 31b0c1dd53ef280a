"""All rows, for metrics that compare samples with samples; with labels, for those of conditional models."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Self, TypeAlias

import torch
from torch import Tensor

from ganeval.distances import neighbour_distances, select
from ganeval.errors import GanevalError
from ganeval.summaries.moments import Moments
from ganeval.summaries.summary import Summary, finite

_MANY = 10_000  # rows, from which on distances between all of them take longer to compute than to read

Recall: TypeAlias = Callable[[str, Callable[[], Tensor]], Tensor]
"""(name, how it is made) => the tensor of that name that belongs to these rows."""


class Features(Summary):
    """All rows, float32 (N, D), in order. For metrics that compare samples with samples.

    Attributes:
        recall: where results that took long stay between runs, if anywhere.
    """

    kind = "features"

    def __init__(self) -> None:
        self._rows: list[Tensor] = []
        self._radii: Tensor | None = None
        self._moments: Moments | None = None
        self._measuring = threading.Lock()
        self.recall: Recall | None = None
        self.count = 0

    def update(self, rows: Tensor) -> None:
        self._take(finite(rows))

    def _take(self, rows: Tensor) -> None:
        self._rows.append(rows)
        self._radii = self._moments = self.recall = None
        self.count += len(rows)
        self.width = rows.shape[1]

    def merge(self, other: Features) -> None:
        if other.count:
            self.update(other.rows)

    @property
    def rows(self) -> Tensor:
        """float32 (N, D)."""
        if not self._rows:
            raise GanevalError("no samples: the image set is empty")
        rows = self._rows
        if len(rows) > 1:
            rows = self._rows = [torch.cat(rows)]
        return rows[0]

    def radii(self, k: int) -> Tensor:
        """Distance from each row to its k-th nearest other row, float64 (N,). Kept, since several metrics ask."""
        self.require(k + 1, f"a distance to the {k}-th neighbour")
        with self._measuring:  # or metrics that run at once would each compute them
            if self._radii is None or self._radii.shape[1] < k:
                self._radii = self._neighbours(min(max(k, 8), self.count - 1))
            return self._radii[:, k - 1]

    def _neighbours(self, k: int) -> Tensor:
        make = partial(neighbour_distances, self.rows, k)
        return self.recall(f"distances to {k} neighbours", make) if self.recall and self.count >= _MANY else make()

    @property
    def moments(self) -> Moments:
        """The mean and covariance of these rows. Kept, since several metrics ask."""
        with self._measuring:
            if self._moments is None:
                self._moments = Moments()
                self._moments.update(self.rows)
            return self._moments

    @moments.setter
    def moments(self, known: Moments) -> None:
        """Hand over the moments of the same rows that are known already."""
        self._moments = known

    def part(self, numbers: Tensor) -> Self:
        """Rows `numbers`, int64 (K,), in that order; their distances are looked up in those of the whole."""
        part = type(self)()
        part._take(select(self.rows, numbers))
        return part

    def state_dict(self) -> dict[str, Tensor]:
        return {"rows": self.rows} if self.count else {}

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> Features:
        summary = cls()
        if "rows" in state:
            summary.update(state["rows"])
        return summary


class Labelled(Features):
    """Feature rows with the class of each, for metrics of conditional models.

    Made by the engine from an image set's `Features`, which share its cache entry, and the set's labels.
    """

    labels: Tensor
    """int64 (N,): class numbers from 0 on."""

    @classmethod
    def of(cls, features: Features, labels: Tensor) -> Labelled:
        """The rows of `features`, row i of class `labels[i]`."""
        assert len(labels) == features.count, f"{len(labels)} labels for {features.count} rows"
        summary = cls()
        if features.count:
            summary._take(features.rows)
        summary.labels = labels.to(torch.int64)
        return summary

    def part(self, numbers: Tensor) -> Self:
        part = super().part(numbers)
        part.labels = self.labels[numbers]
        return part
