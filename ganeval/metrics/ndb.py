"""Number of statistically different bins: in which regions of the real set are there too many or too few samples?"""

from __future__ import annotations

import numpy as np
import torch
from scipy.stats import norm

from ganeval.clusters import kmeans
from ganeval.distances import nearest
from ganeval.errors import GanevalError
from ganeval.metrics.metric import Laws, metric
from ganeval.ordering import shuffled
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate

_PER_BIN = 10  # real samples that a bin should hold for a test of proportions


@metric(
    better="lower",
    range=(0, 1),
    optimum=0.05,  # the level of the tests
    paper="Richardson and Weiss 2018, arXiv:1805.12462",
    laws=Laws(sees=frozenset({"shift", "modes"})),
    family="diversity",
    cost="N K D per k-means step, K bins",
)
def ndb(
    real: Features,
    fake: Features,
    *,
    bins: int = 0,
    significance: float = 0.05,
    split: bool = True,
    rng: np.random.Generator,
) -> Estimate:
    """Share of K bins, k-means cells of the real set, whose proportions differ: NDB / K.

    Each bin gets a two-proportion z-test with pooled variance at level `significance`. bins = 0 takes the paper's 100,
    or fewer, so that a bin holds 10 real samples on average. With `split`, one half of the real set makes the cells and
    the other is counted; `split=False` counts the samples that made them, as the paper does, which in many dimensions
    calls bins of equal distributions different.

    Formula: 1/K sum_k [p_k < significance] over K bins, k-means cells of the real set.

    Trust: against `significance`, which is what equal distributions score, or less where bins hold few samples; at one
    N: with more samples, smaller differences are significant.

    Blind to: all that happens inside a bin, and to copies.

    Toy: copies
    """
    real.require(4 * _PER_BIN, "ndb")
    fake.require(2 * _PER_BIN, "ndb")
    bins = bins or min(100, real.count // (_PER_BIN * (1 + split)))
    if bins < 2:
        raise GanevalError(f"ndb.bins is {bins}: proportions need at least 2 bins")
    real.require(bins * (1 + split), f"ndb with {bins} bins")
    rows = shuffled(real.rows, rng)
    made, counted = (rows[: len(rows) // 2], rows[len(rows) // 2 :]) if split else (rows, rows)
    centres = kmeans(made, bins, rng)
    counts = [torch.bincount(nearest(x, centres)[1], minlength=bins).double().numpy() for x in (counted, fake.rows)]
    different = int((_p_values(counts[0], counts[1]) < significance).sum())
    return Estimate(different / bins, method=f"{different} of {bins} bins differ at level {significance:g}")


def _p_values(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Two-sided p-values of pooled two-proportion z-tests, bin by bin; 1 where both leave a bin empty."""
    n, m = first.sum(), second.sum()
    pooled = (first + second) / (n + m)
    error = np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    z = np.divide(first / n - second / m, error, out=np.zeros_like(error), where=error > 0)
    return np.asarray(2 * norm.sf(np.abs(z)))
