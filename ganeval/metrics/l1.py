"""L1: how far apart the pixels of image i of one set and image i of the other are."""

from __future__ import annotations

import math

from ganeval.metrics.metric import metric
from ganeval.metrics.perceptual_distance import perceptual_distance
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate


@metric(
    better="lower",
    range=(0, math.inf),
    optimum=0,
    paper="Isola et al. 2017, arXiv:1611.07004",
    tap="l1.distance",
    family="perceptual",
    cost="O(N)",
)
def l1(pairs: Features) -> Estimate:
    """Mean absolute difference of the pixels of image i of the generated set and image i of the reference, at most 1.

    Formula: E_i mean |x_i - y_i| over channels and pixels, of values in [0, 1]; half of what it is for values in
    [-1, 1], and 1/255 of what it is in levels. Images are paired by their order, as for `perceptual_distance`.

    Trust: where one right answer exists for each image: reconstruction, cycles, translation of what decides the whole.
    Compare it with the same between random images of the set: `--metrics perceptual_diversity --features l1`.

    Blind to: sharpness. Where several answers are plausible, the blurred mean of them scores better than any of them.

    Toy: unpaired

    >>> import torch
    >>> pairs = Features()
    >>> pairs.update(torch.tensor([[0.25], [0.75]]))
    >>> l1(pairs).value
    0.5
    """
    return perceptual_distance(pairs)
