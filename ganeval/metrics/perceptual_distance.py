"""Perceptual distance: how different the two images of a pair look to a network."""

from __future__ import annotations

import math

from ganeval.metrics.metric import metric
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate, mean_interval, within


@metric(
    better="lower",
    range=(0, math.inf),
    optimum=0,
    paper="Zhang et al. 2018, arXiv:1801.03924",
    layer="distance",
    family="perceptual",
    cost="O(N)",
)
def perceptual_distance(pairs: Features) -> Estimate:
    """Mean deep distance of image i of the generated set from image i of the reference: reconstruction, translation.

    Formula: E_i d(x_i, y_i), with d the distance of the features' name; `lpips` where that is LPIPS. Images are paired
    by their order, which for a folder is that of the file names.

    Trust: where the two sets are made of the same scenes, one by one. Distances of different networks do not compare.
    The interval is that of the mean over independent pairs.

    Blind to: everything, where the sets are not paired: then it is the distance of random pairs.

    Toy: unpaired

    >>> import torch
    >>> pairs = Features()
    >>> pairs.update(torch.tensor([[0.25], [0.75]]))
    >>> perceptual_distance(pairs).value
    0.5
    """
    pairs.require(2, "a mean distance of pairs")
    interval = mean_interval(pairs.rows[:, 0], "normal interval, independent pairs (real i, generated i)")
    return within(interval, 0.0, math.inf)
