"""Perceptual diversity within classes: how different two generated images of one class look."""

from __future__ import annotations

import math

from ganeval.metrics.metric import Laws, metric
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate, mean_interval, within


@metric(
    better="higher",
    range=(0, math.inf),
    optimum=None,
    paper="Zhu et al. 2017, arXiv:1711.11586",
    layer="distance",
    family="diversity",
    cost="O(N)",
    laws=Laws(sees=frozenset()),
)
def perceptual_class_diversity(class_pairs: Features) -> Estimate:
    """Mean deep distance within random pairs of generated images of the same class.

    Formula: E d(y, y' | same class), classes weighted by their number of images; `lpips_class_diversity` where d is
    LPIPS.

    Trust: beside the value of real images, which scoring the reference as the generated set gives.

    Blind to: quality, and whether the classes are the right ones: labels are taken as they are given.

    Toy: noise pairs

    >>> import torch
    >>> pairs = Features()
    >>> pairs.update(torch.tensor([[0.25], [0.75]]))
    >>> perceptual_class_diversity(pairs).value
    0.5
    """
    return within_classes(class_pairs)


def within_classes(class_pairs: Features) -> Estimate:
    """Mean over the pairs (N, 1) of generated images of one class."""
    class_pairs.require(2, "a mean over pairs within classes")
    method = "normal interval, random pairs within a class, each image in one at most"
    return within(mean_interval(class_pairs.rows[:, 0], method), 0.0, math.inf)
