"""Jensen-Shannon divergence from nearest neighbours."""

from __future__ import annotations

import math

import numpy as np

from ganeval.errors import GanevalError
from ganeval.metrics.metric import metric
from ganeval.neighbour_ratios import FURTHER, doubts, filled, js_terms, principal, second_opinion
from ganeval.ordering import shuffled
from ganeval.ratios import bounded
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate, normal_interval


@metric(
    better="lower",
    range=(0, math.log(2)),
    optimum=0,
    paper="Wang, Kulkarni, Verdu 2009, doi:10.1109/TIT.2009.2016060; de Groot 1959, doi:10.1214/aoms/1177706361",
    family="divergence",
    cost="N^2 D",
)
def js_nearest(
    real: Features, fake: Features, *, k: int = 5, components: int = 0, rng: np.random.Generator
) -> Estimate:
    """Jensen-Shannon divergence in nats from the counts of neighbours in balls: 0 for equal sets, log 2 at most.

    `components` takes the first principal components of both sets together, of which the divergence can only be less.
    As many samples of either set enter as the smaller has.

    Formula: (KL(p || m) + KL(q || m)) / 2 for the mixture m = (p + q) / 2, each KL the mean of log 2 + digamma(k) -
    digamma(samples of both sets in the ball to the k-th neighbour of the own set): unbiased where p / m is constant in
    the ball, as sampling until k successes is.

    Trust: in few dimensions, or on a manifold of few, from a thousand samples on; in more than about six it comes out
    too low, and warns, as it does where four times as many neighbours give another value.

    Blind to: copies; and to how far apart sets are that do not overlap: then it is log 2.

    Toy: sample size; copies
    """
    for summary in (real, fake):
        summary.require(max(k, 1) + 2, "js_nearest")
    if k < 1:
        raise GanevalError(f"js_nearest: k is {k}, expected 1 or more: set js_nearest.k")
    count, seed = min(real.count, fake.count), int(rng.integers(2**32))
    drawn = [shuffled(summary.rows, np.random.default_rng(seed))[:count] for summary in (real, fake)]
    x, y = principal(drawn[0], drawn[1], components)
    sides = [js_terms(x, y, k), js_terms(y, x, k)]
    error = math.sqrt(sum(float(terms.var(ddof=1)) for terms in sides) / (4 * count))
    value = float(sum(terms.mean() for terms in sides)) / 2
    found = normal_interval(value, error, f"interval of the mean of terms, k = {k}, {x.shape[1]} dimensions")
    dimensions, more = filled(x, y), FURTHER * k
    warnings = doubts(x, y, dimensions)
    if count > 4 * more:
        found, unsettled = second_opinion(found, sides, [js_terms(x, y, more), js_terms(y, x, more)], k, dimensions)
        warnings += unsettled
    return bounded(found, math.log(2), warnings)
