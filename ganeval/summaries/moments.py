"""Mean and covariance, folded from rows or computed elsewhere, for Frechet distances."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from ganeval import linalg
from ganeval.row_sample import RowSample
from ganeval.summaries.summary import Summary, finite

_LEAST_CHUNK = 1024  # rows folded together; more would only cost memory, fewer would cost D x D additions


class Moments(Summary):
    """Mean and covariance in float64, in memory that does not grow with N.

    While there are no more rows than D (or than a chunk), the rows themselves are kept: that is no larger than the
    covariance and lets the Frechet distance of few samples use singular values of an N x N product. After that, rows
    are folded a fixed number at a time into a mean and a scatter matrix about that mean (Chan, Golub, LeVeque 1983),
    so that the cut into batches cannot change the sums. A bounded random sample of the rows stays for intervals, and
    for that how often each row was, by a number of 64 bits.
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
        rows = finite(rows)
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
            self._sample.update(*other._sample.held())
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
            state["sample"], state["sample_numbers"] = self._sample.held()
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
            summary._sample.update(state["sample"], state.get("sample_numbers"))
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


def _scatter(rows: Tensor) -> tuple[int, Tensor, Tensor]:
    rows = rows.double()
    mean = rows.mean(0)
    centred = rows - mean
    return len(rows), mean, linalg.gram(centred)
