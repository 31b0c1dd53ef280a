"""Maximum mean discrepancy with a Gaussian kernel."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ganeval.distances import select, squared_distances
from ganeval.errors import GanevalError
from ganeval.kernels import gaussian, mmd2
from ganeval.metrics.metric import Laws, metric
from ganeval.ordering import shuffling
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate, squared_interval

_PAIRED = 1000  # rows of each set behind the median: two million pairs fix it to a fraction of a percent


@metric(
    better="lower",
    range=(-2, 2),
    optimum=0,
    paper="Gretton et al. 2012, https://jmlr.org/papers/v13/gretton12a.html",
    laws=Laws(sees=frozenset({"shift", "modes"})),
    family="kernel",
    cost="(N + M)^2 D",
)
def mmd_rbf(real: Features, fake: Features, *, bandwidth: float = 0.0, rng: np.random.Generator) -> Estimate:
    """Squared MMD with k(x, y) = exp(-|x - y|^2 / (2 bandwidth^2)); unbiased (eq. 3), so below 0 at times.

    Formula: E k(x, x') + E k(y, y') - 2 E k(x, y) with k(x, y) = exp(-|x - y|^2 / (2 bandwidth^2)) over pairs of
    different samples; unbiased (eq. 3), so below 0 at times.

    `bandwidth=0` takes the median distance within the pooled samples (section 8), from at most 1,000 of each set.

    Trust: at one bandwidth. The median moves with the generator: fix the number, which the method names, where several
    generators are compared. The interval treats it as given.

    Blind to: structure much smaller than the bandwidth, and all but the mean where the bandwidth is much larger than
    the data; and to copies.

    Toy: shape; copies

    >>> def features(*rows):
    ...     summary = Features()
    ...     summary.update(torch.tensor(rows))
    ...     return summary
    >>> rng = np.random.default_rng(0)
    >>> round(mmd_rbf(features([0.0], [1.0]), features([0.0], [1.0]), bandwidth=1.0, rng=rng).value, 4)
    -0.3935
    """
    real.require(2, "mmd_rbf")
    fake.require(2, "mmd_rbf")
    if bandwidth < 0:
        raise GanevalError(f"mmd_rbf: bandwidth is {bandwidth}: give a number above 0, or 0 for the median distance")
    sigma = bandwidth or _median_distance(real, fake, rng)
    found = mmd2(real.rows, fake.rows, gaussian(sigma))
    method = f"interval of the population value at bandwidth {sigma:.6g}, U-statistic variance"
    return squared_interval(found.value, (found.error, found.chance), method)


def _median_distance(real: Features, fake: Features, rng: np.random.Generator) -> float:
    x, y = (select(each.rows, shuffling(each.rows, rng)[:_PAIRED]) for each in (real, fake))
    across = torch.cat([distances.flatten() for _, distances in squared_distances(x, y)])
    median = float(torch.cat([across, _within(x), _within(y)]).median().sqrt())
    if not median:
        raise GanevalError(
            "mmd_rbf: half of all pairs of samples have equal features, so their median distance is 0: "
            "look at the images, or set mmd_rbf.bandwidth"
        )
    return median


def _within(rows: Tensor) -> Tensor:
    """Squared distances of all pairs of these rows."""
    squares = torch.cat([distances for _, distances in squared_distances(rows, rows)])
    return squares[tuple(torch.triu_indices(len(rows), len(rows), 1))]
