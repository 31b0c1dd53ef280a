"""Classifier two-sample test with nearest neighbours: local differences that no hyperplane shows."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ganeval.distances import select, squared_distances
from ganeval.metrics.metric import metric
from ganeval.ordering import shuffling
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate, accuracy_interval
from ganeval.uncertainty.halving import halving


@metric(
    better="lower",
    range=(0, 1),
    optimum=0.5,
    paper="Lopez-Paz and Oquab 2017, arXiv:1610.06545",
    family="classifier",
    cost="N^2 D",
    interval=halving(splits=16, most=1000),
)
def c2st_knn(real: Features, fake: Features, *, k: int = 0, rng: np.random.Generator) -> Estimate:
    """Accuracy of a k-nearest-neighbour classifier, real against generated, fitted on one half and tested on the other.

    k = 0 takes the root of the number of samples fitted, as the paper does. As many samples of either set enter as the
    smaller has; those of the larger are drawn by `rng`, as are the halves. A tied vote counts one half.

    Formula: the mean of the shares of real and of generated samples of the second halves whose k nearest samples of the
    first halves are mostly of their own set.

    Trust: above 0.5 by more than its interval, generated samples live elsewhere or crowd together. The interval is for
    the value at these counts and counts what the fitted half varies by, too. In many dimensions
    neighbours become uninformative, and it finds less than `c2st`.

    Blind to: copies, which lower it like perfect samples, below 0.5 even; and to quality beyond being told apart.

    Toy: copies

    >>> def features(*values):
    ...     summary = Features()
    ...     summary.update(torch.tensor(values)[:, None])
    ...     return summary
    >>> rng = np.random.default_rng(0)
    >>> c2st_knn(features(0.0, 1.0, 2.0, 3.0), features(50.0, 51.0, 52.0, 53.0), k=1, rng=rng).value
    1.0
    """
    for summary in (real, fake):
        summary.require(max(4, k + 1), "c2st_knn")
    count = min(real.count, fake.count) // 2
    known, new = zip(*(_halves(summary.rows, count, rng) for summary in (real, fake)), strict=True)
    k = k or math.isqrt(2 * count)
    votes = [_votes(rows, known, k) for rows in new]  # the share of generated samples among the neighbours
    right = [float((votes[0] < 0.5).sum() + (votes[0] == 0.5).sum() / 2)]
    right += [float((votes[1] > 0.5).sum() + (votes[1] == 0.5).sum() / 2)]
    method = f"k = {k}, {count} fitted and tested of each set"
    if sum(right) in (0, 2 * count):  # halves would show no spread
        return accuracy_interval((right[0], right[1]), (count, count), f"binomial interval, {method}")
    return Estimate(sum(right) / (2 * count), method=method)


def _halves(rows: Tensor, count: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Two disjoint draws of `count` rows."""
    drawn = shuffling(rows, rng)
    return select(rows, drawn[:count]), select(rows, drawn[count : 2 * count])


def _votes(rows: Tensor, known: tuple[Tensor, ...], k: int) -> Tensor:
    """The share of known[1] among the k nearest of both, equally large, for each of the rows, (N,)."""
    blocks = zip(*(squared_distances(rows, part) for part in known), strict=True)
    nearest = [torch.cat([d for _, d in both], 1).topk(k, largest=False).indices for both in blocks]
    return (torch.cat(nearest) >= len(known[0])).double().mean(1)
