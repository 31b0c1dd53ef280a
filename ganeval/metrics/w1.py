"""Wasserstein-1 distance on a line, exact for the samples."""

from __future__ import annotations

import math

import numpy as np
import torch

from ganeval.metrics.metric import Laws, metric
from ganeval.neighbour_ratios import principal
from ganeval.ratios import Array, bounded
from ganeval.slicing import wasserstein
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate, normal_interval


@metric(
    better="lower",
    range=(0, math.inf),
    optimum=0,
    paper="Vallender 1974, doi:10.1137/1118101",
    laws=Laws(sees=frozenset({"shift"})),
    family="divergence",
    cost="N D^2 + N log N",
)
def w1(real: Features, fake: Features) -> Estimate:
    """Wasserstein-1 distance on a line, in feature units: exact for features of one dimension, else a lower bound.

    Features of more dimensions are projected to the first principal component of both sets together, with a warning: no
    projection lengthens a distance, so that of the whole is larger.

    Formula: the integral of |F - G| over the line, F and G the empirical distribution functions. The interval comes
    from the variance of the potential whose slope is the sign of G - F.

    Trust: on a line. For equal distributions it is not 0 but falls as 1/sqrt(N).

    Blind to: all but the first principal component; and to copies.

    Toy: sample size; one dimension

    >>> real, fake = Features(), Features()
    >>> real.update(torch.tensor([[0.0], [2.0]])); fake.update(torch.tensor([[3.0], [5.0]]))
    >>> w1(real, fake).value
    3.0
    """
    real.require(2, "w1")
    fake.require(2, "w1")
    x, y = principal(real.rows, fake.rows, 1)
    value = float(wasserstein(x, y, torch.ones(1, 1, dtype=torch.float64), 1))
    on_x, on_y = _potential(x[:, 0].double().numpy(), y[:, 0].double().numpy())
    error = math.sqrt(on_x.var(ddof=1) / len(on_x) + on_y.var(ddof=1) / len(on_y))
    warnings = (
        () if real.width == 1 else (f"of {real.width} dimensions only the first principal component is compared",)
    )
    return bounded(normal_interval(value, error, "interval of the dual potential"), warnings=warnings)


def _potential(x: Array, y: Array) -> tuple[Array, Array]:
    """The best critic of slope 1 at the samples of either set."""
    points = np.sort(np.concatenate([x, y]))
    gap = [np.searchsorted(np.sort(side), points[:-1], side="right") / len(side) for side in (x, y)]
    heights = np.concatenate([[0.0], np.cumsum(np.sign(gap[1] - gap[0]) * np.diff(points))])
    return np.interp(x, points, heights), np.interp(y, points, heights)
