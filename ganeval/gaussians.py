"""Gaussians given by a mean and a factor of their covariance, and the Frechet distance between two. Knows no metric."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from ganeval import linalg


@dataclass(frozen=True)
class Gaussian:
    """Mean float64 (D,) and covariance `factor.T @ factor + floor * identity`, factor float64 (K, D), floor >= 0.

    The floor is kept apart, so that a covariance shrunk from few samples still costs what those few samples cost.
    """

    mean: Tensor
    factor: Tensor
    floor: float = 0.0

    @classmethod
    def of(cls, rows: Tensor) -> Self:
        """Fitted to rows (N, D), N at least 2: the covariance is divided by N - 1."""
        mean = rows.double().mean(0)
        return cls(mean, (rows.double() - mean) / math.sqrt(len(rows) - 1))

    @property
    def variance(self) -> float:
        """Trace of the covariance."""
        return float(self.factor.square().sum()) + len(self.mean) * self.floor


def frechet(a: Gaussian, b: Gaussian) -> float:
    """|m_a - m_b|^2 + tr(S_a) + tr(S_b) - 2 tr((S_a S_b)^(1/2)), squared as is usual (Dowson and Landau 1982, eq. 4).

    >>> line = Gaussian.of(torch.tensor([[0.0], [2.0]]))  # mean 1, variance 2
    >>> round(frechet(line, Gaussian(line.mean + 3, line.factor, floor=6.0)), 9)  # 3^2 + 2 + 8 - 2 * sqrt(2 * 8)
    11.0
    """
    if a.floor == b.floor and torch.equal(a.mean, b.mean) and torch.equal(a.factor, b.factor):
        return 0.0
    means = float((a.mean - b.mean).square().sum())
    return max(0.0, means + a.variance + b.variance - 2 * _shared(a, b))


def _shared(a: Gaussian, b: Gaussian) -> float:
    """tr((S_a S_b)^(1/2))."""
    if a.floor == b.floor == 0:
        return linalg.trace_sqrt_product(_short(a.factor), _short(b.factor))
    # Both covariances are multiples of the identity outside the span of the two factors.
    basis = _basis(torch.cat([a.factor, b.factor]))
    outside = (basis.shape[0] - basis.shape[1]) * math.sqrt(a.floor * b.floor)
    return outside + linalg.trace_sqrt_product(_whole(a, basis), _whole(b, basis))


def _short(factor: Tensor) -> Tensor:
    """The factor, or one of no more than D rows with the same covariance."""
    return factor if factor.shape[0] <= factor.shape[1] else linalg.root(linalg.gram(factor))


def _basis(rows: Tensor) -> Tensor:
    """Orthonormal columns (D, R) whose span holds all rows (K, D); the identity once K reaches D."""
    if rows.shape[0] >= rows.shape[1]:
        return torch.eye(rows.shape[1], dtype=rows.dtype)
    basis: Tensor = torch.linalg.qr(rows.T).Q
    return basis


def _whole(gaussian: Gaussian, basis: Tensor) -> Tensor:
    """A factor (R, R) of the covariance within the basis, floor included."""
    inside = gaussian.factor @ basis
    return linalg.root(linalg.gram(inside) + gaussian.floor * torch.eye(basis.shape[1], dtype=inside.dtype))


def ledoit_wolf(rows: Tensor) -> Gaussian:
    """Fitted to rows (N, D) with the covariance shrunk to a multiple of the identity (Ledoit and Wolf 2004).

    (1 - w) S + w tr(S)/D I, with w = min(1, (sum_i |x_i|^4 / N^2 - tr(C^2) / N) / (tr(C^2) - tr(C)^2 / D)) for centred
    rows x_i and C = sum_i x_i x_i^T / N: an estimate of the weight of least expected squared Frobenius error. S is C
    with N - 1 in place of N.

    >>> gaussian = ledoit_wolf(torch.tensor([[0.0, 0.0], [2.0, 0.0], [1.0, 3.0]]))
    >>> round(gaussian.variance, 9)  # shrinking leaves the trace as it is
    4.0
    """
    plain = Gaussian.of(rows)
    count, width = rows.shape
    centred = plain.factor * math.sqrt(1 - 1 / count)  # factor of C
    gram = linalg.gram(centred.T if count <= width else centred)
    squares, total = float(gram.square().sum()), float(centred.square().sum())
    spread = float(centred.square().sum(1).square().sum()) - squares / count
    far = squares - total**2 / width
    weight = min(1.0, max(0.0, spread / far)) if far > 0 else 1.0
    return Gaussian(plain.mean, plain.factor * math.sqrt(1 - weight), weight * plain.variance / width)
