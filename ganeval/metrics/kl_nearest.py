"""Kullback-Leibler divergence from nearest neighbours."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from ganeval.errors import GanevalError
from ganeval.metrics.metric import metric
from ganeval.neighbour_ratios import FURTHER, doubts, filled, kl_terms, principal, second_opinion
from ganeval.ratios import bounded
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate, normal_interval


@metric(
    better="lower",
    range=(0, math.inf),
    optimum=0,
    paper="Wang, Kulkarni, Verdu 2009, doi:10.1109/TIT.2009.2016060",
    family="divergence",
    cost="N^2 D",
)
def kl_nearest(
    real: Features,
    fake: Features,
    *,
    k: int = 5,
    direction: Literal["real_fake", "fake_real"] = "real_fake",
    components: int = 0,
) -> Estimate:
    """KL(real || generated) in nats from the counts of neighbours in balls; `direction=fake_real` for the other way.

    `components` takes the first principal components of both sets together, of which the divergence can only be less.

    Formula: mean over samples x of p of log p(x) - log q(x), each the digamma of a count in the ball that reaches to
    the k-th neighbour in both sets, log(M / (N - 1)) added (eq. 25 of the paper). The interval is that of the mean of
    such terms of either set. Below 0 it is noise, and 0 is returned; the details have the number as it came out.

    Trust: in few dimensions, or on a manifold of few, from a thousand samples on. In more than about six it comes out
    too low, or too high where spreads differ, and warns; so it does where four times as many neighbours give another
    value. Where hardly a generated sample lies near a real one, no number of neighbours finds how far.

    Blind to: how far apart sets are that do not overlap, beyond the logarithm of the distance; and to copies.

    Toy: sample size; copies
    """
    for summary in (real, fake):
        summary.require(max(k, 1) + 2, "kl_nearest")
    if k < 1:
        raise GanevalError(f"kl_nearest: k is {k}, expected 1 or more: set kl_nearest.k")
    x, y = principal(real.rows, fake.rows, components)
    x, y = (x, y) if direction == "real_fake" else (y, x)
    terms, back = kl_terms(x, y, k), kl_terms(y, x, k)
    # samples of q enter through p/q at their places
    ratio = np.exp(np.minimum(-back, math.log(len(x))))
    error = math.sqrt(terms.var(ddof=1) / len(x) + ratio.var() / len(y))
    name = "KL(real || generated)" if direction == "real_fake" else "KL(generated || real)"
    found = normal_interval(float(terms.mean()), error, f"interval of {name}, k = {k}, {x.shape[1]} dimensions")
    dimensions, more = filled(x, y), FURTHER * k
    warnings = doubts(x, y, dimensions)
    if min(len(x), len(y)) > 4 * more:
        found, unsettled = second_opinion(found, [terms], [kl_terms(x, y, more)], k, dimensions)
        warnings += unsettled
    return bounded(found, warnings=warnings)
