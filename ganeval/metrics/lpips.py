"""LPIPS: the perceptual distance of pairs, on the networks and heads that gave it its name."""

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
    paper="Zhang et al. 2018, arXiv:1801.03924",
    tap="lpips:alex.distance",
    family="perceptual",
    cost="O(N)",
)
def lpips(pairs: Features) -> Estimate:
    """Mean LPIPS of image i of the generated set and image i of the reference; `--features lpips:vgg` for that network.

    Formula: E_i LPIPS(x_i, y_i), by the heads of version 0.1 and the backbone of the features' name.

    Trust: as `perceptual_distance`. Values of alex, squeeze and vgg differ by more than most models do: name yours.

    Blind to: everything, where the sets are not paired.

    Toy: unpaired

    >>> import torch
    >>> pairs = Features()
    >>> pairs.update(torch.tensor([[0.25], [0.75]]))
    >>> lpips(pairs).value
    0.5
    """
    return perceptual_distance(pairs)
