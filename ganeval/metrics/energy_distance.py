"""Energy distance: how much further samples of different sets are apart than samples of one set."""

from __future__ import annotations

import math

from ganeval.kernels import mmd2, negative_distance
from ganeval.metrics.metric import Laws, metric
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate, squared_interval


@metric(
    better="lower",
    range=(-math.inf, math.inf),
    optimum=0,
    paper="Szekely and Rizzo 2013, doi:10.1016/j.jspi.2013.03.018",
    laws=Laws(sees=frozenset({"shift", "modes"})),
    family="kernel",
    cost="(N + M)^2 D",
)
def energy_distance(real: Features, fake: Features) -> Estimate:
    """2 E|x - y| - E|x - x'| - E|y - y'|, in feature units; unbiased, so it may fall below 0 for equal sets.

    Formula: 2 E|x - y| - E|x - x'| - E|y - y'|, in feature units, over pairs of different samples: unbiased, so it may
    fall below 0 for equal sets. It is 0 for equal distributions only (prop. 1), and it is the squared maximum mean
    discrepancy of the kernel -|x - y| (Sejdinovic et al. 2013), hence the same interval as for `kid`.

    Trust: at any counts, with no option to tune.

    Blind to: moments of higher order, nearly: in many dimensions it sees little but the mean, the scale and gross
    outliers; and to copies.

    Toy: shape; copies

    >>> import torch
    >>> def features(*rows):
    ...     summary = Features()
    ...     summary.update(torch.tensor(rows))
    ...     return summary
    >>> energy_distance(features([0.0], [2.0]), features([3.0], [5.0])).value  # 2 * 3 - 2 - 2
    2.0
    """
    real.require(2, "energy_distance")
    fake.require(2, "energy_distance")
    found = mmd2(real.rows, fake.rows, negative_distance)
    method = "interval of the population value, U-statistic variance"
    return squared_interval(found.value, (found.error, found.chance), method)
