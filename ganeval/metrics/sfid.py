"""Spatial Frechet Inception distance: the Frechet distance on features that still know where things are."""

from __future__ import annotations

import math

from ganeval.metrics.fd import fd
from ganeval.metrics.metric import metric
from ganeval.summaries import Moments
from ganeval.uncertainty.frechet import population_frechet


@metric(
    better="lower",
    range=(0, math.inf),
    optimum=0,
    paper="Nash et al. 2021, arXiv:2103.03841",
    tap="inception.spatial",
    family="Frechet",
    cost="N D^2 + D^3, or N^2 D where N < D",
    interval=population_frechet,
)
def sfid(real: Moments, fake: Moments, *, ddof: int = 1) -> float:
    """Spatial Frechet Inception distance: 7 channels of a 17x17 map of the 2015 Inception network, 2023 features.

    Formula: `fd` on the first 7 channels of `mixed_6/conv`, flattened and not pooled, as the ADM evaluator takes them.
    Covariances are divided by N - `ddof`.

    Trust: as `fid`, biased upwards by about 1/N; compare at equal sample counts only.

    Blind to: what the other 761 channels there and the deeper layers tell of an image.

    Toy: sample size
    """
    return fd(real, fake, ddof=ddof)
