"""Frechet distance between Gaussians fitted to two sets of features."""

from __future__ import annotations

import math

from torch import Tensor

from ganeval.errors import GanevalError
from ganeval.gaussians import Gaussian, frechet
from ganeval.keeping import Kept
from ganeval.metrics.metric import Laws, metric
from ganeval.summaries import Moments
from ganeval.uncertainty.frechet import population_frechet

_kept: Kept[float] = Kept()  # several metrics start from it


@metric(
    better="lower",
    range=(0, math.inf),
    optimum=0,
    paper="Heusel et al. 2017, arXiv:1706.08500",
    family="Frechet",
    cost="N D^2 + D^3, or N^2 D where N < D",
    laws=Laws(sees=frozenset({"shift", "modes"})),
    interval=population_frechet,
)
def fd(real: Moments, fake: Moments, *, ddof: int = 1) -> float:
    """Frechet distance on any features: how far apart the two sets are in mean and covariance.

    Formula: |m_r - m_f|^2 + tr(S_r) + tr(S_f) - 2 tr((S_r S_f)^(1/2)), in squared feature units (Dowson and Landau
    1982, eq. 4). Covariances S are sums over N - `ddof`: 1, or 0 as StyleGAN2 and 3 divide. On the Inception features
    of 2015 it is the FID.

    Trust: at equal sample counts only, and with several times more samples than features: it is biased upwards by about
    1/N. The interval is for the population value, around the value without that bias (`details`), so with few samples
    the value itself lies above it: compare values with values, intervals with intervals. See `fd_infinity`.

    Blind to: whatever mean and covariance do not hold, such as another shape around both; and to copies.

    Toy: sample size; shape; copies

    >>> import torch
    >>> def moments(*rows):
    ...     summary = Moments()
    ...     summary.update(torch.tensor(rows))
    ...     return summary
    >>> fd(moments([0.0], [2.0]), moments([3.0], [5.0]))  # variances 2 and 2, means 1 and 4
    9.0
    """
    if ddof not in (0, 1):
        raise GanevalError(f"ddof is {ddof}, expected 0 or 1: covariances are divided by N or by N - 1")

    def make() -> float:
        return frechet(Gaussian(real.mean, _factor(real, ddof)), Gaussian(fake.mean, _factor(fake, ddof)))

    return _kept.get([real, fake], make, ddof, real.count, fake.count)


def _factor(moments: Moments, ddof: int) -> Tensor:
    factor = moments.factor()
    if ddof == 1 or not moments.count:  # a file that does not say its count was divided as its tool divides
        return factor
    return factor * math.sqrt((moments.count - 1) / moments.count)
