"""Do the supports of two sets overlap?"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ganeval.classifier_ratios import classifier_ratios
from ganeval.metrics.metric import metric
from ganeval.ratios import separation
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate, accuracy_interval

_BARELY = 0.05


@metric(
    better="higher",
    range=(0, 1),
    optimum=1,
    paper="Arjovsky and Bottou 2017, arXiv:1701.04862; Lin 1991, doi:10.1109/18.61115",
    family="divergence",
    cost="3 fits to a third of the samples each",
)
def support_overlap(real: Features, fake: Features, *, network: bool = True) -> Estimate:
    """The mass that the two distributions share, at most: 1 for equal sets, 0 where a classifier tells all apart.

    Below 0.05 it warns: then JS is near log 2 and KL near infinity whatever the distance, no gradient of theirs says
    where to go, and a Wasserstein distance (`w1`, `sinkhorn`, `w1_critic`) is what still tells near from far.

    Formula: twice the error rate of a discriminator on samples that it was not fitted to, classes weighing the same. No
    classifier errs less than (1 - TV) / 2, so this is 1 - TV or more. `details` has `js_at_least`, log 2 - h(e), h the
    entropy of the error rate e (Lin 1991, eq. 4.1) at the interval's end.

    Trust: a small value: a classifier that separates the sets proves it. A large one may be a classifier that failed.

    Blind to: supports that interleave more finely than a classifier learns, such as points on a grid among all others.

    Toy: far; copies
    """
    for summary in (real, fake):
        summary.require(12, "support_overlap")
    ratios = classifier_ratios(real.rows, fake.rows, network=network)
    sides = [np.sign(side.mean(0)) for side in (ratios.real, -ratios.fake)]
    right = [float((side > 0).sum() + (side == 0).sum() / 2) for side in sides]
    accuracy = accuracy_interval((right[0], right[1]), (real.count, fake.count), f"binomial interval; {ratios.how}")
    assert accuracy.low is not None
    assert accuracy.high is not None
    low, high = (min(1.0, 2 * (1 - end)) for end in (accuracy.high, accuracy.low))
    details: dict[str, Any] = {**separation(ratios), "js_at_least": math.log(2) - _entropy(min(high / 2, 0.5))}
    if high < _BARELY:
        details["warnings"] = [
            f"the supports barely overlap, {high:.1%} of their mass at most: JS is {details['js_at_least']:.3f} of "
            f"{math.log(2):.3f} nats or more however near they are; read w1, sinkhorn or w1_critic instead"
        ]
    return Estimate(min(1.0, 2 * (1 - accuracy.value)), low, high, accuracy.method, details)


def _entropy(share: float) -> float:
    return 0.0 if share <= 0 else -share * math.log(share) - (1 - share) * math.log(1 - share)
