"""Kernels, and the squared maximum mean discrepancy between two samples under any of them. Knows no metric."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

from ganeval.distances import products, squared_distances

Kernel: TypeAlias = Callable[[Tensor, Tensor], Iterator[tuple[slice, Tensor]]]
"""Rows x (M, D) and y (N, D) => (rows of x, float64 block of k(x, y) over all of y), block after block."""


class Discrepancy(NamedTuple):
    """MMD^2 between two samples.

    Attributes:
        value: the unbiased U-statistic, below 0 about half the time for equal distributions.
        error: its standard error (Hoeffding, to second order).
        chance: what the standard error is for equal distributions, which pairs of samples alone make up.
        bias: what the V-statistic, which counts every sample as its own partner, has on top; value + bias >= 0.
    """

    value: float
    error: float
    chance: float
    bias: float


def polynomial(degree: int) -> Kernel:
    """k(x, y) = (x.y / D + 1)^degree.

    >>> _, block = next(polynomial(3)(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]])))
    >>> round(block.item(), 9)  # (11 / 2 + 1)^3
    274.625
    """

    def kernel(x: Tensor, y: Tensor) -> Iterator[tuple[slice, Tensor]]:
        for part, found in products(x, y):
            yield part, found.div_(x.shape[1]).add_(1).pow_(degree)

    return kernel


def gaussian(sigma: float) -> Kernel:
    """k(x, y) = exp(-|x - y|^2 / (2 sigma^2)).

    >>> _, block = next(gaussian(1.0)(torch.tensor([[0.0]]), torch.tensor([[2.0]])))
    >>> round(block.item(), 4)
    0.1353
    """

    def kernel(x: Tensor, y: Tensor) -> Iterator[tuple[slice, Tensor]]:
        for part, distances in squared_distances(x, y):
            yield part, distances.mul_(-0.5 / sigma**2).exp_()

    return kernel


def negative_distance(x: Tensor, y: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """k(x, y) = -|x - y|, conditionally positive definite: its MMD^2 is the energy distance."""
    for part, distances in squared_distances(x, y):
        yield part, distances.sqrt_().neg_()


def mmd2(x: Tensor, y: Tensor, kernel: Kernel) -> Discrepancy:
    """MMD^2 of rows x (M, D) and y (N, D), M and N at least 2, from every pair once, in float64.

    >>> x, y = torch.tensor([[0.0], [2.0]]), torch.tensor([[3.0], [5.0]])
    >>> mmd2(x, y, negative_distance).value  # 2 * 3 - 2 - 2
    2.0
    """
    xx, yy, xy = _effects(x, x, kernel), _effects(y, y, kernel), _effects(x, y, kernel)
    value = xx.mean + yy.mean - 2 * xy.mean
    # The influence of one sample. Its spread counts the pairwise part of the variance twice, so that is taken off once.
    spread_x = (xx.rows - xy.rows).var().item()
    spread_y = (yy.rows - xy.columns).var().item()
    pairs = 2 * xx.pairwise / xx.pairs + 2 * yy.pairwise / yy.pairs + 4 * xy.pairwise / xy.pairs
    variance = 4 * spread_x / len(x) + 4 * spread_y / len(y) - pairs
    bias = (xx.diagonal - xx.mean) / len(x) + (yy.diagonal - yy.mean) / len(y)
    return Discrepancy(value, math.sqrt(max(variance, pairs)), math.sqrt(pairs), bias)


@dataclass(frozen=True)
class _Effects:
    """Means of a kernel matrix over rows and columns, without its diagonal where both sides are the same samples."""

    rows: Tensor
    columns: Tensor
    mean: float
    diagonal: float  # mean of k(x, x), 0 where the sides differ
    pairwise: float  # variance of what row and column effects leave unexplained
    pairs: int


def _effects(x: Tensor, y: Tensor, kernel: Kernel) -> _Effects:
    same = x is y
    rows, columns = torch.empty(len(x)).double(), torch.zeros(len(y)).double()
    squares = diagonal = 0.0
    for part, block in kernel(x, y):
        if same:
            own = torch.arange(part.start, part.stop)
            diagonal += float(block[own - part.start, own].sum()) / len(x)
            block[own - part.start, own] = 0
        rows[part] = block.sum(1)
        columns += block.sum(0)
        squares += float(block.square().sum())
    per_row, per_column = (len(y) - 1, len(x) - 1) if same else (len(y), len(x))
    pairs, rows, columns = len(x) * per_row, rows / per_row, columns / per_column
    mean = float(rows.mean())
    unexplained = squares / pairs - mean**2 - float((rows - mean).square().mean() + (columns - mean).square().mean())
    return _Effects(rows, columns, mean, diagonal, max(0.0, unexplained), pairs)
