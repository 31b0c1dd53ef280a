"""Kernel Inception distance: an unbiased estimate of the squared maximum mean discrepancy with a cubic kernel."""

from __future__ import annotations

import math

import numpy as np

from ganeval.errors import GanevalError
from ganeval.kernels import mmd2, polynomial
from ganeval.metrics.metric import Laws, metric
from ganeval.ordering import shuffled
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate, squared_interval

_TARGET = "interval of the population value, U-statistic variance"
_MOST = 4000


@metric(
    better="lower",
    range=(-math.inf, math.inf),
    optimum=0,
    paper="Binkowski et al. 2018, arXiv:1801.01401",
    family="kernel",
    cost="(N + M)^2 D",
    laws=Laws(sees=frozenset({"shift", "modes"})),
)
def kid(
    real: Features,
    fake: Features,
    *,
    subsets: int = 0,
    subset_size: int = 1000,
    shrink: bool = False,
    degree: int = 3,
    rng: np.random.Generator | np.random.RandomState,
) -> Estimate:
    """Kernel distance with k(x, y) = (x.y / D + 1)^degree; unbiased, so it may fall below 0 for equal sets.

    Formula: with k(x, y) = (x.y / D + 1)^degree, mean k(x, x') + mean k(y, y') - 2 mean k(x, y), the first two over
    pairs of different samples of one set: the squared maximum mean discrepancy (MMD^2, `mmd2`).

    With `subsets=0` every pair of samples counts once (the U-statistic) and the interval comes from its own variance.
    With `subsets=100` it is the mean over random subsets that most papers report; draws repeat across subsets, so their
    spread is not a standard error: the interval's is that of every pair. `shrink` cuts subsets to the smaller set where
    it has fewer samples, which changes the spread but not the expectation.

    Trust: at any counts, small ones included: it has no bias, and an interval.

    Blind to: differences in moments beyond the third; and to copies, which lower it as perfect samples would.

    Toy: shape; copies

    >>> import torch
    >>> def features(*rows):
    ...     summary = Features()
    ...     summary.update(torch.tensor(rows))
    ...     return summary
    >>> kid(features([0.0], [1.0]), features([2.0], [0.0]), rng=np.random.default_rng(0)).value  # 1 + 1 - 2 * 7.5
    -13.0
    """
    real.require(2, "kid")
    fake.require(2, "kid")
    if not subsets:
        found = mmd2(real.rows, fake.rows, polynomial(degree))
        return squared_interval(found.value, (found.error, found.chance), _TARGET)
    least = min(real.count, fake.count)
    if shrink:
        subset_size = min(subset_size, least)
    if subset_size < 2:
        raise GanevalError(f"kid: subset_size is {subset_size}, expected 2 or more: raise kid.subset_size")
    if subset_size > least:
        raise GanevalError(
            f"kid: subset_size is {subset_size}, but a set has only {least} samples: lower kid.subset_size "
            "or set kid.shrink=true"
        )
    values = []
    for _ in range(subsets):
        x = fake.rows[rng.choice(fake.count, subset_size, replace=False)]
        y = real.rows[rng.choice(real.count, subset_size, replace=False)]
        values.append(mmd2(x, y, polynomial(degree)).value)
    spread = f"subset standard deviation {np.std(values):.3g}"
    method = f"{_TARGET}; mean over {subsets} subsets of {subset_size}, {spread}"
    return squared_interval(float(np.mean(values)), _errors(real, fake, degree), method)


def _errors(real: Features, fake: Features, degree: int) -> tuple[float, float]:
    """Standard error of the estimate from every pair, and for equal sets, from at most `_MOST` rows of each, scaled."""
    rows = [shuffled(each.rows, np.random.default_rng(0))[:_MOST] for each in (real, fake)]
    kept = max(len(part) / each.count for part, each in zip(rows, (real, fake), strict=True))
    found = mmd2(rows[0], rows[1], polynomial(degree))
    chance = found.chance * kept  # falls as 1/N
    return max(found.error * math.sqrt(kept), chance), chance
