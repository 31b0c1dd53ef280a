"""Differential entropy from nearest neighbours."""

from __future__ import annotations

import math

from ganeval.errors import GanevalError
from ganeval.metrics.metric import metric
from ganeval.neighbour_ratios import doubts, entropy_terms, filled, principal
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate, normal_interval


@metric(
    better="neither",
    range=(-math.inf, math.inf),
    optimum=None,
    paper="Kozachenko and Leonenko 1987; Kraskov et al. 2004, arXiv:cond-mat/0305641",
    family="divergence",
    cost="N^2 D",
)
def entropy_nearest(real: Features, fake: Features, *, k: int = 5, components: int = 0) -> Estimate:
    """Differential entropy of the generated samples in nats, from the distances to their k-th neighbours.

    `details` has the entropy of the real samples; the difference shows lost diversity. `components` takes the first
    principal components of both sets together.

    Formula: digamma(N) - digamma(k) + log of the unit ball's volume + D/N sum_i log r_i, r_i the distance to the k-th
    neighbour.

    Trust: in few dimensions. In more than about six, and on a manifold of fewer dimensions than the features have,
    where the entropy is minus infinity, only the difference from the real set's says something.

    Blind to: where the samples are. Any shift or rotation leaves it as it is.

    Toy: crowd; far
    """
    for summary in (real, fake):
        summary.require(max(k, 1) + 2, "entropy_nearest")
    if k < 1:
        raise GanevalError(f"entropy_nearest: k is {k}, expected 1 or more: set entropy_nearest.k")
    x, y = principal(real.rows, fake.rows, components)
    terms = entropy_terms(y, k)
    details = {"real": float(entropy_terms(x, k).mean()), "warnings": [*doubts(x, y, filled(x, y))]}
    error = float(terms.std(ddof=1)) / math.sqrt(len(terms))
    found = normal_interval(
        float(terms.mean()), error, f"interval of the mean of terms, k = {k}, {x.shape[1]} dimensions"
    )
    return Estimate(found.value, found.low, found.high, found.method, details)
