"""Kernel Inception distance: an unbiased estimate of the squared maximum mean discrepancy with a cubic kernel."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ganeval import linalg
from ganeval.errors import GanevalError
from ganeval.metrics.metric import metric
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate, normal_interval


@metric(better="lower", range=(-math.inf, math.inf), optimum=0, paper="Binkowski et al. 2018, arXiv:1801.01401")
def kid(
    real: Features,
    fake: Features,
    *,
    subsets: int = 0,
    subset_size: int = 1000,
    degree: int = 3,
    rng: np.random.Generator | np.random.RandomState,
) -> Estimate:
    """Kernel distance with k(x, y) = (x.y / D + 1)^degree; unbiased, so it may fall below 0 for equal sets.

    With `subsets=0` every pair of samples counts once (the U-statistic) and the interval comes from its own variance.
    With `subsets=100` it is the mean over random subsets that most papers report; draws repeat across subsets, so their
    spread is not a standard error, and none is given.
    """
    real.require(2, "kid")
    fake.require(2, "kid")
    if not subsets:
        value, error = mmd2(real.rows, fake.rows, degree)
        return normal_interval(value, error, "interval of the population value, U-statistic variance")
    least = min(real.count, fake.count)
    if subset_size > least:
        raise GanevalError(
            f"kid: subset_size is {subset_size}, but a set has only {least} samples: lower kid.subset_size"
        )
    values = []
    for _ in range(subsets):
        x = fake.rows[rng.choice(fake.count, subset_size, replace=False)]
        y = real.rows[rng.choice(real.count, subset_size, replace=False)]
        values.append(mmd2(x, y, degree)[0])
    spread = f"subset standard deviation {np.std(values):.3g}"
    return Estimate(float(np.mean(values)), method=f"mean over {subsets} subsets of {subset_size}, {spread}")


def mmd2(x: Tensor, y: Tensor, degree: int) -> tuple[float, float]:
    """Unbiased MMD^2 of rows x (M, D) and y (N, D), and its standard error (Hoeffding, to second order)."""
    xx, yy, xy = _kernel(x, x, degree), _kernel(y, y, degree), _kernel(x, y, degree)
    value = xx.mean + yy.mean - 2 * xy.mean
    # The influence of one sample. Its spread counts the pairwise part of the variance twice, so that is taken off once.
    spread_x = (xx.rows - xy.rows).var().item()
    spread_y = (yy.rows - xy.columns).var().item()
    pairs = 2 * xx.pairwise / xx.pairs + 2 * yy.pairwise / yy.pairs + 4 * xy.pairwise / xy.pairs
    variance = 4 * spread_x / len(x) + 4 * spread_y / len(y) - pairs
    return value, math.sqrt(max(variance, pairs))


@dataclass(frozen=True)
class _Kernel:
    """Means of a kernel matrix over rows and columns, without its diagonal where both sides are the same samples."""

    rows: Tensor
    columns: Tensor
    mean: float
    pairwise: float  # variance of what row and column effects leave unexplained
    pairs: int


def _kernel(x: Tensor, y: Tensor, degree: int) -> _Kernel:
    same = x is y
    rows, columns, squares = torch.empty(len(x)).double(), torch.zeros(len(y)).double(), 0.0
    transposed = y.double().T / x.shape[1]
    for part in linalg.blocks(len(x), len(y)):
        block = (x[part].double() @ transposed + 1) ** degree
        if same:
            own = torch.arange(part.start, part.stop)
            block[own - part.start, own] = 0
        rows[part] = block.sum(1)
        columns += block.sum(0)
        squares += float(block.square().sum())
    per_row, per_column = (len(y) - 1, len(x) - 1) if same else (len(y), len(x))
    pairs, rows, columns = len(x) * per_row, rows / per_row, columns / per_column
    mean = float(rows.mean())
    effects = float((rows - mean).square().mean() + (columns - mean).square().mean())
    return _Kernel(rows, columns, mean, max(0.0, squares / pairs - mean**2 - effects), pairs)
