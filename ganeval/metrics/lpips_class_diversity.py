"""LPIPS diversity within classes: how different two generated images of one class look to LPIPS."""

from __future__ import annotations

import math

from ganeval.metrics.metric import Laws, metric
from ganeval.metrics.perceptual_class_diversity import within_classes
from ganeval.summaries import Features
from ganeval.uncertainty import Estimate


@metric(
    better="higher",
    range=(0, math.inf),
    optimum=None,
    paper="Zhu et al. 2017, arXiv:1711.11586",
    tap="lpips:alex.distance",
    family="diversity",
    cost="O(N)",
    laws=Laws(sees=frozenset()),
)
def lpips_class_diversity(class_pairs: Features) -> Estimate:
    """Mean LPIPS within random pairs of generated images of the same class.

    Formula: E LPIPS(y, y' | same class), classes weighted by their number of images.

    Trust: beside the value of real images, which scoring the reference as the generated set gives.

    Blind to: quality, and whether the classes are the right ones.

    Toy: noise pairs

    >>> import torch
    >>> pairs = Features()
    >>> pairs.update(torch.tensor([[0.25], [0.75]]))
    >>> lpips_class_diversity(pairs).value
    0.5
    """
    return within_classes(class_pairs)
