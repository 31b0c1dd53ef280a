"""Wasserstein-2 distance between Gaussians: the root of the Frechet distance."""

from __future__ import annotations

import math

from ganeval.gaussians import Gaussian, frechet
from ganeval.metrics.metric import metric
from ganeval.summaries import Moments


@metric(
    better="lower",
    range=(0, math.inf),
    optimum=0,
    paper="Dowson and Landau 1982, doi:10.1016/0047-259X(82)90077-X; Gelbrich 1990",
    family="divergence",
    cost="N D^2 + D^3, or N^2 D where N < D",
)
def w2_gaussian(real: Moments, fake: Moments) -> float:
    """Wasserstein-2 distance between the Gaussians of both sets' mean and covariance, in feature units: root of `fd`.

    Formula: (|m_r - m_f|^2 + tr(S_r) + tr(S_f) - 2 tr((S_r S_f)^(1/2)))^(1/2).

    Trust: exact for Gaussians of many samples; for any distributions a lower bound of their W2 (Gelbrich). Biased
    upwards by few samples as `fd` is.

    Blind to: whatever mean and covariance do not hold, such as another shape around both; and to copies.

    Toy: sample size; shape; copies

    >>> import torch
    >>> def moments(*rows):
    ...     summary = Moments()
    ...     summary.update(torch.tensor(rows))
    ...     return summary
    >>> w2_gaussian(moments([0.0], [2.0]), moments([3.0], [5.0]))
    3.0
    """
    return math.sqrt(frechet(Gaussian(real.mean, real.factor()), Gaussian(fake.mean, fake.factor())))
