"""Small mergeable summaries of feature rows: batches, workers, resume and cache are all `update` and `merge`."""

from __future__ import annotations

import math
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import partial
from typing import ClassVar, Self, TypeAlias

import torch
from torch import Tensor

from ganeval import linalg
from ganeval.errors import GanevalError
from ganeval.row_sample import RowSample

_MANY = 10_000  # rows, from which on distances between all of them take longer to compute than to read
_LEAST_CHUNK = 1024  # rows folded together; more would only cost memory, fewer would cost D x D additions

Recall: TypeAlias = Callable[[str, Callable[[], Tensor]], Tensor]
"""(name, how it is made) => the tensor of that name that belongs to these rows."""


class Summary(ABC):
    """What is kept of one image set's rows at one tap.

    Attributes:
        kind: the name of the class of summary in cache keys and files.
        count: rows seen so far.
        width: columns D, 0 before the first row.
    """

    kind: ClassVar[str]
    count: int
    width: int = 0

    @abstractmethod
    def update(self, rows: Tensor) -> None:
        """Take in float32 rows (N, D). The result does not depend on how rows are cut into batches.

        Raises:
            GanevalError: a value that is not finite.
        """

    @abstractmethod
    def merge(self, other: Self) -> None:
        """Take in another summary, as if its rows had come after one's own."""

    @abstractmethod
    def state_dict(self) -> dict[str, Tensor]:
        """Everything, as tensors; `from_state` gives an equal summary back."""

    @classmethod
    @abstractmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> Self:
        """The summary that `state_dict` described."""

    def require(self, least: int, what: str) -> None:
        """Raise GanevalError unless at least `least` rows are here."""
        if self.count < least:
            raise GanevalError(f"{what} needs at least {least} samples, got {self.count}: use more images")


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
        self._take(_finite(rows))

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
        make = partial(linalg.neighbour_distances, self.rows, k)
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
        part._take(linalg.select(self.rows, numbers))
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


class Moments(Summary):
    """Mean and covariance in float64, in memory that does not grow with N.

    While there are no more rows than D (or than a chunk), the rows themselves are kept: that is no larger than the
    covariance and lets the Frechet distance of few samples use singular values of an N x N product. After that, rows
    are folded a fixed number at a time into a mean and a scatter matrix about that mean (Chan, Golub, LeVeque 1983),
    so that the cut into batches cannot change the sums. A bounded random sample of the rows stays for intervals.
    """

    kind = "moments"

    def __init__(self) -> None:
        self.count = 0
        self._folded = 0
        self._mean = torch.empty(0, dtype=torch.float64)
        self._scatter = torch.empty(0, 0, dtype=torch.float64)
        self._waiting: list[Tensor] = []
        self._sample = RowSample()
        self._result: tuple[Tensor, Tensor] | None = None

    def update(self, rows: Tensor) -> None:
        rows = _finite(rows)
        self._sample.update(rows)
        self._take(rows)

    def _take(self, rows: Tensor) -> None:
        self._waiting.append(rows)
        self._result = None
        self.count += len(rows)
        self.width = rows.shape[1]
        chunk = max(_LEAST_CHUNK, rows.shape[1])
        if self.count - self._folded > chunk:
            *full, rest = torch.split(torch.cat(self._waiting), chunk)
            for part in full:
                self._fold(*_scatter(part))
            self._waiting = [rest.clone()]

    def merge(self, other: Moments) -> None:
        if other._folded:
            self._fold(other._folded, other._mean, other._scatter)
            self.count += other._folded
        if other.count:
            self._sample.update(other.sample)
        for rows in other._waiting:
            self._take(rows)

    def _fold(self, count: int, mean: Tensor, scatter: Tensor) -> None:
        self._result = None
        self.width = len(mean)
        if not self._folded:
            self._folded, self._mean, self._scatter = count, mean, scatter
            return
        total = self._folded + count
        shift = mean - self._mean
        self._scatter = self._scatter + scatter
        self._scatter.addr_(shift, shift, alpha=self._folded * count / total)
        self._mean = self._mean + shift * (count / total)
        self._folded = total

    def _whole(self) -> tuple[Tensor, Tensor]:
        """Mean (D,) and scatter (D, D) of all rows; own state stays, so that later updates fold as they would have."""
        if not self._waiting:
            return self._mean, self._scatter
        if self._result is None:
            whole = Moments()
            if self._folded:
                whole._fold(self._folded, self._mean, self._scatter)
            whole._fold(*_scatter(torch.cat(self._waiting)))
            self._result = whole._mean, whole._scatter
        return self._result

    @property
    def sample(self) -> Tensor:
        """float32 (min(N, `row_sample.MOST`), D): rows drawn at random, whatever their order; none of given moments."""
        return self._sample.rows

    @property
    def mean(self) -> Tensor:
        """float64 (D,)."""
        if self._folded:
            return self._whole()[0]
        return torch.cat(self._waiting).double().mean(0)

    @property
    def covariance(self) -> Tensor:
        """float64 (D, D), divided by N - 1."""
        self.require(2, "a covariance")
        return self._whole()[1] / (self.count - 1)

    def factor(self) -> Tensor:
        """float64 (K, D) with K <= max(N, D) and `factor.T @ factor` equal to the covariance.

        The centred rows over sqrt(N - 1) while N <= D, else a Cholesky factor.
        """
        self.require(2, "a covariance")
        if not self._folded:
            rows = torch.cat(self._waiting).double()
            if self.count <= rows.shape[1]:
                centred: Tensor = rows - rows.mean(0)
                return centred.div(math.sqrt(self.count - 1))
        return linalg.root(self.covariance)

    def state_dict(self) -> dict[str, Tensor]:
        state = {"folded": torch.tensor(self._folded)}
        if self._waiting:
            state["waiting"] = torch.cat(self._waiting)
        if self._folded:
            state |= {"mean": self._mean, "scatter": self._scatter}
        if self.count:
            state["sample"] = self.sample
        return state

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> Moments:
        summary = cls()
        if int(state["folded"]):
            summary._fold(int(state["folded"]), state["mean"], state["scatter"])
            summary.count = summary._folded
        if "waiting" in state:
            summary._take(state["waiting"])
        if "sample" in state:
            summary._sample.update(state["sample"])
        return summary


class GivenMoments(Moments):
    """Mean and covariance computed elsewhere, such as reference statistics from a file.

    `count` is 0 where the number of samples behind them is not known; no least number can then be asked of them.
    """

    def __init__(self, mean: Tensor, covariance: Tensor, count: int = 0) -> None:
        """Take mean float64 (D,) and covariance float64 (D, D), which is symmetric and positive semidefinite."""
        super().__init__()
        self._mean, self._covariance = mean, covariance
        self.count, self.width = count, len(mean)

    def require(self, least: int, what: str) -> None:
        """As for any summary, if the count is known."""
        if self.count:
            super().require(least, what)

    @property
    def mean(self) -> Tensor:
        """float64 (D,)."""
        return self._mean

    @property
    def covariance(self) -> Tensor:
        """float64 (D, D), with whatever divisor it was made."""
        return self._covariance

    def factor(self) -> Tensor:
        """float64 (K, D), K at most D: Cholesky, or by eigenvalues where the covariance is singular."""
        return linalg.root(self._covariance)

    def update(self, rows: Tensor) -> None:
        raise TypeError("moments given as a whole take no more rows")

    def merge(self, other: Moments) -> None:
        raise TypeError("moments given as a whole take no more rows")

    def state_dict(self) -> dict[str, Tensor]:
        return {"mean": self._mean, "covariance": self._covariance, "count": torch.tensor(self.count)}

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> GivenMoments:
        return cls(state["mean"], state["covariance"], int(state["count"]))


def _finite(rows: Tensor) -> Tensor:
    """The rows as float32."""
    rows = rows.to(torch.float32)
    finite = torch.isfinite(rows)
    if not bool(finite.all()):
        bad = int((~finite).any(1).sum())
        raise GanevalError(
            f"{bad} of {len(rows)} rows of features hold NaN or infinity: look at the images, or at the network"
        )
    return rows


def _scatter(rows: Tensor) -> tuple[int, Tensor, Tensor]:
    rows = rows.double()
    mean = rows.mean(0)
    centred = rows - mean
    return len(rows), mean, linalg.gram(centred)


KINDS: Mapping[str, type[Summary]] = {kind.kind: kind for kind in (Features, Moments)}
