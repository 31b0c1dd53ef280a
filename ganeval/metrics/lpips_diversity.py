"""LPIPS diversity: how different two random images of a generator look to LPIPS."""

from __future__ import annotations

import math

from ganeval.metrics.metric import Laws, metric
from ganeval.metrics.perceptual_diversity import beside_real
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
def lpips_diversity(random_pairs: Features, real_pairs: Features) -> Estimate:
    """Mean LPIPS within random pairs of generated images, beside that of random pairs of the reference.

    Formula: E LPIPS(y, y') over pairs of two different generated images, each image in one pair only.

    Trust: as `perceptual_diversity`. With alex it is the number of multimodal translation, which pairs images of the
    same input, where this pairs images of the whole set.

    Blind to: quality; noise and artefacts raise it.

    Toy: noise pairs

    >>> import torch
    >>> pairs = Features()
    >>> pairs.update(torch.tensor([[0.25], [0.75]]))
    >>> lpips_diversity(pairs, pairs).value
    0.5
    """
    return beside_real(random_pairs, real_pairs)
